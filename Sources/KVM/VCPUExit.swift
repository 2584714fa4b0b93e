import CLinux

/// Why a vCPU stopped, `exit_reason` of `struct kvm_run`.
package enum VCPUExit: Equatable, Sendable {
    /// The guest wrote to a port, `count` times for a string instruction; the values wait in `VirtualCPU.portValue`.
    case portWrite(port: UInt16, size: Int, count: UInt32)
    /// The guest reads a port and waits for `VirtualCPU.answerPort`, once for each of `count`.
    case portRead(port: UInt16, size: Int, count: UInt32)
    /// The guest wrote where there is no memory.
    case memoryWrite(address: UInt64, value: UInt64, size: Int)
    /// The guest reads where there is no memory, and waits for `VirtualCPU.answerMemory`.
    case memoryRead(address: UInt64, size: Int)
    /// Another thread wanted this one out of the guest.
    case interrupted
    /// The guest executed HLT, and there is no interrupt controller in the kernel that would wait.
    case halted
    /// A triple fault, or a shutdown that the processor itself makes.
    case shutdown
    /// The guest asked KVM for a reset or a shutdown, or crashed; the kind is KVM's number.
    case systemEvent(UInt32)
    /// KVM could not enter the guest.
    case failedEntry(reason: UInt64)
    /// KVM could not go on: an instruction that it cannot emulate, or a fault of its own.
    case internalError(suberror: UInt32)
    /// Something that a machine like this has no use for.
    case other(UInt32)

    init(_ shared: UnsafeMutablePointer<kvm_run>) {
        switch Int32(bitPattern: unsafe shared.pointee.exit_reason) {
        case KVM_EXIT_IO:
            let access = unsafe shared.pointee.io
            let size = Int(access.size)
            self =
                Int32(access.direction) == KVM_EXIT_IO_OUT
                ? .portWrite(port: access.port, size: size, count: access.count)
                : .portRead(port: access.port, size: size, count: access.count)
        case KVM_EXIT_MMIO:
            let access = unsafe shared.pointee.mmio
            let size = Int(access.len)
            self =
                access.is_write != 0
                ? .memoryWrite(address: access.phys_addr, value: unsafe clx_kvm_mmio_value(shared), size: size)
                : .memoryRead(address: access.phys_addr, size: size)
        case KVM_EXIT_HLT: self = .halted
        case KVM_EXIT_SHUTDOWN: self = .shutdown
        case KVM_EXIT_INTR: self = .interrupted
        case KVM_EXIT_SYSTEM_EVENT: self = .systemEvent(unsafe shared.pointee.system_event.type)
        case KVM_EXIT_FAIL_ENTRY:
            self = .failedEntry(reason: unsafe shared.pointee.fail_entry.hardware_entry_failure_reason)
        case KVM_EXIT_INTERNAL_ERROR: self = .internalError(suberror: unsafe shared.pointee.`internal`.suberror)
        case let reason: self = .other(UInt32(bitPattern: reason))
        }
    }
}

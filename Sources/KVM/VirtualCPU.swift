package import CLinux
import Glibc
package import Syscalls

/// A virtual processor.
///
/// One thread runs it; others may only ask it to leave the guest.
@safe package final class VirtualCPU: @unchecked Sendable {
    /// The number of the vCPU, and its APIC id.
    package let id: UInt32

    private let descriptor: OwnedDescriptor
    /// Kept because a vCPU holds its machine.
    private let machine: VirtualMachine
    // SAFETY: mapped from init to deinit. Everything in it belongs to the thread that calls `run`, but for
    // `immediate_exit`, which is only touched atomically.
    private nonisolated(unsafe) let shared: UnsafeMutablePointer<kvm_run>
    private let sharedSize: Int

    init(
        _ descriptor: consuming OwnedDescriptor, id: UInt32, machine: VirtualMachine, runSize: Int
    ) throws(SystemError) {
        let number = descriptor.number
        guard runSize >= MemoryLayout<kvm_run>.size, let mapping = unsafe clx_kvm_map_run(number, runSize) else {
            throw SystemError("mmap", "vCPU \(id)", .current)
        }
        self.descriptor = descriptor
        self.id = id
        self.machine = machine
        self.sharedSize = runSize
        unsafe self.shared = mapping
    }

    deinit {
        // Nothing is left that could fail: the mapping is ours since `init`.
        unsafe _ = clx_kvm_unmap_run(shared, sharedSize)
    }

    /// Makes the thread that runs this vCPU return from the kernel, now or at its next attempt to enter the guest.
    ///
    /// That alone does not wake a thread that is in the guest: the signal does, see `VCPUThread`.
    package func requestExit() {
        unsafe clx_kvm_set_immediate_exit(shared, 1)
    }

    /// Lets the vCPU run again after `requestExit`.
    package func permitEntry() {
        unsafe clx_kvm_set_immediate_exit(shared, 0)
    }

    /// Runs the guest until it does something that only this process can do.
    ///
    /// The corresponding request is KVM_RUN. EINTR is not repeated: it is how another thread gets this one out.
    ///
    /// - Returns: why the guest stopped.
    package func run() throws(SystemError) -> VCPUExit {
        if clx_kvm(descriptor.number, CLX_KVM_RUN, 0) != 0 {
            let error = Errno.current
            switch error {
            case .interrupted, .wouldBlock: return .interrupted
            default: throw SystemError("ioctl", "KVM_RUN \(id)", error)
            }
        }
        return unsafe VCPUExit(shared)
    }

    /// Answers `VCPUExit.portRead`: what the guest gets for each of its reads.
    ///
    /// - Parameters:
    ///   - value: the value, in its low bytes.
    ///   - index: which read of a string instruction.
    package func answerPort(_ value: UInt64, index: UInt32 = 0) {
        unsafe clx_kvm_set_port_value(shared, index, value)
    }

    /// The `index`th value of `VCPUExit.portWrite`, for a string instruction writes several.
    package func portValue(index: UInt32) -> UInt64 {
        unsafe clx_kvm_port_value(shared, index)
    }

    /// Answers `VCPUExit.memoryRead`.
    package func answerMemory(_ value: UInt64) {
        unsafe clx_kvm_set_mmio_value(shared, value)
    }

    /// The general registers.
    package func registers() throws(SystemError) -> kvm_regs {
        var registers = kvm_regs()
        try call("KVM_GET_REGS", CLX_KVM_GET_REGS, &registers)
        return registers
    }

    /// Sets the general registers.
    package func setRegisters(_ registers: kvm_regs) throws(SystemError) {
        var copy = registers
        try call("KVM_SET_REGS", CLX_KVM_SET_REGS, &copy)
    }

    /// Segments, control registers and descriptor tables.
    package func specialRegisters() throws(SystemError) -> kvm_sregs {
        var registers = kvm_sregs()
        try call("KVM_GET_SREGS", CLX_KVM_GET_SREGS, &registers)
        return registers
    }

    /// Sets segments, control registers and descriptor tables.
    package func setSpecialRegisters(_ registers: kvm_sregs) throws(SystemError) {
        var copy = registers
        try call("KVM_SET_SREGS", CLX_KVM_SET_SREGS, &copy)
    }

    /// Sets the x87 and SSE registers.
    package func setFloatingPoint(_ state: kvm_fpu) throws(SystemError) {
        var copy = state
        try call("KVM_SET_FPU", CLX_KVM_SET_FPU, &copy)
    }

    /// The registers of the LAPIC.
    package func localAPIC() throws(SystemError) -> kvm_lapic_state {
        var state = kvm_lapic_state()
        try call("KVM_GET_LAPIC", CLX_KVM_GET_LAPIC, &state)
        return state
    }

    /// Sets the registers of the LAPIC.
    package func setLocalAPIC(_ state: kvm_lapic_state) throws(SystemError) {
        var copy = state
        try call("KVM_SET_LAPIC", CLX_KVM_SET_LAPIC, &copy)
    }

    /// The frequency of the guest's time stamp counter, kHz; nil where KVM does not know it.
    package func timeStampFrequency() -> UInt32? {
        let result = clx_kvm(descriptor.number, CLX_KVM_GET_TSC_KHZ, 0)
        return result > 0 ? UInt32(result) : nil
    }

    /// Sets what CPUID shows.
    package func setCPUID(_ entries: [kvm_cpuid_entry2]) throws(SystemError) {
        let number = descriptor.number
        try syscall("ioctl", on: "KVM_SET_CPUID2") {
            // SAFETY: the shim reads exactly as many entries as there are.
            unsafe entries.withUnsafeBufferPointer { buffer in
                unsafe buffer.baseAddress.map { unsafe clx_kvm_set_cpuid(number, $0, UInt32(buffer.count)) } ?? 0
            }
        }
    }

    /// Sets model specific registers, in order, until one that this KVM does not take.
    ///
    /// - Returns: how many were taken.
    @discardableResult
    package func setModelSpecificRegisters(_ entries: [(index: UInt32, value: UInt64)]) throws(SystemError) -> Int {
        let number = descriptor.number
        let list = entries.map { kvm_msr_entry(index: $0.index, reserved: 0, data: $0.value) }
        return Int(
            try syscall("ioctl", on: "KVM_SET_MSRS") {
                // SAFETY: the shim reads exactly as many entries as there are.
                unsafe list.withUnsafeBufferPointer { buffer in
                    unsafe buffer.baseAddress.map { unsafe clx_kvm_set_msrs(number, $0, UInt32(buffer.count)) } ?? 0
                }
            })
    }

    private func call<State>(_ name: String, _ request: UInt, _ state: inout State) throws(SystemError) {
        let number = descriptor.number
        // SAFETY: the request's number says how long the structure is, and each caller passes the one that belongs to it.
        try syscall("ioctl", on: name) {
            unsafe withUnsafeMutablePointer(to: &state) { unsafe clx_kvm_with(number, request, $0) }
        }
    }
}

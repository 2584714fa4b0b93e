import CLinux
package import Syscalls

/// A virtual machine of KVM's: its memory, its interrupt controllers and its event descriptors.
package final class VirtualMachine: Sendable {
    private let descriptor: OwnedDescriptor
    /// The size of what a vCPU shares with its thread.
    private let runSize: Int

    init(_ descriptor: consuming OwnedDescriptor, runSize: Int) {
        self.descriptor = descriptor
        self.runSize = runSize
    }

    /// Gives the guest memory, or takes it away.
    ///
    /// The corresponding request is KVM_SET_USER_MEMORY_REGION.
    ///
    /// - Parameters:
    ///   - slot: the number of the region.
    ///   - guestAddress: where the guest sees it; a multiple of the page size.
    ///   - size: bytes, a multiple of the page size; 0 removes the region.
    ///   - hostAddress: where it lies in this process. It must stay mapped as long as the machine has the region.
    ///   - readOnly: whether a write of the guest's is an MMIO exit.
    package func setMemory(
        slot: UInt32, guestAddress: UInt64, size: UInt64, hostAddress: UInt, readOnly: Bool = false
    ) throws(SystemError) {
        var region = kvm_userspace_memory_region()
        region.slot = slot
        region.flags = readOnly ? 2 : 0
        region.guest_phys_addr = guestAddress
        region.memory_size = size
        region.userspace_addr = UInt64(hostAddress)
        let number = descriptor.number
        try syscall("ioctl", on: "KVM_SET_USER_MEMORY_REGION \(slot)") {
            unsafe clx_kvm_with(number, CLX_KVM_SET_USER_MEMORY_REGION, &region)
        }
    }

    /// Says which four pages of guest addresses KVM may use on Intel processors: three for a TSS, one for page tables.
    ///
    /// The corresponding requests are KVM_SET_TSS_ADDR and KVM_SET_IDENTITY_MAP_ADDR; both come before the first vCPU.
    ///
    /// - Parameter address: the first of them, below 4 GiB, where there is neither memory nor a device.
    package func setReservedPages(at address: UInt64) throws(SystemError) {
        try call("KVM_SET_TSS_ADDR", CLX_KVM_SET_TSS_ADDR, UInt(address))
        var identityMap = address + 3 * 4096
        let number = descriptor.number
        try syscall("ioctl", on: "KVM_SET_IDENTITY_MAP_ADDR") {
            unsafe clx_kvm_with(number, CLX_KVM_SET_IDENTITY_MAP_ADDR, &identityMap)
        }
    }

    /// Creates the interrupt controllers: a LAPIC for each vCPU to come, an I/O APIC and two PICs.
    package func createInterruptControllers() throws(SystemError) {
        try call("KVM_CREATE_IRQCHIP", CLX_KVM_CREATE_IRQCHIP)
    }

    /// Lets an eventfd raise an interrupt, or no longer.
    ///
    /// The corresponding request is KVM_IRQFD.
    ///
    /// - Parameters:
    ///   - event: the number of the eventfd; KVM keeps the open file.
    ///   - interrupt: the global system interrupt, which is raised and lowered at once for each signal.
    ///   - attached: false to end it.
    package func connect(event: Int32, toInterrupt interrupt: UInt32, attached: Bool = true) throws(SystemError) {
        var request = kvm_irqfd()
        request.fd = UInt32(bitPattern: event)
        request.gsi = interrupt
        request.flags = attached ? 0 : 1
        let number = descriptor.number
        try syscall("ioctl", on: "KVM_IRQFD \(interrupt)") { unsafe clx_kvm_with(number, CLX_KVM_IRQFD, &request) }
    }

    /// Lets a write of the guest's signal an eventfd without an exit to this process.
    ///
    /// The corresponding request is KVM_IOEVENTFD.
    ///
    /// - Parameters:
    ///   - event: the number of the eventfd; KVM keeps the open file.
    ///   - address: the guest address that is written to.
    ///   - value: which value of four bytes; another one is an exit as before.
    package func connect(event: Int32, toWriteAt address: UInt64, of value: UInt32) throws(SystemError) {
        var request = kvm_ioeventfd()
        request.datamatch = UInt64(value)
        request.addr = address
        request.len = 4
        request.fd = event
        request.flags = 1
        let number = descriptor.number
        try syscall("ioctl", on: "KVM_IOEVENTFD \(address) \(value)") {
            unsafe clx_kvm_with(number, CLX_KVM_IOEVENTFD, &request)
        }
    }

    /// Creates a vCPU.
    ///
    /// - Parameter id: its number, which is its APIC id too; 0 is the one that boots.
    package func createCPU(_ id: UInt32) throws(SystemError) -> VirtualCPU {
        let cpu = OwnedDescriptor(owning: try call("KVM_CREATE_VCPU", CLX_KVM_CREATE_VCPU, UInt(id)))
        return try VirtualCPU(cpu, id: id, machine: self, runSize: runSize)
    }

    @discardableResult
    private func call(_ name: String, _ request: UInt, _ argument: UInt = 0) throws(SystemError) -> Int32 {
        let number = descriptor.number
        return try syscall("ioctl", on: name) { clx_kvm(number, request, argument) }
    }
}

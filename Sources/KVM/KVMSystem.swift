package import CLinux
package import Syscalls

/// The host's KVM, an open /dev/kvm.
package final class KVMSystem: Sendable {
    /// What KVM can do, KVM_CHECK_EXTENSION.
    package enum Capability: Int, CaseIterable, Sendable {
        /// KVM_CAP_IRQCHIP.
        case irqchip = 0
        /// KVM_CAP_USER_MEMORY.
        case userMemory = 3
        /// KVM_CAP_SET_TSS_ADDR.
        case setTSSAddress = 4
        /// KVM_CAP_NR_VCPUS: how many are recommended.
        case recommendedVCPUs = 9
        /// KVM_CAP_IRQFD.
        case irqfd = 32
        /// KVM_CAP_IOEVENTFD.
        case ioeventfd = 36
        /// KVM_CAP_SET_IDENTITY_MAP_ADDR.
        case setIdentityMapAddress = 37
        /// KVM_CAP_GET_TSC_KHZ.
        case getTSCFrequency = 61
        /// KVM_CAP_MAX_VCPUS.
        case maximumVCPUs = 66
        /// KVM_CAP_TSC_DEADLINE_TIMER.
        case tscDeadlineTimer = 72
        /// KVM_CAP_READONLY_MEM.
        case readOnlyMemory = 81
        /// KVM_CAP_IMMEDIATE_EXIT.
        case immediateExit = 136
    }

    /// What a machine cannot be without.
    package static let required: [Capability] = [.irqchip, .userMemory, .irqfd, .ioeventfd, .immediateExit]

    /// The version of the interface that is in use since 2007.
    package static let apiVersion: Int32 = 12

    private let device: OwnedDescriptor

    /// Takes the open device.
    ///
    /// - Parameter device: /dev/kvm, open for reading and writing.
    package init(_ device: consuming OwnedDescriptor) {
        self.device = device
    }

    /// Opens /dev/kvm.
    package static func open() throws(SystemError) -> KVMSystem {
        KVMSystem(try OwnedDescriptor.open("/dev/kvm", .readWrite))
    }

    /// The version of the interface; anything but `apiVersion` is not usable.
    package func version() throws(SystemError) -> Int32 {
        try call("KVM_GET_API_VERSION", CLX_KVM_GET_API_VERSION)
    }

    /// What KVM says to a capability; 0 where it lacks it.
    package func check(_ capability: Capability) -> Int32 {
        max(0, (try? call("KVM_CHECK_EXTENSION", CLX_KVM_CHECK_EXTENSION, UInt(capability.rawValue))) ?? 0)
    }

    /// The capabilities of `required` that this KVM lacks.
    package func missingCapabilities() -> [Capability] {
        Self.required.filter { check($0) == 0 }
    }

    /// What CPUID may show to a guest.
    package func supportedCPUID() throws(SystemError) -> [kvm_cpuid_entry2] {
        let number = device.number
        var entries = [kvm_cpuid_entry2](repeating: kvm_cpuid_entry2(), count: Int(CLX_KVM_CPUID_ROOM))
        let room = UInt32(entries.count)
        let count = try syscall("ioctl", on: "KVM_GET_SUPPORTED_CPUID") {
            // SAFETY: the shim writes at most `room` entries.
            unsafe entries.withUnsafeMutableBufferPointer { buffer in
                unsafe buffer.baseAddress.map { unsafe clx_kvm_supported_cpuid(number, $0, room) } ?? -1
            }
        }
        entries.removeLast(entries.count - Int(count))
        return entries
    }

    /// Creates a virtual machine without memory and processors.
    ///
    /// The corresponding request is KVM_CREATE_VM. It returns EINTR where a signal is pending, and is then repeated.
    package func createMachine() throws(SystemError) -> VirtualMachine {
        let size = try call("KVM_GET_VCPU_MMAP_SIZE", CLX_KVM_GET_VCPU_MMAP_SIZE)
        let machine = OwnedDescriptor(owning: try call("KVM_CREATE_VM", CLX_KVM_CREATE_VM))
        return VirtualMachine(machine, runSize: Int(size))
    }

    private func call(_ name: String, _ request: UInt, _ argument: UInt = 0) throws(SystemError) -> Int32 {
        let number = device.number
        return try syscall("ioctl", on: name) { clx_kvm(number, request, argument) }
    }
}

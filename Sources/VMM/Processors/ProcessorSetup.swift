import CLinux
import KVM
import Syscalls

extension VirtualCPU {
    /// Puts the processor into the state in which firmware would leave it.
    func prepare(_ table: CPUIDTable) throws(SystemError) {
        try setCPUID(table.entries(forProcessor: id))
        // String instructions are fast; memory is cached unless a page says otherwise. What a KVM does not take, it lacks
        // for good reason, and the kernel does without.
        try setModelSpecificRegisters([(0x1A0, 1)])
        try setModelSpecificRegisters([(0x2FF, 1 << 11 | 6)])
        var floatingPoint = kvm_fpu()
        floatingPoint.fcw = 0x37F
        floatingPoint.mxcsr = 0x1F80
        try setFloatingPoint(floatingPoint)
        var controller = try localAPIC()
        // LINT0 takes the interrupts of the PIC, LINT1 is NMI; the modes are bits 8 to 10.
        for (register, mode) in [(UInt32(0x350), UInt32(7)), (0x360, 4)] {
            let value = unsafe clx_kvm_lapic_register(&controller, register) & ~0x1_0700 | mode << 8
            unsafe clx_kvm_set_lapic_register(&controller, register, value)
        }
        try setLocalAPIC(controller)
    }
}

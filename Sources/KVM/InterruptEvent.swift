import Board
package import Syscalls

/// An interrupt line that an eventfd of KVM's raises.
package final class InterruptEvent: InterruptLine {
    private let event: EventDescriptor

    /// Connects a new eventfd to an interrupt.
    ///
    /// - Parameters:
    ///   - interrupt: the global system interrupt.
    ///   - machine: whose.
    package init(_ interrupt: UInt32, of machine: VirtualMachine) throws(SystemError) {
        let event = try EventDescriptor()
        try machine.connect(event: event.file.number, toInterrupt: interrupt)
        self.event = event
    }

    /// Raises the interrupt once.
    package func trigger() {
        event.signal()
    }
}

package import KVM
import Synchronization
package import Syscalls

/// What every processor passes before it enters the guest: open, shut for a pause, or closed for good.
package final class VCPUGate: Sendable {
    private enum State: UInt8, AtomicRepresentable {
        case open
        case shut
        case closed
    }

    private let state = Atomic(State.open)
    private let waiters = Atomic(0)
    /// Readable unless the gate is shut, once it has been shut.
    private let opened: EventDescriptor

    /// Makes an open gate.
    package init() throws(SystemError) {
        opened = try EventDescriptor()
    }

    /// Shuts the gate; who is inside has to be kicked.
    ///
    /// Only one thread shuts and opens.
    package func shut() {
        opened.drain()
        _ = state.compareExchange(expected: .open, desired: .shut, ordering: .sequentiallyConsistent)
    }

    /// Opens it again.
    package func open() {
        _ = state.compareExchange(expected: .shut, desired: .open, ordering: .sequentiallyConsistent)
        opened.signal()
    }

    /// Closes it for good; who is inside has to be kicked.
    package func close() {
        state.store(.closed, ordering: .sequentiallyConsistent)
        opened.signal()
    }

    /// How many processors wait for it to open.
    package var waiting: Int {
        waiters.load(ordering: .sequentiallyConsistent)
    }

    /// Waits until a processor may enter the guest.
    ///
    /// - Returns: false where it shall end.
    package func enter(_ cpu: VirtualCPU) throws(SystemError) -> Bool {
        while true {
            switch state.load(ordering: .sequentiallyConsistent) {
            case .closed: return false
            case .open:
                cpu.permitEntry()
                // A kick between the look and the permission would be lost: look again.
                if state.load(ordering: .sequentiallyConsistent) == .open { return true }
            case .shut:
                waiters.wrappingAdd(1, ordering: .sequentiallyConsistent)
                defer { waiters.wrappingSubtract(1, ordering: .sequentiallyConsistent) }
                var set = PollSet()
                set.add(opened.file, .readable)
                _ = try set.wait()
            }
        }
    }
}

import CLinux
import Glibc

/// A counter that threads and the kernel wake each other with.
///
/// The corresponding system call is `eventfd(2)`; the descriptor never waits.
package final class EventDescriptor: Sendable {
    /// The open file, for what waits on it: an event loop, or KVM's irqfd and ioeventfd.
    package let file: OwnedDescriptor

    /// Makes a counter that is zero.
    package init() throws(SystemError) {
        file = OwnedDescriptor(owning: try syscall("eventfd", on: "0") { clx_eventfd() })
    }

    /// Adds one, which makes it readable.
    package func signal() {
        var one: UInt64 = 1
        // A full counter is an EAGAIN: whoever waits is awake then, so there is nothing to report.
        _ = unsafe Glibc.write(file.number, &one, 8)
    }

    /// Sets it back to zero.
    ///
    /// - Returns: whether it was signalled since the last time.
    @discardableResult
    package func drain() -> Bool {
        var count: UInt64 = 0
        return unsafe Glibc.read(file.number, &count, 8) == 8
    }
}

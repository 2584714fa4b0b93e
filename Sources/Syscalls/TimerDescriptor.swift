import CLinux
import Glibc

/// A file that becomes readable when a time has passed.
///
/// The corresponding system call is `timerfd_create(2)`; the clock only goes forward.
package final class TimerDescriptor: Sendable {
    /// The open file, for what waits on it.
    package let file: OwnedDescriptor

    /// Makes a timer.
    ///
    /// - Parameter milliseconds: when it becomes readable, and stays so; 0 for never.
    package init(milliseconds: Int) throws(SystemError) {
        file = OwnedDescriptor(owning: try syscall("timerfd_create", on: "") { clx_timerfd() })
        let number = file.number
        try syscall("timerfd_settime", on: "\(number)") { clx_timerfd_set(number, milliseconds) }
    }
}

import CLinux
import Glibc

/// Pseudoterminals, pty(7).
package enum PseudoTerminal {
    /// Makes a pair out of an open /dev/ptmx: unlocks it and opens the other side, without any path.
    ///
    /// - Parameter main: an open ptmx device.
    /// - Returns: the side that the program gets.
    package static func openPeer(of main: borrowing OwnedDescriptor) throws(SystemError) -> OwnedDescriptor {
        let number = main.number
        try syscall("ioctl", on: "TIOCSPTLCK") { clx_unlock_pt(number) }
        return OwnedDescriptor(
            owning: try syscall("ioctl", on: "TIOCGPTPEER") {
                clx_pt_peer(number, O_RDWR | O_NOCTTY | O_CLOEXEC)
            })
    }

    /// The number N of /dev/pts/N.
    ///
    /// The corresponding request is `TIOCGPTN` of `ioctl_tty(2)`.
    package static func number(of main: borrowing OwnedDescriptor) throws(SystemError) -> UInt32 {
        let descriptor = main.number
        var result: UInt32 = 0
        try syscall("ioctl", on: "TIOCGPTN") { unsafe clx_pt_number(descriptor, &result) }
        return result
    }

    /// Makes a terminal the session's.
    ///
    /// The corresponding request is `TIOCSCTTY` of `ioctl_tty(2)`.
    package static func makeControlling(_ terminal: borrowing OwnedDescriptor) throws(SystemError) {
        let number = terminal.number
        try syscall("ioctl", on: "TIOCSCTTY") { clx_set_controlling_terminal(number) }
    }

    /// Sets rows and columns.
    ///
    /// The corresponding request is `TIOCSWINSZ` of `ioctl_tty(2)`.
    package static func setSize(
        of terminal: borrowing OwnedDescriptor, rows: UInt16, columns: UInt16
    ) throws(SystemError) {
        let number = terminal.number
        try syscall("ioctl", on: "TIOCSWINSZ") { clx_set_window_size(number, rows, columns) }
    }

    /// Rows and columns.
    ///
    /// The corresponding request is `TIOCGWINSZ` of `ioctl_tty(2)`.
    package static func size(
        of terminal: borrowing OwnedDescriptor
    ) throws(SystemError) -> (rows: UInt16, columns: UInt16) {
        let number = terminal.number
        var (rows, columns): (UInt16, UInt16) = (0, 0)
        try syscall("ioctl", on: "TIOCGWINSZ") { unsafe clx_get_window_size(number, &rows, &columns) }
        return (rows, columns)
    }
}

extension OwnedDescriptor {
    /// Makes this file a standard stream as well.
    ///
    /// The corresponding system call is `dup2(2)`.
    ///
    /// - Parameter stream: 0, 1 or 2.
    package borrowing func becomeStandardStream(_ stream: Int32) throws(SystemError) {
        let number = self.number
        try syscall("dup2", on: "\(stream)") { dup2(number, stream) }
    }
}

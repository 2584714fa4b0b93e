import CLinux
import Glibc

/// A terminal that hands every key through as it is, until this value goes away; termios(3).
package struct RawTerminal: ~Copyable {
    private let number: Int32
    private let saved: termios

    /// Switches a standard stream to raw mode.
    ///
    /// - Parameter stream: 0, 1 or 2.
    /// - Returns: nil where it is no terminal.
    package static func begin(standardStream stream: Int32) -> RawTerminal? {
        var modes = termios()
        guard unsafe tcgetattr(stream, &modes) == 0 else { return nil }
        let saved = modes
        unsafe cfmakeraw(&modes)
        // Output goes on being processed: what mvrun itself prints is to start at the left.
        modes.c_oflag |= tcflag_t(OPOST)
        guard unsafe tcsetattr(stream, TCSANOW, &modes) == 0 else { return nil }
        return RawTerminal(number: stream, saved: saved)
    }

    deinit {
        var saved = saved
        // Nobody is left to be told should that fail; the shell sets its modes itself.
        unsafe _ = tcsetattr(number, TCSADRAIN, &saved)
    }
}

extension OwnedDescriptor {
    /// A second descriptor of a standard stream.
    ///
    /// - Parameter stream: 0, 1 or 2.
    package static func standardStream(_ stream: Int32) throws(SystemError) -> OwnedDescriptor {
        OwnedDescriptor(
            owning: try syscall("fcntl", on: "F_DUPFD_CLOEXEC \(stream)") {
                clx_fcntl(stream, F_DUPFD_CLOEXEC, 3)
            })
    }

    /// Whether the file is a terminal, isatty(3).
    package var isTerminal: Bool { isatty(number) == 1 }
}

import CLinux
import Glibc

/// An open file descriptor that belongs to exactly one place, and is closed when that place lets go of it.
package struct OwnedDescriptor: ~Copyable, Sendable {
    /// The number, for the one call that needs it; it is not to be kept.
    package let number: Int32

    /// Takes ownership of an open descriptor.
    ///
    /// - Parameter number: a descriptor that nobody else closes.
    package init(owning number: Int32) {
        self.number = number
    }

    deinit {
        // The descriptor is gone whatever close(2) returns, EINTR included, so there is nothing to repeat or report.
        _ = Glibc.close(number)
    }

    /// Gives the descriptor away without closing it.
    ///
    /// - Returns: the number, which somebody else closes from now on.
    package consuming func release() -> Int32 {
        let number = self.number
        discard self
        return number
    }

    /// A second descriptor of the same open file, closed on exec.
    ///
    /// - Parameter lowest: the lowest number it may get.
    package borrowing func duplicate(atLeast lowest: Int32 = 3) throws(SystemError) -> OwnedDescriptor {
        let number = self.number
        return OwnedDescriptor(
            owning: try syscall("fcntl", on: "F_DUPFD_CLOEXEC \(number)") {
                clx_fcntl(number, F_DUPFD_CLOEXEC, Int(lowest))
            })
    }

    /// Gives an open file one more number, which an exec keeps; what had that number is closed.
    ///
    /// The corresponding system call is `dup2(2)`.
    ///
    /// - Parameters:
    ///   - number: the open file.
    ///   - place: its new number.
    package static func place(_ number: Int32, at place: Int32) throws(SystemError) {
        try syscall("dup2", on: "\(place)") { dup2(number, place) }
    }

    /// Whether an exec closes it.
    package borrowing func setCloseOnExec(_ close: Bool) throws(SystemError) {
        let number = self.number
        try syscall("fcntl", on: "F_SETFD \(number)") { clx_fcntl(number, F_SETFD, close ? Int(FD_CLOEXEC) : 0) }
    }

    /// The path under which this process can name the open file, as in /proc/self/fd/7.
    package var procPath: String {
        "/proc/self/fd/\(number)"
    }
}

/// Closes descriptors that somebody owns by their numbers, neighbours by one call.
///
/// The corresponding system call is `close_range(2)`.
package func closeDescriptors(_ numbers: [Int32]) {
    var rest = numbers.sorted()[...]
    while let first = rest.popFirst() {
        var last = first
        while rest.first == last + 1 { last = rest.removeFirst() }
        // Like close(2), it leaves nothing to repair or report.
        _ = clx_close_range(UInt32(bitPattern: first), UInt32(bitPattern: last), 0)
    }
}

/// Whether a descriptor of this number is open.
package func isOpen(_ number: Int32) -> Bool {
    clx_fcntl(number, F_GETFD, 0) >= 0
}

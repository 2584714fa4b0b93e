import CLinux
import Glibc

/// Files that are waited for together.
///
/// The corresponding system call is `poll(2)`.
package struct PollSet {
    /// What is waited for.
    package enum Event: Sendable {
        /// There is something to read, or the other side is gone.
        case readable
        /// There is room to write, or the other side is gone.
        case writable
    }

    private var entries: [pollfd] = []

    /// Makes an empty set.
    package init() {}

    /// Adds an open file, which must stay open as long as the set is used.
    ///
    /// - Returns: its place in the set.
    @discardableResult
    package mutating func add(_ file: borrowing OwnedDescriptor, _ event: Event) -> Int {
        entries.append(pollfd(fd: file.number, events: Int16(event == .readable ? POLLIN : POLLOUT), revents: 0))
        return entries.count - 1
    }

    /// Waits until a file of the set is ready.
    ///
    /// - Parameter timeoutMilliseconds: how long; nil for ever.
    /// - Returns: false where the time ran out.
    package mutating func wait(timeoutMilliseconds: Int? = nil) throws(SystemError) -> Bool {
        let count = entries.count
        let timeout = timeoutMilliseconds.map { Int32(clamping: $0) } ?? -1
        return try syscall("poll", on: "\(count) files") {
            // SAFETY: the kernel reads and writes exactly `count` entries.
            unsafe entries.withUnsafeMutableBufferPointer { unsafe clx_poll($0.baseAddress, UInt(count), timeout) }
        } > 0
    }

    /// Whether the last wait found a file ready, its other side gone included.
    package func isReady(_ place: Int) -> Bool {
        entries[place].revents != 0
    }

    /// Whether the last wait found nothing more to come: the other side is gone, and there is nothing left to read.
    package func isAtEnd(_ place: Int) -> Bool {
        let events = Int32(entries[place].revents)
        return events & (POLLHUP | POLLERR) != 0 && events & POLLIN == 0
    }
}

/// Milliseconds of a clock that only goes forward.
///
/// The corresponding system call is `clock_gettime(2)`.
package func monotonicMilliseconds() -> Int {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

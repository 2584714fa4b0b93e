import CLinux
import Glibc

/// Which file it is and in which state, told without reading it.
///
/// Whoever writes to a file changes its ctime, which no system call can set. So two equal identities mean the same content,
/// provided the clock has moved on since the first was taken: see `hasSettled`.
package struct FileIdentity: Equatable, Sendable {
    /// The device the file is on.
    package let device: UInt64
    /// Its number there.
    package let inode: UInt64
    /// In bytes.
    package let size: Int64
    /// The last write, in nanoseconds since 1970.
    package let modified: Int64
    /// The last change of the file or of what is said about it, in nanoseconds since 1970.
    package let changed: Int64

    /// Puts one together that was written down.
    package init(device: UInt64, inode: UInt64, size: Int64, modified: Int64, changed: Int64) {
        self.device = device
        self.inode = inode
        self.size = size
        self.modified = modified
        self.changed = changed
    }

    init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        modified = Self.nanoseconds(status.st_mtim)
        changed = Self.nanoseconds(status.st_ctim)
    }

    /// Whether a later write is certain to get another ctime.
    ///
    /// The kernel stamps files with a clock that moves once a tick, at most every 10 ms.
    package var hasSettled: Bool {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        let age = Self.nanoseconds(time) &- changed
        return age < 0 || age > 20_000_000
    }

    private static func nanoseconds(_ time: timespec) -> Int64 {
        Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }
}

/// The identity of the file at a path, links followed.
///
/// The corresponding system call is `stat(2)`.
package func fileIdentity(of path: String) throws(SystemError) -> FileIdentity {
    var result = stat()
    try syscall("stat", on: path) { unsafe clx_fstatat(CLX_AT_FDCWD, path, &result, 0) }
    return FileIdentity(result)
}

extension OwnedDescriptor {
    /// The identity of the open file.
    ///
    /// The corresponding system call is `fstat(2)`.
    package borrowing func fileIdentity() throws(SystemError) -> FileIdentity {
        var result = stat()
        let number = self.number
        try syscall("fstat", on: "\(number)") { unsafe clx_fstatat(number, "", &result, CLX_AT_EMPTY_PATH) }
        return FileIdentity(result)
    }
}

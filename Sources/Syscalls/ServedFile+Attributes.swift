import CLinux
import Glibc

/// What statx(2) says of a file.
package struct FileAttributes: Sendable {
    /// A moment as file systems keep it.
    package struct Time: Equatable, Sendable {
        /// Since 1970.
        package var seconds: Int64
        /// Below a thousand million.
        package var nanoseconds: UInt32

        /// Makes a moment.
        package init(seconds: Int64, nanoseconds: UInt32) {
            self.seconds = seconds
            self.nanoseconds = nanoseconds
        }

        init(_ time: clx_statx_time) {
            self.init(seconds: time.seconds, nanoseconds: time.nanoseconds)
        }
    }

    /// Kind and permission bits, S_IFMT and below.
    package let mode: UInt32
    /// How many names it has.
    package let links: UInt32
    /// The owner.
    package let user: UInt32
    /// The group.
    package let group: UInt32
    /// Bytes.
    package let size: UInt64
    /// Of 512 bytes.
    package let blocks: UInt64
    /// The size for transfers that the file system likes best.
    package let blockSize: UInt32
    /// Its number.
    package let inode: UInt64
    /// The file system it is on.
    package let device: UInt64
    /// The device it stands for.
    package let representedDevice: (major: UInt32, minor: UInt32)
    /// The mount it was reached by.
    package let mount: UInt64
    /// When its content was read.
    package let access: Time
    /// When its content was changed.
    package let modification: Time
    /// When anything of it was changed.
    package let change: Time
    /// When it was made; zero where the file system does not keep it.
    package let birth: Time

    init(_ status: clx_statx) {
        mode = UInt32(status.mode)
        links = status.links
        user = status.user
        group = status.group
        size = status.size
        blocks = status.blocks
        blockSize = status.block_size
        inode = status.inode
        device = clx_makedev(status.device_major, status.device_minor)
        representedDevice = (status.represented_major, status.represented_minor)
        mount = status.mount
        access = Time(status.access)
        modification = Time(status.modification)
        change = Time(status.change)
        birth = Time(status.birth)
    }

    /// S_IFMT of the mode.
    package var kind: UInt32 { mode & S_IFMT }
    /// Whether it is a directory.
    package var isDirectory: Bool { kind == S_IFDIR }
    /// Whether it is a regular file.
    package var isRegular: Bool { kind == S_IFREG }
}

/// What statvfs(3) says of a file system.
package struct FileSystemCapacity: Sendable {
    /// In units of `fragmentSize`.
    package let blocks: UInt64
    /// Free ones.
    package let freeBlocks: UInt64
    /// Free ones for everybody.
    package let availableBlocks: UInt64
    /// Inodes.
    package let files: UInt64
    /// Free ones.
    package let freeFiles: UInt64
    /// The size for transfers that it likes best.
    package let blockSize: UInt32
    /// The unit of the counts above.
    package let fragmentSize: UInt32
    /// The longest name.
    package let nameLength: UInt32
}

extension ServedFile {
    /// How full the file's file system is.
    ///
    /// The corresponding system call is `fstatfs(2)`.
    package func capacity() throws(Errno) -> FileSystemCapacity {
        var result = statvfs()
        try numbered { unsafe fstatvfs(descriptor.number, &result) }
        return FileSystemCapacity(
            blocks: UInt64(result.f_blocks), freeBlocks: UInt64(result.f_bfree),
            availableBlocks: UInt64(result.f_bavail), files: UInt64(result.f_files),
            freeFiles: UInt64(result.f_ffree), blockSize: UInt32(truncatingIfNeeded: result.f_bsize),
            fragmentSize: UInt32(truncatingIfNeeded: result.f_frsize),
            nameLength: UInt32(truncatingIfNeeded: result.f_namemax))
    }

    /// Changes owner and group; all ones leave one as it is.
    ///
    /// The corresponding system call is `fchownat(2)`.
    package func changeOwner(user: UInt32, group: UInt32) throws(Errno) {
        try numbered { unsafe fchownat(descriptor.number, "", user, group, CLX_AT_EMPTY_PATH) }
    }

    /// Changes the permission bits of one of this process's own descriptors; this is the directory /proc/self/fd.
    ///
    /// The corresponding system call is `fchmodat(2)`.
    package func changeMode(of file: ServedFile, _ mode: UInt32) throws(Errno) {
        let name = FileName(descriptor: file.descriptor)
        try numbered { unsafe name.withPointer { unsafe clx_fchmodat(descriptor.number, $0, mode) } }
    }

    /// Changes the times; nil leaves one, and `.now` is what it says.
    ///
    /// The corresponding system call is `utimensat(2)`.
    package func changeTimes(access: TimeChange?, modification: TimeChange?) throws(Errno) {
        let times = [Self.specification(access), Self.specification(modification)]
        try numbered { unsafe clx_utimens(descriptor.number, "", times, CLX_AT_EMPTY_PATH) }
    }

    /// A new time of a file.
    package enum TimeChange: Sendable {
        /// The present.
        case now
        /// A given one.
        case time(FileAttributes.Time)
    }

    private static func specification(_ change: TimeChange?) -> timespec {
        switch change {
        case nil: timespec(tv_sec: 0, tv_nsec: 0x3fff_fffe)
        case .now: timespec(tv_sec: 0, tv_nsec: 0x3fff_ffff)
        case .time(let time):
            // UTIME_NOW and UTIME_OMIT are numbers of nanoseconds too; no client's number may become one.
            timespec(tv_sec: Int(time.seconds), tv_nsec: Int(min(time.nanoseconds, 1_000_000_000)))
        }
    }

    /// Cuts the file, or makes it longer.
    ///
    /// The corresponding system call is `ftruncate(2)`; this is open for writing.
    package func truncate(to size: Int64) throws(Errno) {
        try numbered { clx_ftruncate(descriptor.number, size) }
    }

    // Extended attributes go by way of the working directory, which for a `ServingThread` is /proc/self/fd: before
    // kernel 6.13 there was no call that takes a descriptor opened with O_PATH.

    /// An extended attribute; its size alone where `limit` is 0.
    ///
    /// The corresponding system call is `getxattr(2)`.
    package func extendedAttribute(_ name: FileName, limit: Int) throws(Errno) -> (value: [UInt8], size: Int) {
        unsafe try readAttribute(limit: limit) { file, buffer, size in
            unsafe name.withPointer { unsafe clx_getxattr(file, $0, buffer, size) }
        }
    }

    /// The names of the extended attributes, each with its NUL; their size alone where `limit` is 0.
    ///
    /// The corresponding system call is `listxattr(2)`.
    package func extendedAttributeNames(limit: Int) throws(Errno) -> (value: [UInt8], size: Int) {
        unsafe try readAttribute(limit: limit) { file, buffer, size in
            unsafe clx_listxattr(file, buffer?.assumingMemoryBound(to: CChar.self), size)
        }
    }

    private func readAttribute(
        limit: Int, _ call: (UnsafePointer<CChar>, UnsafeMutableRawPointer?, UInt) -> Int
    ) throws(Errno) -> (value: [UInt8], size: Int) {
        let file = FileName(descriptor: descriptor)
        var value = [UInt8](repeating: 0, count: limit)
        let size = try numbered {
            // SAFETY: the kernel writes at most the buffer's length, and nothing where that is 0.
            unsafe value.withUnsafeMutableBytes { buffer in
                unsafe file.withPointer { unsafe call($0, buffer.baseAddress, UInt(buffer.count)) }
            }
        }
        if limit > 0 { value.removeLast(limit - size) }
        return (value, size)
    }

    /// Sets an extended attribute.
    ///
    /// The corresponding system call is `setxattr(2)`.
    package func setExtendedAttribute(
        _ name: FileName, to value: ArraySlice<UInt8>, flags: Int32
    ) throws(Errno) {
        let file = FileName(descriptor: descriptor)
        try numbered {
            unsafe value.withUnsafeBytes { value in
                unsafe file.withPointer { file in
                    unsafe name.withPointer {
                        unsafe clx_setxattr(file, $0, value.baseAddress, UInt(value.count), flags)
                    }
                }
            }
        }
    }

    /// Removes an extended attribute.
    ///
    /// The corresponding system call is `removexattr(2)`.
    package func removeExtendedAttribute(_ name: FileName) throws(Errno) {
        let file = FileName(descriptor: descriptor)
        try numbered {
            unsafe file.withPointer { file in unsafe name.withPointer { unsafe clx_removexattr(file, $0) } }
        }
    }
}

import CLinux
import Glibc

extension ServedFile {
    /// Reads at a place of the file into a part of a buffer.
    ///
    /// The corresponding system call is `pread(2)`.
    ///
    /// - Returns: how many bytes; fewer than asked for at the end of the file.
    package func read(
        into buffer: inout [UInt8], at start: Int, count: Int, from position: Int64
    ) throws(Errno) -> Int {
        precondition(start >= 0 && count >= 0 && count <= buffer.count - start, "a read stays inside its buffer")
        return try numbered {
            // SAFETY: checked above.
            unsafe buffer.withUnsafeMutableBytes {
                unsafe pread(descriptor.number, $0.baseAddress.map { unsafe $0 + start }, count, Int(position))
            }
        }
    }

    /// Writes a part of a buffer at a place of the file.
    ///
    /// The corresponding system call is `pwrite(2)`.
    ///
    /// - Returns: how many bytes were taken.
    package func write(
        _ buffer: borrowing [UInt8], at start: Int, count: Int, to position: Int64
    ) throws(Errno) -> Int {
        precondition(start >= 0 && count >= 0 && count <= buffer.count - start, "a write stays inside its buffer")
        return try numbered {
            // SAFETY: checked above; the kernel only reads.
            unsafe buffer.withUnsafeBytes {
                unsafe pwrite(descriptor.number, $0.baseAddress.map { unsafe $0 + start }, count, Int(position))
            }
        }
    }

    /// Writes the file's content to its device.
    ///
    /// The corresponding system calls are `fsync(2)` and `fdatasync(2)`.
    package func synchronise(dataOnly: Bool) throws(Errno) {
        try numbered { dataOnly ? fdatasync(descriptor.number) : fsync(descriptor.number) }
    }

    /// Writes everything of the file's file system to its device.
    ///
    /// The corresponding system call is `syncfs(2)`.
    package func synchroniseFileSystem() throws(Errno) {
        try numbered { clx_syncfs(descriptor.number) }
    }

    /// Reserves or frees space.
    ///
    /// The corresponding system call is `fallocate(2)`.
    package func allocate(mode: Int32, from position: Int64, length: Int64) throws(Errno) {
        try numbered { clx_fallocate_mode(descriptor.number, mode, position, length) }
    }

    /// Copies a part of the file to another, where their file system knows how.
    ///
    /// The corresponding system call is `copy_file_range(2)`.
    package func copy(
        from position: Int64, to target: ServedFile, at targetPosition: Int64, count: Int
    ) throws(Errno) -> Int {
        var (from, to) = (position, targetPosition)
        return try numbered {
            unsafe clx_copy_file_range(descriptor.number, &from, target.descriptor.number, &to, UInt(count))
        }
    }

    /// Takes, changes or drops the lock of the open file as a whole, without waiting.
    ///
    /// The corresponding system call is `flock(2)`.
    ///
    /// - Parameter kind: F_RDLCK, F_WRLCK or F_UNLCK.
    package func lockWhole(_ kind: Int32) throws(Errno) {
        let operation = kind == F_RDLCK ? LOCK_SH : kind == F_WRLCK ? LOCK_EX : LOCK_UN
        try numbered { flock(descriptor.number, operation | LOCK_NB) }
    }

    /// A lock on a part of a file.
    package struct RangeLock: Sendable {
        /// F_RDLCK, F_WRLCK or F_UNLCK.
        package var kind: Int32
        /// The first byte.
        package var start: Int64
        /// Bytes; 0 for all that follow.
        package var length: Int64

        /// Describes a lock.
        package init(kind: Int32, start: Int64, length: Int64) {
            self.kind = kind
            self.start = start
            self.length = length
        }
    }

    /// Takes, changes or drops a lock on a part of the file for this open file description, without waiting.
    ///
    /// The corresponding system call is `fcntl(2)` with F_OFD_SETLK.
    package func lock(_ lock: RangeLock) throws(Errno) {
        var (kind, start, length) = (Int16(truncatingIfNeeded: lock.kind), lock.start, lock.length)
        try numbered { unsafe clx_description_lock(descriptor.number, CLX_F_OFD_SETLK, &kind, &start, &length) }
    }

    /// The lock that stands against one; of the kind F_UNLCK where none does.
    ///
    /// The corresponding system call is `fcntl(2)` with F_OFD_GETLK.
    package func conflict(with lock: RangeLock) throws(Errno) -> RangeLock {
        var (kind, start, length) = (Int16(truncatingIfNeeded: lock.kind), lock.start, lock.length)
        try numbered { unsafe clx_description_lock(descriptor.number, CLX_F_OFD_GETLK, &kind, &start, &length) }
        return RangeLock(kind: Int32(kind), start: start, length: length)
    }
}

extension ServedFile {
    /// Reads what is next of a file without places, such as a device, into the rest of a buffer.
    ///
    /// The corresponding system call is `read(2)`.
    ///
    /// - Returns: how many bytes.
    package func receive(into buffer: inout [UInt8], at start: Int = 0) throws(Errno) -> Int {
        precondition(start >= 0 && start <= buffer.count, "a read stays inside its buffer")
        return try numbered {
            // SAFETY: checked above.
            unsafe buffer.withUnsafeMutableBytes {
                unsafe Glibc.read(descriptor.number, $0.baseAddress.map { unsafe $0 + start }, $0.count - start)
            }
        }
    }

    /// Writes a part of a buffer to a file without places, at once.
    ///
    /// The corresponding system call is `write(2)`.
    @discardableResult
    package func send(_ buffer: borrowing [UInt8], at start: Int = 0, count: Int) throws(Errno) -> Int {
        precondition(start >= 0 && count >= 0 && count <= buffer.count - start, "a write stays inside its buffer")
        return try numbered {
            // SAFETY: checked above; the kernel only reads.
            unsafe buffer.withUnsafeBytes {
                unsafe Glibc.write(descriptor.number, $0.baseAddress.map { unsafe $0 + start }, count)
            }
        }
    }
}

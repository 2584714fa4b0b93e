import CLinux
import Glibc

/// What stat(2) says of a file.
package struct FileStatus: Sendable {
    /// The kind of a file.
    package enum Kind: Sendable {
        /// A regular file.
        case regular
        /// A directory.
        case directory
        /// A symbolic link.
        case symbolicLink
        /// A character device.
        case characterDevice
        /// A block device.
        case blockDevice
        /// A FIFO.
        case fifo
        /// A socket.
        case socket
        /// Something else.
        case other
    }

    /// The kind.
    package let kind: Kind
    /// The permission bits, set-user-ID, set-group-ID and sticky bit.
    package let permissions: UInt32
    /// The owner.
    package let userID: UInt32
    /// The group.
    package let groupID: UInt32
    /// In bytes.
    package let size: Int64
    /// The device the file is on.
    package let device: UInt64
    /// Its number there.
    package let inode: UInt64
    /// The device the file stands for, where it is one.
    package let representedDevice: UInt64

    /// Whether both are the same file.
    package func isSameFile(as other: FileStatus) -> Bool {
        device == other.device && inode == other.inode
    }

    init(_ status: stat) {
        switch status.st_mode & S_IFMT {
        case S_IFREG: kind = .regular
        case S_IFDIR: kind = .directory
        case S_IFLNK: kind = .symbolicLink
        case S_IFCHR: kind = .characterDevice
        case S_IFBLK: kind = .blockDevice
        case S_IFIFO: kind = .fifo
        case S_IFSOCK: kind = .socket
        default: kind = .other
        }
        permissions = status.st_mode & 0o7777
        userID = status.st_uid
        groupID = status.st_gid
        size = Int64(status.st_size)
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        representedDevice = UInt64(status.st_rdev)
    }
}

/// What stat(2) says of a path.
///
/// - Parameters:
///   - path: the path.
///   - followLinks: false for lstat(2).
package func status(of path: String, followLinks: Bool = true) throws(SystemError) -> FileStatus {
    var result = stat()
    try syscall("stat", on: path) {
        unsafe clx_fstatat(CLX_AT_FDCWD, path, &result, followLinks ? 0 : AT_SYMLINK_NOFOLLOW)
    }
    return FileStatus(result)
}

/// Whether a path exists, as far as this process may see.
package func exists(_ path: String) -> Bool {
    unsafe access(path, F_OK) == 0
}

extension OwnedDescriptor {
    /// What fstat(2) says of the open file.
    package borrowing func status() throws(SystemError) -> FileStatus {
        var result = stat()
        let number = self.number
        try syscall("fstat", on: "\(number)") { unsafe clx_fstatat(number, "", &result, CLX_AT_EMPTY_PATH) }
        return FileStatus(result)
    }

    /// What fstatat(2) says of a name in this directory, links not followed.
    package borrowing func status(of name: String) throws(SystemError) -> FileStatus {
        var result = stat()
        let number = self.number
        try syscall("fstatat", on: name) { unsafe clx_fstatat(number, name, &result, AT_SYMLINK_NOFOLLOW) }
        return FileStatus(result)
    }

    /// The type of the file system the file is on, as statfs(2) numbers them.
    package borrowing func fileSystemType() throws(SystemError) -> Int {
        let number = self.number
        return try syscall("fstatfs", on: "\(number)") { clx_file_system_type(number) }
    }

    /// Makes a directory.
    ///
    /// The corresponding system call is `mkdirat(2)`.
    package borrowing func makeDirectory(_ name: String, mode: UInt32) throws(SystemError) {
        let number = self.number
        try syscall("mkdirat", on: name) { unsafe mkdirat(number, name, mode) }
    }

    /// Makes a symbolic link.
    ///
    /// The corresponding system call is `symlinkat(2)`.
    package borrowing func makeLink(_ name: String, to target: String) throws(SystemError) {
        let number = self.number
        try syscall("symlinkat", on: name) { unsafe symlinkat(target, number, name) }
    }

    /// Makes a file of any kind.
    ///
    /// The corresponding system call is `mknodat(2)`.
    ///
    /// - Parameters:
    ///   - name: the name in this directory.
    ///   - mode: kind (S_IFCHR and so on) and permission bits, before the umask.
    ///   - device: the device that it stands for.
    package borrowing func makeNode(_ name: String, mode: UInt32, device: UInt64) throws(SystemError) {
        let number = self.number
        try syscall("mknodat", on: name) { unsafe mknodat(number, name, mode, UInt(device)) }
    }

    /// Renames a name of this directory, replacing what is there.
    ///
    /// The corresponding system call is `renameat(2)`.
    package borrowing func rename(_ name: String, to target: String) throws(SystemError) {
        let number = self.number
        try syscall("renameat", on: name) { unsafe renameat(number, name, number, target) }
    }

    /// Removes a name.
    ///
    /// The corresponding system call is `unlinkat(2)`.
    package borrowing func remove(_ name: String, directory: Bool = false) throws(SystemError) {
        let number = self.number
        try syscall("unlinkat", on: name) { unsafe unlinkat(number, name, directory ? AT_REMOVEDIR : 0) }
    }

    /// Changes owner and group of the open file itself.
    ///
    /// The corresponding system call is `fchownat(2)`.
    package borrowing func changeOwner(user: UInt32, group: UInt32) throws(SystemError) {
        let number = self.number
        try syscall("fchownat", on: "\(number)") { unsafe fchownat(number, "", user, group, CLX_AT_EMPTY_PATH) }
    }

    /// Changes the permission bits of the open file.
    ///
    /// The corresponding system call is `fchmod(2)`.
    package borrowing func changeMode(_ mode: UInt32) throws(SystemError) {
        let number = self.number
        try syscall("fchmod", on: "\(number)") { fchmod(number, mode) }
    }

    /// The target of a symbolic link in this directory.
    ///
    /// The corresponding system call is `readlinkat(2)`.
    package borrowing func linkTarget(_ name: String) throws(SystemError) -> String {
        let number = self.number
        return unsafe try readLink(name) { unsafe readlinkat(number, name, $0, $1) }
    }

    /// What fstatat(2) says of a name in this directory, links not followed; nil where there is no such name.
    package borrowing func statusIfPresent(of name: String) throws(SystemError) -> FileStatus? {
        do {
            return try status(of: name)
        } catch let error where error.errno == .noEntry {
            return nil
        }
    }

    /// Takes or changes the lock of the open file.
    ///
    /// The corresponding system call is `flock(2)`.
    ///
    /// - Parameters:
    ///   - exclusive: false for a shared lock.
    ///   - wait: false to fail with EWOULDBLOCK where another process holds it.
    package borrowing func lock(exclusive: Bool, wait: Bool) throws(SystemError) {
        let number = self.number
        try syscall("flock", on: "\(number)") {
            flock(number, (exclusive ? LOCK_EX : LOCK_SH) | (wait ? 0 : LOCK_NB))
        }
    }

    /// The names in this directory, `.` and `..` left out, in no order.
    package borrowing func entries() throws(SystemError) -> [String] {
        let copy = try OwnedDescriptor.open(at: self, ".", [.readOnly, .directory])
        let number = copy.release()
        guard let stream = unsafe fdopendir(number) else {
            let code = Errno.current
            _ = close(number)
            throw SystemError("fdopendir", "\(number)", code)
        }
        // SAFETY: the stream is closed exactly once, here, and no entry outlives the loop step that read it.
        defer { unsafe _ = closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }
}

/// The target of a symbolic link.
///
/// The corresponding system call is `readlink(2)`.
package func linkTarget(_ path: String) throws(SystemError) -> String {
    unsafe try readLink(path) { unsafe readlink(path, $0, $1) }
}

private func readLink(
    _ path: String, _ call: (UnsafeMutablePointer<CChar>, Int) -> Int
) throws(SystemError) -> String {
    var bytes = [CChar](repeating: 0, count: 4096)
    let count = try syscall("readlink", on: path) {
        // SAFETY: the kernel writes at most the buffer's length.
        unsafe bytes.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return 0 }
            return unsafe call(start, buffer.count)
        }
    }
    return String(decoding: bytes.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Makes a directory.
///
/// The corresponding system call is `mkdir(2)`.
package func makeDirectory(_ path: String, mode: UInt32) throws(SystemError) {
    try syscall("mkdir", on: path) { unsafe mkdir(path, mode) }
}

/// Makes a directory and those above it that are missing; existing ones are left as they are.
package func makeDirectories(_ path: String, mode: UInt32) throws(SystemError) {
    do {
        try makeDirectory(path, mode: mode)
    } catch let error where error.errno == .exists {
        return
    } catch let error where error.errno == .noEntry {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { throw error }
        try makeDirectories(String(path[..<slash]), mode: mode)
        do {
            try makeDirectory(path, mode: mode)
        } catch let error where error.errno == .exists {
            return
        }
    }
}

/// Changes the permission bits of a file.
///
/// The corresponding system call is `chmod(2)`.
package func changeMode(_ path: String, _ mode: UInt32) throws(SystemError) {
    try syscall("chmod", on: path) { unsafe chmod(path, mode) }
}

/// Removes an empty directory.
///
/// The corresponding system call is `rmdir(2)`.
package func removeDirectory(_ path: String) throws(SystemError) {
    try syscall("rmdir", on: path) { unsafe rmdir(path) }
}

/// Removes a file.
///
/// The corresponding system call is `unlink(2)`.
package func removeFile(_ path: String) throws(SystemError) {
    try syscall("unlink", on: path) { unsafe unlink(path) }
}

/// Renames a file, replacing what is there.
///
/// The corresponding system call is `rename(2)`.
package func renameFile(_ path: String, to target: String) throws(SystemError) {
    try syscall("rename", on: path) { unsafe rename(path, target) }
}

/// Renames a file to a name that nobody has; EEXIST otherwise.
///
/// The corresponding system call is `renameat2(2)` with RENAME_NOREPLACE.
package func renameFile(_ path: String, toNew target: String) throws(SystemError) {
    try syscall("renameat2", on: target) {
        unsafe clx_renameat2(CLX_AT_FDCWD, path, CLX_AT_FDCWD, target, CLX_RENAME_NOREPLACE)
    }
}

/// The umask of this process; returns the one it replaces.
///
/// The corresponding system call is `umask(2)`.
@discardableResult
package func setUmask(_ mask: UInt32) -> UInt32 {
    umask(mask)
}

/// Writes a file so that a reader sees either all of it or what was there before.
///
/// The bytes go to a temporary name in the same directory, which is then renamed. They are not forced to the disk: what
/// mvrun writes describes running processes, which do not survive a crash of the machine either.
///
/// - Parameters:
///   - bytes: the content.
///   - path: where it goes.
///   - mode: the permission bits.
package func writeFileAtomically(_ bytes: [UInt8], to path: String, mode: UInt32 = 0o600) throws(SystemError) {
    let temporary = "\(path).\(getpid())"
    do {
        try OwnedDescriptor.open(temporary, [.writeOnly, .create, .truncate, .noFollow], mode: mode)
            .writeAll(bytes, subject: temporary)
        try renameFile(temporary, to: path)
    } catch {
        try? removeFile(temporary)
        throw error
    }
}

/// Whether this process may execute a file.
///
/// The corresponding system call is `access(2)`.
package func isExecutable(_ path: String) -> Bool {
    unsafe access(path, X_OK) == 0
}

/// Whether this process may write to a file, or in a directory.
///
/// The corresponding system call is `access(2)`.
package func isWritable(_ path: String) -> Bool {
    unsafe access(path, W_OK) == 0
}

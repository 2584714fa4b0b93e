import CLinux
import Glibc

/// An open file that several threads may hold at a time; it is closed when the last of them lets go.
///
/// What a server of files does with one. Failures are numbers, for they go back to a client.
package final class ServedFile: Sendable {
    /// The descriptor.
    package let descriptor: OwnedDescriptor

    /// Takes the descriptor over.
    package init(_ descriptor: consuming OwnedDescriptor) {
        self.descriptor = descriptor
    }

    private convenience init(number: Int32) {
        self.init(OwnedDescriptor(owning: number))
    }

    // MARK: Finding

    /// What is known of the file.
    ///
    /// The corresponding system call is `statx(2)`.
    package func attributes() throws(Errno) -> FileAttributes {
        var result = clx_statx()
        try numbered {
            unsafe clx_statx(descriptor.number, "", CLX_AT_EMPTY_PATH, CLX_STATX_SERVED, &result)
        }
        return FileAttributes(result)
    }

    /// What is known of a name in this directory; links are not followed and nothing is mounted on the way.
    ///
    /// The corresponding system call is `statx(2)`.
    package func attributes(of name: FileName) throws(Errno) -> FileAttributes {
        var result = clx_statx()
        let noAutomount: Int32 = 0x800
        try numbered {
            unsafe name.withPointer {
                unsafe clx_statx(
                    descriptor.number, $0, AT_SYMLINK_NOFOLLOW | noAutomount, CLX_STATX_SERVED, &result)
            }
        }
        return FileAttributes(result)
    }

    /// A name in this directory, without access to the content: O_PATH and O_NOFOLLOW, and no way out.
    ///
    /// The corresponding system call is `openat2(2)`.
    package func find(_ name: FileName) throws(Errno) -> ServedFile {
        let flags = UInt64(UInt32(bitPattern: CLX_O_PATH | O_NOFOLLOW | O_CLOEXEC))
        let resolve = CLX_RESOLVE_BENEATH | CLX_RESOLVE_NO_SYMLINKS | CLX_RESOLVE_NO_MAGICLINKS
        return ServedFile(
            number: try numbered {
                unsafe name.withPointer { unsafe clx_openat2(descriptor.number, $0, flags, 0, resolve) }
            })
    }

    /// Creates a regular file in this directory and opens it; EEXIST where the name is taken.
    ///
    /// The corresponding system call is `openat2(2)`.
    package func create(_ name: FileName, flags: Int32, mode: UInt32) throws(Errno) -> ServedFile {
        let all = UInt64(UInt32(bitPattern: flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY))
        let resolve = CLX_RESOLVE_BENEATH | CLX_RESOLVE_NO_SYMLINKS | CLX_RESOLVE_NO_MAGICLINKS
        return ServedFile(
            number: try numbered {
                unsafe name.withPointer {
                    unsafe clx_openat2(descriptor.number, $0, all, UInt64(mode & 0o7777), resolve)
                }
            })
    }

    /// Opens one of this process's own descriptors anew; this is the directory /proc/self/fd.
    ///
    /// The corresponding system call is `openat(2)`. The file behind a descriptor is always the same, so that no name
    /// of a client is looked up here.
    package func reopen(_ file: ServedFile, flags: Int32, mode: UInt32 = 0) throws(Errno) -> ServedFile {
        let name = FileName(descriptor: file.descriptor)
        return ServedFile(
            number: try numbered {
                unsafe name.withPointer {
                    unsafe clx_openat(descriptor.number, $0, flags | O_CLOEXEC | O_NOCTTY, mode)
                }
            })
    }

    // MARK: Names

    /// Makes a directory.
    ///
    /// The corresponding system call is `mkdirat(2)`.
    package func makeDirectory(_ name: FileName, mode: UInt32) throws(Errno) {
        try numbered { unsafe name.withPointer { unsafe mkdirat(descriptor.number, $0, mode) } }
    }

    /// Makes a file of another kind than a directory.
    ///
    /// The corresponding system call is `mknodat(2)`.
    package func makeNode(_ name: FileName, mode: UInt32) throws(Errno) {
        try numbered { unsafe name.withPointer { unsafe mknodat(descriptor.number, $0, mode, 0) } }
    }

    /// Makes a symbolic link.
    ///
    /// The corresponding system call is `symlinkat(2)`.
    package func makeLink(_ name: FileName, to target: FileName) throws(Errno) {
        try numbered {
            unsafe target.withPointer { target in
                unsafe name.withPointer { unsafe symlinkat(target, descriptor.number, $0) }
            }
        }
    }

    /// Gives a file another name, in this directory.
    ///
    /// The corresponding system call is `linkat(2)`, by way of the directory /proc/self/fd: naming a descriptor itself
    /// would take CAP_DAC_READ_SEARCH in the first user namespace.
    package func link(_ file: ServedFile, in descriptors: ServedFile, as name: FileName) throws(Errno) {
        let number = FileName(descriptor: file.descriptor)
        try numbered {
            unsafe number.withPointer { number in
                unsafe name.withPointer {
                    unsafe clx_linkat(descriptors.descriptor.number, number, descriptor.number, $0, 0x400)
                }
            }
        }
    }

    /// Removes a name.
    ///
    /// The corresponding system call is `unlinkat(2)`.
    package func remove(_ name: FileName, directory: Bool) throws(Errno) {
        try numbered {
            unsafe name.withPointer { unsafe unlinkat(descriptor.number, $0, directory ? AT_REMOVEDIR : 0) }
        }
    }

    /// Moves a name to another directory or another name.
    ///
    /// The corresponding system call is `renameat2(2)`.
    package func rename(
        _ name: FileName, to target: FileName, in directory: ServedFile, flags: UInt32
    ) throws(Errno) {
        try numbered {
            unsafe name.withPointer { name in
                unsafe target.withPointer {
                    unsafe clx_renameat_flags(descriptor.number, name, directory.descriptor.number, $0, flags)
                }
            }
        }
    }

    /// What this symbolic link holds.
    ///
    /// The corresponding system call is `readlinkat(2)`.
    package func linkTarget() throws(Errno) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = try numbered {
            // SAFETY: the kernel writes at most the buffer's length.
            unsafe bytes.withUnsafeMutableBytes { buffer in
                guard let start = unsafe buffer.baseAddress?.assumingMemoryBound(to: CChar.self) else { return 0 }
                return unsafe readlinkat(descriptor.number, "", start, buffer.count)
            }
        }
        bytes.removeLast(bytes.count - count)
        return bytes
    }

    /// The next entries of this directory in the form of getdents64(2), whole ones; none at its end.
    package func readEntries(into buffer: inout [UInt8], limit: Int) throws(Errno) {
        buffer = [UInt8](repeating: 0, count: limit)
        let count = try numbered {
            // SAFETY: the kernel writes at most the buffer's length.
            unsafe buffer.withUnsafeMutableBytes {
                unsafe clx_getdents(descriptor.number, $0.baseAddress, UInt($0.count))
            }
        }
        buffer.removeLast(limit - count)
    }

    /// Moves the place from which entries are read, or looks for data and holes.
    ///
    /// The corresponding system call is `lseek(2)`.
    package func seek(_ offset: Int64, whence: Int32) throws(Errno) -> Int64 {
        var result: Int64 = 0
        try numbered { unsafe clx_seek_kind(whence, offset, descriptor.number, &result) }
        return result
    }
}

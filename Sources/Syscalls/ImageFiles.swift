import CLinux
import Glibc

extension OwnedDescriptor {
    /// An empty file in memory that has no name, and that `seal` can make read-only.
    ///
    /// The corresponding system call is `memfd_create(2)`.
    ///
    /// - Parameter name: what procfs shows.
    package static func sealableMemoryFile(_ name: String) throws(SystemError) -> OwnedDescriptor {
        OwnedDescriptor(
            owning: try syscall("memfd_create", on: name) {
                unsafe clx_memfd_create(name, CLX_MFD_CLOEXEC | CLX_MFD_ALLOW_SEALING)
            })
    }

    /// Nobody can change the memory file from now on, whatever descriptor of it they have.
    ///
    /// The corresponding request is `F_ADD_SEALS` of `fcntl(2)`.
    package borrowing func seal() throws(SystemError) {
        let number = self.number
        try syscall("fcntl", on: "F_ADD_SEALS \(number)") { clx_fcntl(number, CLX_F_ADD_SEALS, Int(CLX_SEALS_ALL)) }
    }

    /// Waits until the file's content is on the disk.
    ///
    /// The corresponding system call is `fdatasync(2)`.
    package borrowing func synchronize() throws(SystemError) {
        let number = self.number
        try syscall("fdatasync", on: "\(number)") { fdatasync(number) }
    }

    /// Some bytes of the file, fewer at its end; the place where the next read starts stays.
    ///
    /// The corresponding system call is `pread(2)`, made once.
    ///
    /// - Parameters:
    ///   - offset: where they are.
    ///   - count: how many.
    ///   - subject: the file's name for an error.
    package borrowing func bytes(at offset: Int, count: Int, subject: String) throws(SystemError) -> [UInt8] {
        let number = self.number
        var bytes = [UInt8](repeating: 0, count: count)
        let read = try syscall("pread", on: subject) {
            // SAFETY: the kernel writes at most the array's length.
            unsafe bytes.withUnsafeMutableBytes { unsafe pread(number, $0.baseAddress, $0.count, offset) }
        }
        bytes.removeLast(count - read)
        return bytes
    }

    /// The open directory in a detached mount of its own that is read-only: a file opened through it can be opened again
    /// through procfs, but not for writing.
    ///
    /// The corresponding system calls are `open_tree(2)` and `mount_setattr(2)`; they take CAP_SYS_ADMIN.
    package borrowing func readOnlyView(subject: String) throws(SystemError) -> OwnedDescriptor {
        let view = try Mounting.cloneTree(of: self, recursive: false, subject: subject)
        try Mounting.setAttributes(of: view, recursive: false, set: CLX_MOUNT_ATTR_RDONLY, subject: subject)
        return view
    }
}

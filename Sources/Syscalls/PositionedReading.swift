import CLinux
import Glibc

extension OwnedDescriptor {
    /// Reads a part of a file wherever its position is, fewer bytes only where the file ends.
    ///
    /// The corresponding system call is `pread(2)`.
    ///
    /// - Parameters:
    ///   - offset: where in the file; one that no file reaches is an EINVAL.
    ///   - count: the most bytes to read.
    package borrowing func read(at offset: UInt64, count: Int) throws(SystemError) -> [UInt8] {
        let number = self.number
        guard let start = Int(exactly: offset), start.addingReportingOverflow(count).overflow == false else {
            throw SystemError("pread", "\(offset)", .invalidArgument)
        }
        var bytes = [UInt8](repeating: 0, count: max(0, count))
        var done = 0
        while done < bytes.count {
            let filled = done
            let got = try syscall("pread", on: "\(number)") {
                // SAFETY: the kernel writes at most the room behind `filled`, which lies inside the array's own storage.
                unsafe bytes.withUnsafeMutableBytes { buffer in
                    unsafe pread(
                        number, buffer.baseAddress.map { unsafe $0 + filled }, buffer.count - filled, start + filled)
                }
            }
            if got == 0 { break }
            done += got
        }
        bytes.removeLast(bytes.count - done)
        return bytes
    }

    /// The size of a file, bytes.
    ///
    /// The corresponding system call is `fstat(2)`.
    package borrowing func fileSize() throws(SystemError) -> UInt64 {
        let number = self.number
        var status = stat()
        try syscall("fstat", on: "\(number)") { unsafe fstat(number, &status) }
        return UInt64(max(0, status.st_size))
    }
}

extension OwnedDescriptor {
    /// Cuts a file to a length, and goes to its end.
    ///
    /// The corresponding system calls are `ftruncate(2)` and `lseek(2)`.
    package borrowing func truncate(to length: Int) throws(SystemError) {
        let number = self.number
        try syscall("ftruncate", on: "\(number)") { ftruncate(number, length) }
        try syscall("lseek", on: "\(number)") { lseek(number, length, SEEK_SET) }
    }
}

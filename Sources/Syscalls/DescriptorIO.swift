import CLinux
import Glibc

extension OwnedDescriptor {
    /// Reads until the end of the file.
    ///
    /// - Parameters:
    ///   - limit: the most bytes to take; a longer file is an EFBIG.
    ///   - subject: the file's name for an error.
    package borrowing func readAll(limit: Int, subject: String) throws(SystemError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 16384)
        var filled = 0
        while true {
            if filled > limit { throw SystemError("read", subject, Errno(rawValue: EFBIG)) }
            if filled == bytes.count {
                bytes.append(contentsOf: repeatElement(0, count: min(bytes.count, 1 << 20)))
            }
            let count = try read(into: &bytes, from: filled, subject: subject)
            if count == 0 { break }
            filled += count
        }
        bytes.removeLast(bytes.count - filled)
        return bytes
    }

    /// Reads once.
    ///
    /// The corresponding system call is `read(2)`.
    ///
    /// - Parameters:
    ///   - bytes: the buffer; what is read goes to `offset` and on.
    ///   - offset: where to put the first byte.
    ///   - subject: the file's name for an error.
    /// - Returns: the number of bytes read; 0 at the end.
    package borrowing func read(
        into bytes: inout [UInt8], from offset: Int = 0, subject: String
    ) throws(SystemError) -> Int {
        let number = self.number
        precondition(offset <= bytes.count, "a read starts inside its buffer")
        return try syscall("read", on: subject) {
            // SAFETY: the kernel writes at most the room behind `offset`, which lies inside the array's own storage.
            unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe Glibc.read(number, buffer.baseAddress.map { unsafe $0 + offset }, buffer.count - offset)
            }
        }
    }

    /// Writes everything.
    ///
    /// The corresponding system call is `write(2)`.
    ///
    /// - Parameters:
    ///   - bytes: what to write.
    ///   - subject: the file's name for an error.
    package borrowing func writeAll(_ bytes: [UInt8], subject: String) throws(SystemError) {
        let number = self.number
        var done = 0
        while done < bytes.count {
            let start = done
            done += try syscall("write", on: subject) {
                // SAFETY: `start` is below the array's count, and the kernel only reads.
                unsafe bytes.withUnsafeBytes { buffer in
                    unsafe Glibc.write(number, buffer.baseAddress.map { unsafe $0 + start }, buffer.count - start)
                }
            }
        }
    }

    /// Writes as much as is taken at once.
    ///
    /// The corresponding system call is `write(2)`.
    ///
    /// - Parameters:
    ///   - bytes: what to write.
    ///   - subject: the file's name for an error.
    /// - Returns: how many bytes were taken.
    package borrowing func write(some bytes: ArraySlice<UInt8>, subject: String) throws(SystemError) -> Int {
        let number = self.number
        return try syscall("write", on: subject) {
            // SAFETY: the kernel only reads, and no more than the slice's length.
            unsafe bytes.withUnsafeBytes { unsafe Glibc.write(number, $0.baseAddress, $0.count) }
        }
    }

    /// Writes a text as UTF-8 with a single write(2), as the files of procfs and cgroupfs want it.
    ///
    /// - Parameters:
    ///   - text: what to write.
    ///   - subject: the file's name for an error.
    package borrowing func write(_ text: String, subject: String) throws(SystemError) {
        let number = self.number
        var copy = text
        let count = copy.utf8.count
        let written = try syscall("write", on: subject) {
            copy.withUTF8 { buffer in unsafe Glibc.write(number, buffer.baseAddress, buffer.count) }
        }
        if written != count { throw SystemError("write", subject, .inputOutput) }
    }
}

/// Reads a whole file.
///
/// - Parameters:
///   - path: the file.
///   - limit: the most bytes to take; a longer file is an EFBIG.
package func readFile(_ path: String, limit: Int = 1 << 20) throws(SystemError) -> [UInt8] {
    try OwnedDescriptor.open(path).readAll(limit: limit, subject: path)
}

/// Reads a whole file relative to a directory.
///
/// - Parameters:
///   - directory: where the path starts.
///   - path: the file.
///   - limit: the most bytes to take; a longer file is an EFBIG.
package func readFile(
    at directory: borrowing OwnedDescriptor, _ path: String, limit: Int = 1 << 20
) throws(SystemError) -> [UInt8] {
    try OwnedDescriptor.open(at: directory, path).readAll(limit: limit, subject: path)
}

/// Reads a whole file as text; bytes that are not UTF-8 become U+FFFD.
///
/// - Parameters:
///   - path: the file.
///   - limit: the most bytes to take; a longer file is an EFBIG.
package func readText(_ path: String, limit: Int = 1 << 20) throws(SystemError) -> String {
    String(decoding: try readFile(path, limit: limit), as: UTF8.self)
}

/// Reads the start of a file with one read(2): all of it, for the small files of procfs.
///
/// - Parameters:
///   - path: the file.
///   - count: the most bytes to take; the rest is left.
package func readStart(_ path: String, count: Int) throws(SystemError) -> String {
    let file = try OwnedDescriptor.open(path)
    let number = file.number
    // SAFETY: the kernel writes at most the buffer's length, and says how much of it it wrote.
    let bytes = try unsafe unclearedBytes(upTo: count) { buffer throws(SystemError) in
        try syscall("read", on: path) { unsafe Glibc.read(number, buffer.baseAddress, buffer.count) }
    }
    return String(decoding: bytes, as: UTF8.self)
}

/// Writes a text into an existing file with one write(2), as the files of procfs and cgroupfs want it.
///
/// - Parameters:
///   - text: what to write.
///   - path: the file.
package func writeFile(_ text: String, to path: String) throws(SystemError) {
    try OwnedDescriptor.open(path, .writeOnly).write(text, subject: path)
}

/// Writes a text into an existing file relative to a directory with one write(2).
///
/// - Parameters:
///   - text: what to write.
///   - directory: where the path starts.
///   - path: the file.
package func writeFile(
    _ text: String, at directory: borrowing OwnedDescriptor, to path: String
) throws(SystemError) {
    try OwnedDescriptor.open(at: directory, path, .writeOnly).write(text, subject: path)
}

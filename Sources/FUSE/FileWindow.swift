package import Syscalls

/// Where files are mapped for a client that reads and writes them in memory, which Linux calls DAX.
package protocol FileWindow: AnyObject, Sendable {
    /// Bytes.
    var size: UInt64 { get }
    /// The unit of places and lengths, a power of two.
    var unit: UInt64 { get }

    /// Maps a part of a file, in place of what was there.
    ///
    /// - Parameters:
    ///   - file: the file, open as it is to be used.
    ///   - position: where in the file.
    ///   - count: bytes, inside of the window.
    ///   - offset: where in the window.
    ///   - writable: whether the client may write there.
    func map(
        _ file: ServedFile, from position: Int64, count: UInt64, at offset: UInt64, writable: Bool
    ) throws(Errno)

    /// Empties a part.
    ///
    /// - Parameters:
    ///   - offset: where in the window.
    ///   - count: bytes, inside of the window.
    func unmap(at offset: UInt64, _ count: UInt64) throws(Errno)
}

package import Syscalls

/// One request and the room for its reply, wherever they lie.
///
/// The server copies the head of a request out once and decodes the copy: what a client changes meanwhile is not seen.
/// The content of files goes between a file and where request or reply lie, without a stop.
package protocol FUSEExchange: AnyObject {
    /// Bytes of the request.
    var requestLength: Int { get }
    /// Bytes that the reply may have.
    var replyCapacity: Int { get }

    /// Replaces what is in a buffer by the first bytes of the request.
    ///
    /// - Parameter count: how many, at most `requestLength`.
    func copyRequest(_ count: Int, into buffer: inout [UInt8])

    /// Writes a part of the request to a file.
    ///
    /// - Parameters:
    ///   - offset: where the part starts; it ends inside the request.
    ///   - count: its bytes.
    ///   - file: the file.
    ///   - position: where in the file.
    /// - Returns: how many bytes the file took, which may be fewer.
    func writeRequest(at offset: Int, count: Int, to file: ServedFile, position: Int64) throws(Errno) -> Int

    /// Reads from a file into a part of the reply.
    ///
    /// - Parameters:
    ///   - offset: where the part starts; it ends inside the room for the reply.
    ///   - count: its bytes.
    ///   - file: the file.
    ///   - position: where in the file.
    /// - Returns: how many bytes were read, which may be fewer; 0 at the file's end.
    func readIntoReply(at offset: Int, count: Int, from file: ServedFile, position: Int64) throws(Errno) -> Int

    /// Ends the exchange with a reply: these bytes, then those that were read behind them.
    ///
    /// - Parameters:
    ///   - bytes: the reply's start, no more than `replyCapacity`.
    ///   - appended: how many bytes behind them were read from a file.
    func reply(_ bytes: [UInt8], appended: Int)

    /// Ends an exchange that has no reply.
    func finish()

    /// Ends this thread's part in an exchange whose reply comes later, from any thread.
    ///
    /// - Returns: what sends the reply, once.
    func deferReply() -> @Sendable ([UInt8]) -> Void
}

/// Messages of DNS on a stream: each behind its length in two bytes, RFC 1035, 4.2.2.
package struct NameMessages: Sendable {
    /// The most bytes of a message: what two bytes can say.
    package static let limit = 65535
    /// Identification, flags and four counts, RFC 1035, 4.1.1.
    package static let headerSize = 12

    private var bytes: [UInt8] = []
    private var start = 0

    /// Begins a stream.
    package init() {}

    /// Takes what came.
    package mutating func append(_ received: some Collection<UInt8>) {
        if start > 0 {
            bytes.removeFirst(start)
            start = 0
        }
        bytes += received
    }

    /// The next message; nil where none is whole yet.
    package mutating func next() -> [UInt8]? {
        guard bytes.count - start >= 2 else { return nil }
        let length = Int(bytes[start]) << 8 | Int(bytes[start + 1])
        guard bytes.count - start >= 2 + length else { return nil }
        let message = Array(bytes[(start + 2)..<(start + 2 + length)])
        start += 2 + length
        return message
    }

    /// A message as it stands in a stream.
    ///
    /// - Parameter message: no more than `limit` bytes.
    package static func framed(_ message: some Collection<UInt8>) -> [UInt8] {
        let length = UInt16(message.count)
        return [UInt8(length >> 8), UInt8(truncatingIfNeeded: length)] + message
    }
}

/// Messages of DNS on a stream: each behind its length in two bytes, RFC 1035, 4.2.2.
package struct NameMessages: Sendable {
    /// The most bytes of a message: what two bytes can say.
    package static let limit = 65535
    /// Identification, flags and four counts, RFC 1035, 4.1.1.
    package static let headerSize = 12
    /// What a datagram over a loopback device has room for, and a bit less.
    private static let answerRoom: UInt16 = 65000

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

    /// A question that takes a long answer: what it says of that (OPT, RFC 6891, 6.1) is raised, or put behind it.
    ///
    /// One with other records than a question and this, as no resolver's client sends them, stays as it is.
    package static func allowingLong(_ message: [UInt8]) -> [UInt8] {
        // One question, no answers, no authorities.
        guard message.count >= headerSize, message[4...9] == [0, 1, 0, 0, 0, 0], message[10] == 0 else {
            return message
        }
        var place = headerSize
        while place < message.count, message[place] != 0 {
            // A name of a question is not compressed.
            guard message[place] < 64 else { return message }
            place += 1 + Int(message[place])
        }
        // The end of the name, type and class.
        place += 5
        let room: [UInt8] = [UInt8(answerRoom >> 8), UInt8(truncatingIfNeeded: answerRoom)]
        var longer = message
        switch message[11] {
        case 0 where place == message.count && message.count <= limit - 11:
            longer[11] = 1
            // The root, OPT, the room; no extended code, version, flags or options.
            longer += [0, 0, 41] + room + [0, 0, 0, 0, 0, 0]
        case 1 where place + 11 <= message.count && message[place...place + 2] == [0, 0, 41]:
            longer.replaceSubrange(place + 3...place + 4, with: room)
        default: break
        }
        return longer
    }

    /// A message as it stands in a stream.
    ///
    /// - Parameter message: no more than `limit` bytes.
    package static func framed(_ message: some Collection<UInt8>) -> [UInt8] {
        let length = UInt16(message.count)
        return [UInt8(length >> 8), UInt8(truncatingIfNeeded: length)] + message
    }
}

package import Plans

/// One message of the control stream, with the number of the request that it is or answers.
///
/// On the wire: the payload's length (4 bytes), the request (4 bytes), the message's type (1 byte), the payload.
package struct Frame<Message: FrameMessage>: Equatable, Sendable {
    /// The request; 0 for what nobody asked for.
    package var request: UInt32
    /// The message.
    package var message: Message

    /// Numbers a message.
    package init(request: UInt32, _ message: Message) {
        self.request = request
        self.message = message
    }

    /// The frame in its wire form.
    package var bytes: [UInt8] {
        var payload = PlanWriter()
        message.writePayload(to: &payload)
        var header = PlanWriter()
        header.write(UInt32(truncatingIfNeeded: payload.bytes.count))
        header.write(request)
        header.write(message.type.rawValue)
        return header.bytes + payload.bytes
    }
}

/// A message that one side of the control stream sends.
package protocol FrameMessage: Equatable, Sendable {
    /// What the byte that tells messages apart stands for.
    associatedtype Kind: FrameKind
    /// The message's type.
    var type: Kind { get }
    /// Writes what follows the type.
    func writePayload(to writer: inout PlanWriter)
    /// Reads what follows a type.
    init(_ type: Kind, from reader: inout PlanReader) throws(PlanFault)
}

/// The types of the messages that one side sends.
package protocol FrameKind: RawRepresentable, Equatable, Sendable where RawValue == UInt8 {
    /// The most bytes that a payload of this type may have.
    var limit: Int { get }
}

/// How long a payload may be.
package enum FrameLimit {
    /// One that carries a plan, with the program's arguments and environment.
    package static let plan = 16 << 20
    /// Any other.
    package static let ordinary = 64 << 10
    /// A text or a list in one that has to leave room for the rest.
    package static let part = 48 << 10
}

/// What came over the control stream is no frame; nothing after it can be understood.
package enum FrameFault: Error, Equatable, Sendable {
    /// A type that this side does not know.
    case unknownType(UInt8)
    /// A payload that is longer than its type allows.
    case tooLong(Int)
    /// A payload that is not what its type says.
    case malformed
}

extension FrameFault: CustomStringConvertible {
    /// The fault in words.
    package var description: String {
        switch self {
        case .unknownType(let type): "a frame has the unknown type \(type)"
        case .tooLong(let count): "a frame of \(count) bytes is too long"
        case .malformed: "a frame is malformed"
        }
    }
}

/// Finds the frames in a stream of bytes that arrives in pieces of any size.
///
/// It keeps no more than one frame's bytes, and none of a frame that is too long. A stream with a fault stays faulty.
package struct FrameDecoder<Message: FrameMessage>: Sendable {
    private static var headerSize: Int { 9 }

    private var buffer: [UInt8] = []
    private var position = 0
    private var fault: FrameFault?

    /// Starts at the beginning of a stream.
    package init() {}

    /// Adds the stream's next bytes.
    package mutating func append(_ bytes: some Collection<UInt8>) {
        guard fault == nil else { return }
        if position > 0 {
            buffer.removeFirst(position)
            position = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// The next frame; nil where more bytes have to come first.
    ///
    /// - Throws: why the stream cannot be understood, this time and from now on.
    package mutating func next() throws(FrameFault) -> Frame<Message>? {
        if let fault { throw fault }
        do {
            return try decode()
        } catch {
            fault = error
            buffer = []
            position = 0
            throw error
        }
    }

    private mutating func decode() throws(FrameFault) -> Frame<Message>? {
        guard buffer.count - position >= Self.headerSize else { return nil }
        let count = Int(number(at: position))
        guard let type = Message.Kind(rawValue: buffer[position + 8]) else {
            throw .unknownType(buffer[position + 8])
        }
        guard count <= type.limit else { throw .tooLong(count) }
        let start = position + Self.headerSize
        guard buffer.count - start >= count else { return nil }
        let request = number(at: position + 4)
        var reader = PlanReader(Array(buffer[start..<(start + count)]))
        position = start + count
        do {
            let message = try Message(type, from: &reader)
            guard reader.remaining == 0 else { throw PlanFault.malformed }
            return Frame(request: request, message)
        } catch {
            throw .malformed
        }
    }

    private func number(at offset: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(buffer[offset + $1]) << UInt32(8 * $1) }
    }
}

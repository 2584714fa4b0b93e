/// A request to the kernel about its network, netlink(7) and rtnetlink(7), as it is put together.
///
/// Numbers are in the host's byte order, addresses in that of the network; everything begins at a multiple of four bytes.
struct RouteMessage {
    /// The kinds of requests.
    enum Kind: UInt16 {
        /// RTM_NEWLINK.
        case changeLink = 16
        /// RTM_NEWADDR.
        case newAddress = 20
        /// RTM_NEWROUTE.
        case newRoute = 24
        /// RTM_NEWNEIGH.
        case newNeighbour = 28
    }

    /// NLM_F_*: what a request asks for beside its kind.
    enum Flag {
        /// NLM_F_REQUEST and NLM_F_ACK.
        static let request: UInt16 = 0x1 | 0x4
        /// NLM_F_CREATE and NLM_F_REPLACE.
        static let make: UInt16 = 0x400 | 0x100
        /// NLM_F_CREATE and NLM_F_APPEND: beside one with the same destination, that of another interface perhaps.
        static let append: UInt16 = 0x400 | 0x800
    }

    /// `struct nlmsghdr`.
    static let headerSize = 16

    /// What it is.
    let kind: Kind
    private let flags: UInt16
    private var body: [UInt8] = []

    /// Begins a message.
    init(_ kind: Kind, flags: UInt16 = 0) {
        self.kind = kind
        self.flags = flags | Flag.request
    }

    /// Appends a number of the kind's own header.
    mutating func append<Number: FixedWidthInteger>(_ value: Number) {
        body += Self.bytes(of: value)
    }

    /// Appends an attribute.
    ///
    /// - Parameters:
    ///   - type: IFLA_*, IFA_*, RTA_* or NDA_*.
    ///   - content: its bytes, a few.
    mutating func append(_ type: UInt16, _ content: [UInt8]) {
        body += Self.bytes(of: UInt16(truncatingIfNeeded: 4 + content.count)) + Self.bytes(of: type) + content
        body += [UInt8](repeating: 0, count: -content.count & 3)
    }

    /// Appends an attribute that is a number.
    mutating func append(_ type: UInt16, number: UInt32) {
        append(type, Self.bytes(of: number))
    }

    /// Appends an attribute that is a text with a 0 behind it.
    mutating func append(_ type: UInt16, text: String) {
        append(type, Array(text.utf8) + [0])
    }

    /// Appends an attribute that holds another one.
    mutating func append(_ type: UInt16, holding inner: UInt16, number: UInt32) {
        append(type, Self.bytes(of: 8 as UInt16) + Self.bytes(of: inner) + Self.bytes(of: number))
    }

    /// The whole message.
    ///
    /// - Parameter sequence: the number that the answer bears too.
    func bytes(sequence: UInt32) -> [UInt8] {
        let length = UInt32(truncatingIfNeeded: Self.headerSize + body.count)
        return Self.bytes(of: length) + Self.bytes(of: kind.rawValue) + Self.bytes(of: flags)
            + Self.bytes(of: sequence) + Self.bytes(of: 0 as UInt32) + body
    }

    private static func bytes<Number: FixedWidthInteger>(of value: Number) -> [UInt8] {
        let low = value.littleEndian
        return (0..<(Number.bitWidth / 8)).map { UInt8(truncatingIfNeeded: low >> Number(8 * $0)) }
    }
}

/// What the kernel says to a request: `struct nlmsgerr` behind its header.
struct RouteAnswer: Equatable {
    /// The request's number.
    let sequence: UInt32
    /// The error number; 0 for none.
    let errorNumber: Int32

    /// Reads an answer.
    ///
    /// - Returns: nil for a message that is none.
    init?(_ bytes: ArraySlice<UInt8>) {
        func number(_ offset: Int) -> UInt32 {
            let low = (0..<4).reduce(UInt32(0)) {
                $0 | UInt32(bytes[bytes.startIndex + offset + $1]) << UInt32(8 * $1)
            }
            return UInt32(littleEndian: low)
        }
        guard bytes.count >= RouteMessage.headerSize + 4 else { return nil }
        let type = UInt16(bytes[bytes.startIndex + 4]) | UInt16(bytes[bytes.startIndex + 5]) << 8
        // NLMSG_ERROR.
        guard UInt16(littleEndian: type) == 2 else { return nil }
        sequence = number(8)
        errorNumber = 0 &- Int32(bitPattern: number(16))
    }
}

/// A packet of a socket device, virtio 1.2, 5.10.6.
package struct VsockPacket: Equatable, Sendable {
    /// What a packet asks for or tells, virtio 1.2, 5.10.6.
    package enum Operation {
        /// VIRTIO_VSOCK_OP_REQUEST: a connection is wanted.
        package static let request: UInt16 = 1
        /// VIRTIO_VSOCK_OP_RESPONSE: it is made.
        package static let response: UInt16 = 2
        /// VIRTIO_VSOCK_OP_RST: there is none, or no more.
        package static let reset: UInt16 = 3
        /// VIRTIO_VSOCK_OP_SHUTDOWN: the sender will not receive or not send any more, see `ShutdownFlag`.
        package static let shutdown: UInt16 = 4
        /// VIRTIO_VSOCK_OP_RW: payload.
        package static let payload: UInt16 = 5
        /// VIRTIO_VSOCK_OP_CREDIT_UPDATE: nothing but the counts that every packet has.
        package static let creditUpdate: UInt16 = 6
        /// VIRTIO_VSOCK_OP_CREDIT_REQUEST: such an update is wanted.
        package static let creditRequest: UInt16 = 7
    }

    /// The flags of a shutdown.
    package enum ShutdownFlag {
        /// The sender will not receive any more.
        package static let receive: UInt32 = 1
        /// The sender will not send any more.
        package static let send: UInt32 = 2
        /// Both.
        package static let both: UInt32 = 3
    }

    /// VIRTIO_VSOCK_TYPE_STREAM, the one type there is here.
    package static let streamType: UInt16 = 1
    /// Bytes of the header.
    package static let headerSize = 44

    /// Who sends.
    package var sourceContextID: UInt64 = 0
    /// Who receives.
    package var destinationContextID: UInt64 = 0
    /// The sender's port.
    package var sourcePort: UInt32 = 0
    /// The receiver's port.
    package var destinationPort: UInt32 = 0
    /// The kind of socket.
    package var type: UInt16 = Self.streamType
    /// See `Operation`.
    package var operation: UInt16 = 0
    /// See `ShutdownFlag`.
    package var flags: UInt32 = 0
    /// How many bytes the sender has room for in all.
    package var bufferAllocation: UInt32 = 0
    /// How many bytes the sender has passed on since the beginning, modulo 2^32.
    package var forwardCount: UInt32 = 0
    /// The bytes behind the header.
    package var payload: [UInt8] = []

    /// Makes a packet without content.
    package init() {}

    /// Reads a packet.
    ///
    /// The length that the header names is checked against the bytes that there are, not believed (CVE-2019-18960).
    ///
    /// - Parameter bytes: the header, and what the driver put behind it.
    /// - Returns: nil for what is shorter than a header, or than its header says.
    package init?(bytes: [UInt8]) {
        guard bytes.count >= Self.headerSize else { return nil }
        func number<Number: FixedWidthInteger>(_ offset: Int) -> Number {
            (0..<(Number.bitWidth / 8)).reduce(0) { $0 | Number(bytes[offset + $1]) << Number(8 * $1) }
        }
        sourceContextID = number(0)
        destinationContextID = number(8)
        sourcePort = number(16)
        destinationPort = number(20)
        let length: UInt32 = number(24)
        type = number(28)
        operation = number(30)
        flags = number(32)
        bufferAllocation = number(36)
        forwardCount = number(40)
        guard Int(length) <= bytes.count - Self.headerSize else { return nil }
        payload = Array(bytes[Self.headerSize..<(Self.headerSize + Int(length))])
    }

    /// How many bytes behind the header its length field names; what `init(bytes:)` will want.
    ///
    /// - Parameter header: at least `headerSize` bytes.
    package static func payloadLength(header: [UInt8]) -> Int? {
        guard header.count >= headerSize else { return nil }
        return (0..<4).reduce(0) { $0 | Int(header[24 + $1]) << (8 * $1) }
    }

    /// The packet in its wire form.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.headerSize + payload.count)
        func append<Number: FixedWidthInteger>(_ number: Number) {
            for index in 0..<(Number.bitWidth / 8) {
                bytes.append(UInt8(truncatingIfNeeded: number >> Number(8 * index)))
            }
        }
        append(sourceContextID)
        append(destinationContextID)
        append(sourcePort)
        append(destinationPort)
        append(UInt32(truncatingIfNeeded: payload.count))
        append(type)
        append(operation)
        append(flags)
        append(bufferAllocation)
        append(forwardCount)
        return bytes + payload
    }
}

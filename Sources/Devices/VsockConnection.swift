/// What a connection of the guest leads to.
///
/// It is called by the engine, on whatever thread that runs, and may call its connection back at once.
package protocol VsockEndpoint: AnyObject {
    /// The guest sent bytes, no more than it had credit for; once they are passed on, the endpoint says so to the connection.
    func receive(_ bytes: [UInt8])
    /// The guest will send no more.
    func receiveEnded()
    /// The guest has room again: the connection's `room` is not 0.
    func roomAppeared()
    /// The guest will read no more; what is still sent is dropped.
    func sendingRefused()
    /// The connection is gone, by whomever.
    func closed()
}

/// A connection between a port of the guest and an endpoint, with the credit of both sides, virtio 1.2, 5.10.6.3.
package final class VsockConnection {
    /// The two ports; everything else is the same for all connections.
    struct Key: Hashable {
        /// The host's.
        var hostPort: UInt32
        /// The guest's.
        var guestPort: UInt32
    }

    /// How many bytes a connection keeps for the endpoint, and for the guest.
    package static let bufferSize = 128 << 10

    let key: Key
    private weak var engine: VsockEngine?
    var endpoint: (any VsockEndpoint)?

    /// Packets that wait for room in the guest's queue, besides payload.
    struct Due: OptionSet {
        let rawValue: UInt8
        static let response = Due(rawValue: 1)
        static let creditUpdate = Due(rawValue: 2)
        static let creditRequest = Due(rawValue: 4)
        static let shutdown = Due(rawValue: 8)
        static let request = Due(rawValue: 16)
    }
    var due: Due = []
    /// Whether the engine has this connection in its line already.
    var isInLine = false

    private var outgoing: [UInt8] = []
    private var outgoingStart = 0
    private var sendingEnded = false
    private var receivingEnded = false
    private var guestShutdown: UInt32 = 0
    private var guestAllocation: UInt32
    private var guestForwarded: UInt32
    private var sentCount: UInt32 = 0
    private var receivedCount: UInt32 = 0
    private var forwardedCount: UInt32 = 0
    private var toldForwarded: UInt32 = 0
    private var askedForCredit = false
    /// Whether it is a connection of the host's that the guest has not taken yet.
    private(set) var isAwaited = false

    init(_ key: Key, engine: VsockEngine, request: borrowing VsockPacket) {
        self.key = key
        self.engine = engine
        guestAllocation = request.bufferAllocation
        guestForwarded = request.forwardCount
    }

    /// Makes a connection of the host's.
    init(_ key: Key, engine: VsockEngine) {
        self.key = key
        self.engine = engine
        guestAllocation = 0
        guestForwarded = 0
        isAwaited = true
        due = .request
    }

    /// The port of the guest.
    package var guestPort: UInt32 { key.guestPort }
    /// The port of the host.
    package var hostPort: UInt32 { key.hostPort }

    /// The guest has taken the connection.
    func establish() {
        isAwaited = false
        endpoint?.roomAppeared()
    }

    private var outgoingCount: Int { outgoing.count - outgoingStart }

    /// How many bytes `send` takes now.
    ///
    /// The guest's credit does not count here: what it has none for waits, and no more than this buffer's size does.
    package var room: Int {
        isClosed || sendingEnded || guestRefuses || isAwaited ? 0 : Self.bufferSize - outgoingCount
    }

    /// Whether all that was sent, and the end of it, is on its way to the guest.
    package var isFlushed: Bool { isClosed || outgoingCount == 0 && due.isEmpty }

    private var isClosed: Bool { endpoint == nil }
    private var guestRefuses: Bool { guestShutdown & VsockPacket.ShutdownFlag.receive != 0 }

    /// Sends bytes to the guest.
    ///
    /// - Parameter bytes: no more than there is `room` for; the rest is dropped.
    package func send(_ bytes: some Collection<UInt8>) {
        outgoing.append(contentsOf: bytes.prefix(room))
        lineUp()
    }

    /// Tells the guest that nothing comes after what was sent.
    package func endSending() {
        guard !isClosed, !sendingEnded else { return }
        sendingEnded = true
        due.insert(.shutdown)
        lineUp()
    }

    /// Tells the guest that nothing it sends will be read.
    package func endReceiving() {
        guard !isClosed, !receivingEnded else { return }
        receivingEnded = true
        due.insert(.shutdown)
        lineUp()
    }

    /// The endpoint has passed on bytes that it received: the guest may send as many more.
    package func forwarded(_ count: Int) {
        guard !isClosed else { return }
        // Never more than was received: what an endpoint gets, it got from here.
        forwardedCount &+= UInt32(truncatingIfNeeded: count)
        let free = Self.bufferSize - Int(receivedCount &- toldForwarded)
        guard free < Self.bufferSize / 2, forwardedCount != toldForwarded else { return }
        due.insert(.creditUpdate)
        lineUp()
    }

    /// Ends the connection at once.
    package func reset() {
        engine?.drop(self)
    }

    private func lineUp() {
        if !isClosed { engine?.lineUp(self) }
    }
}

extension VsockConnection {
    /// Takes the counts that every packet of the guest carries.
    func takeCredit(_ packet: borrowing VsockPacket) {
        guestAllocation = packet.bufferAllocation
        guestForwarded = packet.forwardCount
        askedForCredit = false
        if outgoingCount > 0 { lineUp() }
    }

    /// Takes payload.
    ///
    /// - Returns: false where the guest had no credit for it.
    func take(_ payload: [UInt8]) -> Bool {
        let waiting = Int(receivedCount &- forwardedCount)
        guard payload.count <= Self.bufferSize - waiting,
            guestShutdown & VsockPacket.ShutdownFlag.send == 0
        else { return false }
        receivedCount &+= UInt32(truncatingIfNeeded: payload.count)
        if receivingEnded {
            forwarded(payload.count)
        } else if !payload.isEmpty {
            endpoint?.receive(payload)
        }
        return true
    }

    /// Takes a shutdown.
    ///
    /// - Returns: whether the guest is done with the connection.
    func takeShutdown(_ flags: UInt32) -> Bool {
        let new = flags & ~guestShutdown
        guestShutdown |= flags & VsockPacket.ShutdownFlag.both
        if new & VsockPacket.ShutdownFlag.receive != 0 {
            outgoing = []
            outgoingStart = 0
            endpoint?.sendingRefused()
        }
        if new & VsockPacket.ShutdownFlag.send != 0 { endpoint?.receiveEnded() }
        return guestShutdown == VsockPacket.ShutdownFlag.both
    }

    /// The next packet for the guest; nil where there is nothing to say or no credit to say it.
    ///
    /// - Parameter limit: the most payload that fits.
    func nextPacket(limit: Int) -> VsockPacket? {
        guard let engine else { return nil }
        var packet = engine.packet(to: key)
        if due.contains(.request) {
            due.remove(.request)
            packet.operation = VsockPacket.Operation.request
        } else if due.contains(.response) {
            due.remove(.response)
            packet.operation = VsockPacket.Operation.response
        } else if let payload = nextPayload(limit: limit) {
            packet.operation = VsockPacket.Operation.payload
            packet.payload = payload
        } else if due.contains(.shutdown), outgoingCount == 0 || !sendingEnded {
            let flags =
                (receivingEnded ? VsockPacket.ShutdownFlag.receive : 0)
                | (sendingEnded ? VsockPacket.ShutdownFlag.send : 0)
            due.remove(.shutdown)
            packet.operation = VsockPacket.Operation.shutdown
            packet.flags = flags
        } else if due.contains(.creditUpdate) {
            packet.operation = VsockPacket.Operation.creditUpdate
        } else if due.contains(.creditRequest) {
            due.remove(.creditRequest)
            packet.operation = VsockPacket.Operation.creditRequest
        } else {
            return nil
        }
        // Every packet tells how much was passed on.
        due.remove(.creditUpdate)
        toldForwarded = forwardedCount
        packet.bufferAllocation = UInt32(Self.bufferSize)
        packet.forwardCount = forwardedCount
        return packet
    }

    private func nextPayload(limit: Int) -> [UInt8]? {
        guard outgoingCount > 0 else { return nil }
        let inFlight = sentCount &- guestForwarded
        // A guest that claims to have passed on more than it got has no credit, and so hurts itself alone.
        let credit = inFlight < guestAllocation ? Int(guestAllocation - inFlight) : 0
        let count = min(limit, credit, outgoingCount)
        guard count > 0 else {
            if credit == 0 && !askedForCredit {
                askedForCredit = true
                due.insert(.creditRequest)
            }
            return nil
        }
        let payload = Array(outgoing[outgoingStart..<(outgoingStart + count)])
        sentCount &+= UInt32(truncatingIfNeeded: count)
        outgoingStart += count
        if outgoingStart == outgoing.count {
            outgoing.removeAll(keepingCapacity: true)
            outgoingStart = 0
        } else if outgoingStart > Self.bufferSize {
            outgoing.removeFirst(outgoingStart)
            outgoingStart = 0
        }
        return payload
    }
}

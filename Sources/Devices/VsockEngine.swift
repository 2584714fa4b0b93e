/// The socket device without its queues: packets from the guest in, packets for the guest out.
///
/// Connections are made by the guest, to ports of the host that somebody listens on, and by the host. Nothing here trusts a packet:
/// the table, what each connection keeps and the answers to what belongs to no connection are bounded, a guest that sends
/// without credit loses its connection, and what makes no sense is answered with a reset.
///
/// It belongs to one thread.
package final class VsockEngine {
    /// Says what a connection leads to; nil refuses it.
    package typealias Accept = (VsockConnection) -> (any VsockEndpoint)?

    /// The host's context id, VMADDR_CID_HOST.
    package static let hostContextID: UInt64 = 2
    /// The most connections that there are at one time.
    package static let connectionLimit = 1024
    /// The most resets that wait for room in the guest's queue; a guest that takes none does not get those beyond.
    package static let resetLimit = 256

    /// The guest's context id.
    package let guestContextID: UInt64
    /// Called where there may be a packet for the guest after there was none.
    package var packetsAppeared: () -> Void = {}
    private var listeners: [UInt32: Accept] = [:]
    private var otherListener: Accept?
    private var lastHostPort = firstHostPort
    /// Ports of the host below this are for the guest to connect to.
    private static let firstHostPort: UInt32 = 1 << 30
    private var connections: [VsockConnection.Key: VsockConnection] = [:]
    private var line: [VsockConnection] = []
    private var lineStart = 0
    private var resets: [VsockPacket] = []

    /// Makes a device that nobody listens behind.
    ///
    /// - Parameter guestContextID: the guest's address, 3 or more.
    package init(guestContextID: UInt32) {
        self.guestContextID = UInt64(guestContextID)
    }

    /// Takes connections to a port of the host from now on.
    package func listen(on port: UInt32, _ accept: @escaping Accept) {
        listeners[port] = accept
    }

    /// Takes connections to the ports of the host that nobody else listens on.
    package func listenOnOthers(_ accept: @escaping Accept) {
        otherListener = accept
    }

    /// Connects to a port of the guest.
    ///
    /// - Parameters:
    ///   - guestPort: the port.
    ///   - endpoint: says what the connection leads to. Its `roomAppeared` is called when the guest has taken the connection,
    ///     its `closed` when the guest refuses it.
    /// - Returns: false where there are too many connections already.
    package func connect(to guestPort: UInt32, _ endpoint: (VsockConnection) -> any VsockEndpoint) -> Bool {
        guard connections.count < Self.connectionLimit else { return false }
        var key: VsockConnection.Key
        // No more than the table's size of them are taken.
        repeat {
            lastHostPort = lastHostPort == .max - 1 ? Self.firstHostPort : lastHostPort + 1
            key = VsockConnection.Key(hostPort: lastHostPort, guestPort: guestPort)
        } while connections[key] != nil
        let connection = VsockConnection(key, engine: self)
        connection.endpoint = endpoint(connection)
        connections[key] = connection
        lineUp(connection)
        return true
    }

    /// How many connections there are.
    package var connectionCount: Int { connections.count }

    /// Whether a packet for the guest waits.
    package var hasPackets: Bool { !resets.isEmpty || lineStart < line.count }

    /// Forgets all connections, and tells their other ends.
    package func reset() {
        for endpoint in forgetConnections() { endpoint.closed() }
    }

    /// Forgets all connections: the driver has reset the device.
    ///
    /// - Returns: their other ends, to whom `closed` has still to be said.
    func forgetConnections() -> [any VsockEndpoint] {
        let forgotten = connections.values
        connections = [:]
        line = []
        lineStart = 0
        resets = []
        return forgotten.compactMap(cutOff)
    }
}

extension VsockEngine {
    /// Takes a packet of the guest.
    ///
    /// - Parameter bytes: the header, and what the driver put behind it.
    package func receive(_ bytes: [UInt8]) {
        // What has no whole header has no sender to be answered. A header that lies about its length is answered.
        guard let packet = VsockPacket(bytes: bytes) else {
            refuseLiar(bytes)
            return
        }
        guard packet.sourceContextID == guestContextID else { return }
        guard packet.destinationContextID == Self.hostContextID, packet.type == VsockPacket.streamType else {
            refuse(packet)
            return
        }
        let key = VsockConnection.Key(hostPort: packet.destinationPort, guestPort: packet.sourcePort)
        if let connection = connections[key] {
            receive(packet, on: connection)
        } else if packet.operation == VsockPacket.Operation.request {
            accept(packet, key)
        } else {
            refuse(packet)
        }
    }

    private func accept(_ packet: VsockPacket, _ key: VsockConnection.Key) {
        guard connections.count < Self.connectionLimit, let accept = listeners[key.hostPort] ?? otherListener
        else {
            refuse(packet)
            return
        }
        let connection = VsockConnection(key, engine: self, request: packet)
        guard let endpoint = accept(connection) else {
            refuse(packet)
            return
        }
        connection.endpoint = endpoint
        connection.due = .response
        connections[key] = connection
        lineUp(connection)
        endpoint.roomAppeared()
    }

    private func receive(_ packet: VsockPacket, on connection: VsockConnection) {
        connection.takeCredit(packet)
        switch packet.operation {
        case VsockPacket.Operation.response where connection.isAwaited: connection.establish()
        case VsockPacket.Operation.reset:
            connections[connection.key] = nil
            close(connection)
        // Of a connection that it has not taken the guest can say nothing else.
        case _ where connection.isAwaited: drop(connection)
        case VsockPacket.Operation.payload:
            if !connection.take(packet.payload) { drop(connection) }
        case VsockPacket.Operation.creditUpdate: break
        case VsockPacket.Operation.creditRequest:
            connection.due.insert(.creditUpdate)
            lineUp(connection)
        case VsockPacket.Operation.shutdown:
            // Who is done with a connection waits for the reset, and forgets the connection only then.
            if connection.takeShutdown(packet.flags) { drop(connection) }
        default:
            // A second request, an answer to what was not asked, or nothing that virtio knows.
            drop(connection)
        }
    }

    /// Ends a connection, and tells the guest.
    func drop(_ connection: VsockConnection) {
        guard connections[connection.key] === connection else { return }
        connections[connection.key] = nil
        appendReset(to: connection.key)
        close(connection)
    }

    private func close(_ connection: VsockConnection) {
        cutOff(connection)?.closed()
    }

    /// From here on the connection refers to nobody, and nobody's words get to the guest.
    private func cutOff(_ connection: VsockConnection) -> (any VsockEndpoint)? {
        let endpoint = connection.endpoint
        connection.endpoint = nil
        return endpoint
    }

    private func refuse(_ packet: VsockPacket) {
        // A reset is not answered with a reset, or two sides that disagree would never end.
        if packet.operation == VsockPacket.Operation.reset { return }
        appendReset(to: VsockConnection.Key(hostPort: packet.destinationPort, guestPort: packet.sourcePort))
    }

    private func refuseLiar(_ bytes: [UInt8]) {
        guard bytes.count >= VsockPacket.headerSize else { return }
        var header = Array(bytes.prefix(VsockPacket.headerSize))
        for index in 24..<28 { header[index] = 0 }
        guard let packet = VsockPacket(bytes: header), packet.sourceContextID == guestContextID else { return }
        let key = VsockConnection.Key(hostPort: packet.destinationPort, guestPort: packet.sourcePort)
        if let connection = connections[key] { drop(connection) } else { refuse(packet) }
    }

    private func appendReset(to key: VsockConnection.Key) {
        guard resets.count < Self.resetLimit else { return }
        var packet = packet(to: key)
        packet.operation = VsockPacket.Operation.reset
        let waited = hasPackets
        resets.append(packet)
        if !waited { packetsAppeared() }
    }
}

extension VsockEngine {
    /// The next packet for the guest; nil where there is none, or none that may be sent now.
    ///
    /// - Parameter payloadLimit: the most payload that fits into the guest's buffer.
    package func nextPacket(payloadLimit: Int) -> VsockPacket? {
        if !resets.isEmpty { return resets.removeFirst() }
        // Connections take turns: who has spoken goes to the end of the line. The line is no longer than the table.
        while let connection = nextInLine() {
            guard let packet = connection.nextPacket(limit: payloadLimit) else { continue }
            lineUp(connection)
            if packet.operation == VsockPacket.Operation.payload, connection.room > 0 {
                connection.endpoint?.roomAppeared()
            }
            return packet
        }
        return nil
    }

    private func nextInLine() -> VsockConnection? {
        while lineStart < line.count {
            let connection = line[lineStart]
            lineStart += 1
            if lineStart == line.count {
                line.removeAll(keepingCapacity: true)
                lineStart = 0
            } else if lineStart > 2 * Self.connectionLimit {
                line.removeFirst(lineStart)
                lineStart = 0
            }
            connection.isInLine = false
            if connections[connection.key] === connection { return connection }
        }
        return nil
    }

    /// Puts a connection at the end of the line of those that may have a packet, unless it stands there.
    func lineUp(_ connection: VsockConnection) {
        guard !connection.isInLine else { return }
        connection.isInLine = true
        let waited = hasPackets
        line.append(connection)
        if !waited { packetsAppeared() }
    }

    /// A packet to a connection's guest side, without content.
    func packet(to key: VsockConnection.Key) -> VsockPacket {
        var packet = VsockPacket()
        packet.sourceContextID = Self.hostContextID
        packet.destinationContextID = guestContextID
        packet.sourcePort = key.hostPort
        packet.destinationPort = key.guestPort
        return packet
    }
}

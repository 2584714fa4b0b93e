import Devices

/// Packets of a guest to the sockets' engine, with an account of the credit that the guest gave.
enum VsockTarget {
    private static let ports: [UInt32] = [1024, 1025, 1026, 1027, 0, .max]

    /// What the guest has told about a connection, and what it got.
    private struct Account {
        var allocation: UInt32
        var forwarded: UInt32
        var received: UInt32 = 0

        init(_ packet: VsockPacket) {
            allocation = packet.bufferAllocation
            forwarded = packet.forwardCount
        }
    }

    static func run(_ input: inout FuzzInput) {
        let guest = Guest()
        for _ in 0..<200 where !input.isEmpty {
            switch input.byte() % 8 {
            case 0...3: guest.send(packet(&input))
            case 4: guest.send(bytes: input.take(Int(input.byte())))
            case 5: guest.take(limit: Int(input.number(UInt16.self)), count: Int(input.byte()))
            case 6: guest.speak(input.take(Int(input.byte())), repeated: input.choice(64))
            default: if input.byte() == 0xff { guest.reset() } else { guest.finish(input.choice(4)) }
            }
            precondition(guest.engine.connectionCount <= VsockEngine.connectionLimit, "the table is bounded")
        }
        guest.reset()
    }

    private static func packet(_ input: inout FuzzInput) -> VsockPacket {
        var packet = VsockPacket()
        packet.sourceContextID = input.byte() == 0xff ? UInt64(input.byte()) : 3
        packet.destinationContextID = input.byte() == 0xff ? UInt64(input.byte()) : 2
        packet.sourcePort = UInt32(input.byte() & 7)
        packet.destinationPort = ports[input.choice(ports.count)]
        packet.type = input.byte() == 0xff ? UInt16(input.byte()) : 1
        packet.operation = UInt16(input.byte() % 9)
        packet.flags = UInt32(input.byte() & 7)
        packet.bufferAllocation = input.length()
        packet.forwardCount = input.length()
        packet.payload = input.take(Int(input.byte()))
        // Now and then much of it.
        if input.byte() == 0xff { packet.payload += [UInt8](repeating: 1, count: Int(input.number(UInt16.self)) * 4) }
        return packet
    }

    /// The guest's side.
    private final class Guest {
        let engine = VsockEngine(guestContextID: 3)
        private var endpoints: [Endpoint] = []
        /// By the guest's port, for connections to port 1025.
        private var accounts: [UInt32: Account] = [:]
        private var current = VsockPacket()

        init() {
            engine.listen(on: 1024) { EchoEndpoint($0) }
            engine.listen(on: 1025) { [unowned self] connection in
                let port = connection.guestPort
                accounts[port] = Account(current)
                let endpoint = Endpoint(connection) { [unowned self] in accounts[port] = nil }
                endpoints.append(endpoint)
                return endpoint
            }
            // One that hangs up at once, and one that refuses.
            engine.listen(on: 1026) { connection in
                connection.send([1, 2, 3])
                return Endpoint(connection, resets: true)
            }
            engine.listen(on: 1027) { _ in nil }
        }

        func send(bytes: [UInt8]) {
            if let packet = VsockPacket(bytes: bytes) { send(packet) } else { engine.receive(bytes) }
        }

        func send(_ packet: VsockPacket) {
            current = packet
            let isMeant = packet.sourceContextID == 3 && packet.destinationContextID == 2 && packet.type == 1
            if isMeant, packet.destinationPort == 1025 {
                accounts[packet.sourcePort]?.allocation = packet.bufferAllocation
                accounts[packet.sourcePort]?.forwarded = packet.forwardCount
            }
            engine.receive(packet.bytes)
        }

        /// Takes packets, and holds them against what the guest allowed.
        func take(limit: Int, count: Int) {
            for _ in 0..<count {
                guard let packet = engine.nextPacket(payloadLimit: limit) else { return }
                precondition(packet.sourceContextID == 2 && packet.destinationContextID == 3, "packets are for the guest")
                precondition(packet.payload.count <= limit, "a packet fits its buffer")
                precondition(
                    packet.payload.isEmpty || packet.operation == VsockPacket.Operation.payload, "payload is payload")
                let port = packet.destinationPort
                guard packet.operation == VsockPacket.Operation.payload, packet.sourcePort == 1025 else { continue }
                guard var account = accounts[port] else { preconditionFailure("payload comes over connections") }
                let inFlight = account.received &- account.forwarded
                precondition(
                    UInt64(inFlight) + UInt64(packet.payload.count) <= UInt64(account.allocation),
                    "nothing is sent without credit")
                account.received &+= UInt32(packet.payload.count)
                accounts[port] = account
            }
        }

        func speak(_ bytes: [UInt8], repeated count: Int) {
            for endpoint in endpoints {
                for _ in 0..<count { endpoint.connection.send(bytes) }
                precondition(endpoint.connection.room >= 0, "what waits is bounded")
            }
        }

        func finish(_ kind: Int) {
            for endpoint in endpoints {
                switch kind {
                case 0: endpoint.connection.endSending()
                case 1: endpoint.connection.endReceiving()
                case 2: endpoint.connection.reset()
                default: endpoint.forwardAll()
                }
            }
        }

        func reset() {
            engine.reset()
            precondition(accounts.isEmpty, "a reset closes every connection")
            precondition(engine.connectionCount == 0 && !engine.hasPackets, "a reset forgets everything")
            precondition(endpoints.allSatisfy { $0.closings == 1 }, "each connection is closed once")
            endpoints = []
        }
    }

    /// An endpoint that keeps what it gets until it is told to pass it on.
    private final class Endpoint: VsockEndpoint {
        let connection: VsockConnection
        private let resets: Bool
        private var kept = 0
        private(set) var closings = 0
        private let ended: () -> Void

        init(_ connection: VsockConnection, resets: Bool = false, ended: @escaping () -> Void = {}) {
            self.connection = connection
            self.resets = resets
            self.ended = ended
        }

        func receive(_ bytes: [UInt8]) {
            kept += bytes.count
            precondition(closings == 0, "nothing comes over a closed connection")
            precondition(kept <= VsockConnection.bufferSize, "no more is kept than the guest had credit for")
        }

        func forwardAll() {
            connection.forwarded(kept)
            kept = 0
        }

        func receiveEnded() {}
        func roomAppeared() { if resets { connection.reset() } }
        func sendingRefused() {}
        func closed() {
            closings += 1
            ended()
        }
    }

    static var seeds: [[UInt8]] {
        func packet(_ operation: UInt8, port: UInt8 = 0, flags: UInt8 = 0, payload: [UInt8] = []) -> [UInt8] {
            [0, 0, 0, 1, port, 0, operation, flags, 4, 255, 0, 0, UInt8(payload.count)] + payload + [0]
        }
        let take: [UInt8] = [5] + little(UInt16(1000)) + [20]
        return [
            packet(1) + take + packet(5, payload: [1, 2, 3]) + take + packet(4, flags: 3) + take,
            packet(1, port: 1) + [6, 4, 1, 2, 3, 4, 8] + take + packet(6, port: 1) + take + [7, 0] + take + [7, 2],
            packet(1, port: 2) + take + packet(1, port: 3) + take + packet(7, port: 1) + packet(3, port: 1) + [7, 255],
            [4, 44] + [UInt8](repeating: 0, count: 44) + take,
        ]
    }
}

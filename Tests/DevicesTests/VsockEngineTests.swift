import Board
import Devices
import GuestDriver
import Testing
import Virtio

/// An endpoint that writes down what it is told.
final class RecordingEndpoint: VsockEndpoint {
    let connection: VsockConnection
    var received: [UInt8] = []
    var events: [String] = []
    var forwardsAtOnce = true

    init(_ connection: VsockConnection) { self.connection = connection }

    func receive(_ bytes: [UInt8]) {
        received += bytes
        if forwardsAtOnce { connection.forwarded(bytes.count) }
    }
    func receiveEnded() { events.append("ended") }
    func roomAppeared() {}
    func sendingRefused() { events.append("refused") }
    func closed() { events.append("closed") }
}

/// The guest's side of an engine, packet by packet.
final class PacketGuest {
    let engine = VsockEngine(guestContextID: 3)
    var endpoints: [RecordingEndpoint] = []

    init() {
        engine.listen(on: 1024) { [unowned self] connection in
            let endpoint = RecordingEndpoint(connection)
            endpoints.append(endpoint)
            return endpoint
        }
    }

    func packet(_ operation: UInt16, port: UInt32 = 5000, _ change: (inout VsockPacket) -> Void = { _ in }) {
        var packet = VsockPacket()
        packet.sourceContextID = 3
        packet.destinationContextID = 2
        packet.sourcePort = port
        packet.destinationPort = 1024
        packet.operation = operation
        packet.bufferAllocation = 1 << 18
        change(&packet)
        engine.receive(packet.bytes)
    }

    /// Connects and drops the answer.
    func connect(allocation: UInt32 = 1 << 18) -> RecordingEndpoint {
        packet(VsockPacket.Operation.request) { $0.bufferAllocation = allocation }
        _ = engine.nextPacket(payloadLimit: 4096)
        return endpoints[endpoints.count - 1]
    }

    func take(limit: Int = 4096) -> [VsockPacket] {
        var packets: [VsockPacket] = []
        while packets.count < 10_000, let packet = engine.nextPacket(payloadLimit: limit) { packets.append(packet) }
        return packets
    }
}

@Suite struct VsockEngineTests {
    private typealias Operation = VsockPacket.Operation

    @Test func aPacketHasThisForm() {
        let bytes: [UInt8] =
            [2, 0, 0, 0, 0, 0, 0, 0] + [3, 0, 0, 0, 0, 0, 0, 0]  // source and destination
            + [0, 4, 0, 0] + [0x88, 0x13, 0, 0]  // their ports, 1024 and 5000
            + [2, 0, 0, 0] + [1, 0] + [5, 0] + [3, 0, 0, 0]  // length, stream, payload, flags
            + [0, 0, 4, 0] + [7, 0, 0, 0]  // allocation, forwarded
            + [0x68, 0x69]
        let packet = VsockPacket(bytes: bytes)
        #expect(packet?.sourcePort == 1024 && packet?.destinationPort == 5000 && packet?.operation == 5)
        #expect(packet?.bufferAllocation == 1 << 18 && packet?.forwardCount == 7)
        #expect(packet?.payload == [0x68, 0x69] && packet?.flags == 3)
        #expect(packet?.bytes == bytes)
    }

    @Test func aConnectionIsMadeUsedAndEnded() {
        let guest = PacketGuest()
        guest.packet(Operation.request)
        let answer = guest.take()
        #expect(answer.map(\.operation) == [Operation.response])
        #expect(answer[0].sourcePort == 1024 && answer[0].destinationPort == 5000)
        #expect(answer[0].bufferAllocation == UInt32(VsockConnection.bufferSize))
        let endpoint = guest.endpoints[0]
        guest.packet(Operation.payload) { $0.payload = [1, 2, 3] }
        #expect(endpoint.received == [1, 2, 3])
        endpoint.connection.send([9, 8])
        let sent = guest.take()
        #expect(sent.map(\.payload) == [[9, 8]] && sent[0].forwardCount == 3)
        guest.packet(Operation.shutdown) { $0.flags = VsockPacket.ShutdownFlag.both }
        #expect(endpoint.events == ["refused", "ended", "closed"])
        #expect(guest.take().map(\.operation) == [Operation.reset])
        #expect(guest.engine.connectionCount == 0)
    }

    @Test func eachDirectionEndsByItself() {
        let guest = PacketGuest()
        let endpoint = guest.connect()
        guest.packet(Operation.shutdown) { $0.flags = VsockPacket.ShutdownFlag.send }
        #expect(endpoint.events == ["ended"])
        endpoint.connection.send([1])
        endpoint.connection.endSending()
        let packets = guest.take()
        #expect(packets.map(\.operation) == [Operation.payload, Operation.shutdown])
        #expect(packets[1].flags == VsockPacket.ShutdownFlag.send)
        #expect(guest.engine.connectionCount == 1)
        guest.packet(Operation.reset)
        #expect(endpoint.events == ["ended", "closed"])
        #expect(guest.take() == [])
    }

    @Test func nothingIsSentWithoutCredit() {
        let guest = PacketGuest()
        let endpoint = guest.connect(allocation: 10)
        endpoint.connection.send([UInt8](repeating: 7, count: 25))
        let first = guest.take()
        #expect(first.map(\.operation) == [Operation.payload, Operation.creditRequest])
        #expect(first[0].payload.count == 10)
        guest.packet(Operation.creditUpdate) {
            $0.bufferAllocation = 10
            $0.forwardCount = 8
        }
        #expect(guest.take().first?.payload.count == 8)
        // A guest that claims to have passed on what it never got has no credit.
        guest.packet(Operation.creditUpdate) {
            $0.bufferAllocation = 10
            $0.forwardCount = 4000
        }
        #expect(guest.take().allSatisfy { $0.payload.isEmpty })
        #expect(guest.engine.connectionCount == 1)
    }

    @Test func aGuestThatSendsWithoutCreditLosesItsConnection() {
        let guest = PacketGuest()
        let endpoint = guest.connect()
        endpoint.forwardsAtOnce = false
        for _ in 0..<2 {
            guest.packet(Operation.payload) { $0.payload = [UInt8](repeating: 1, count: 64 << 10) }
        }
        #expect(endpoint.events == [])
        guest.packet(Operation.payload) { $0.payload = [1] }
        #expect(endpoint.events == ["closed"] && endpoint.received.count == 128 << 10)
        #expect(guest.take().map(\.operation) == [Operation.reset])
    }

    @Test func whatIsPassedOnBecomesCreditAgain() {
        let guest = PacketGuest()
        let endpoint = guest.connect()
        var updates = 0
        for _ in 0..<64 {
            guest.packet(Operation.payload) { $0.payload = [UInt8](repeating: 1, count: 32 << 10) }
            updates += guest.take().filter { $0.operation == Operation.creditUpdate }.count
        }
        #expect(endpoint.received.count == 2 << 20)
        // Seldom, but before the guest runs dry.
        #expect((16...40).contains(updates))
        guest.packet(Operation.creditRequest)
        #expect(guest.take().map(\.operation) == [Operation.creditUpdate])
    }

    @Test func cve2019_18960ALengthBeyondTheBufferIsNotBelieved() {
        let guest = PacketGuest()
        let endpoint = guest.connect()
        var packet = VsockPacket()
        packet.sourceContextID = 3
        packet.destinationContextID = 2
        packet.sourcePort = 5000
        packet.destinationPort = 1024
        packet.operation = Operation.payload
        packet.payload = [1, 2, 3]
        for length in [4, 0xFFFF_FFFF] as [UInt32] {
            var bytes = packet.bytes
            for index in 0..<4 { bytes[24 + index] = UInt8(truncatingIfNeeded: length >> UInt32(8 * index)) }
            guest.engine.receive(bytes)
        }
        #expect(endpoint.received == [] && endpoint.events == ["closed"])
        #expect(guest.take().map(\.operation) == [Operation.reset, Operation.reset])
        for count in 0..<VsockPacket.headerSize { guest.engine.receive([UInt8](repeating: 255, count: count)) }
        #expect(guest.take() == [])
    }

    @Test func whatNobodyWaitsForIsRefused() {
        let guest = PacketGuest()
        guest.packet(Operation.request) { $0.destinationPort = 7 }
        guest.packet(Operation.payload, port: 6) { $0.payload = [1] }
        guest.packet(Operation.request, port: 8) { $0.type = 2 }
        guest.packet(Operation.request, port: 9) { $0.destinationContextID = 77 }
        guest.packet(99, port: 10)
        #expect(guest.take().map(\.operation) == [UInt16](repeating: Operation.reset, count: 5))
        guest.packet(Operation.reset, port: 11)
        guest.packet(Operation.request) { $0.sourceContextID = 4 }
        #expect(guest.take() == [])
        #expect(guest.endpoints.isEmpty)
    }

    @Test(arguments: [0, 1, 2, 8, 0xFFFF] as [UInt16]) func whatMakesNoSenseEndsTheConnection(operation: UInt16) {
        let guest = PacketGuest()
        let endpoint = guest.connect()
        guest.packet(operation)
        #expect(endpoint.events == ["closed"])
        #expect(guest.take().map(\.operation) == [Operation.reset])
    }

    @Test func aFloodOfConnectionsAndOfNonsenseIsBounded() {
        let guest = PacketGuest()
        for port in 0..<5000 as Range<UInt32> { guest.packet(Operation.request, port: port) }
        #expect(guest.engine.connectionCount == VsockEngine.connectionLimit)
        for port in 6000..<9000 as Range<UInt32> { guest.packet(Operation.payload, port: port) }
        let packets = guest.take()
        #expect(packets.count == VsockEngine.connectionLimit + VsockEngine.resetLimit)
    }

    @Test func noPacketMakesTheEngineTrap() {
        let guest = PacketGuest()
        var random = SystemRandomNumberGenerator()
        for round in 0..<20_000 {
            guest.packet(UInt16.random(in: 0...8, using: &random), port: UInt32.random(in: 0...3, using: &random)) {
                $0.flags = UInt32.random(in: 0...4, using: &random)
                $0.bufferAllocation = UInt32.random(in: 0...UInt32.max, using: &random)
                $0.forwardCount = UInt32.random(in: 0...UInt32.max, using: &random)
                $0.payload = [UInt8](repeating: 1, count: Int.random(in: 0...2000, using: &random))
            }
            guest.endpoints.last?.connection.send([UInt8](repeating: 2, count: round % 3000))
            if round % 3 == 0 { _ = guest.engine.nextPacket(payloadLimit: Int.random(in: 0...70_000, using: &random)) }
            if guest.endpoints.count > 100 { guest.endpoints.removeFirst(50) }
        }
        #expect(guest.engine.connectionCount <= 4)
    }

    @Test func aDriverFindsTheAnswerInItsQueue() throws {
        let engine = VsockEngine(guestContextID: 3)
        var endpoint: RecordingEndpoint?
        engine.listen(on: 1024) { connection in
            endpoint = RecordingEndpoint(connection)
            return endpoint
        }
        let driver = try GuestDriver(VsockDevice(engine))
        try driver.start()
        try driver.queues[0].send(writable: [Segment(address: 0x20_0000, length: 4096)])
        try driver.kick(0)
        var packet = VsockPacket()
        packet.sourceContextID = 3
        packet.destinationContextID = 2
        packet.sourcePort = 5000
        packet.destinationPort = 1024
        packet.operation = Operation.request
        packet.bufferAllocation = 4096
        try driver.memory.write(packet.bytes, at: 0x10_0000)
        try driver.queues[1].send(readable: [Segment(address: 0x10_0000, length: 44)])
        try driver.kick(1)
        #expect(try driver.queues[1].takeUsed() != nil)
        #expect(try driver.queues[0].takeUsed()?.written == 44)
        let answer = VsockPacket(bytes: try driver.memory.read(0x20_0000, 44))
        #expect(answer?.operation == Operation.response)
        // What is sent without a buffer of the guest's goes out with the next one, in parts that fit.
        endpoint?.connection.send([UInt8](repeating: 5, count: 100))
        try driver.queues[0].send(writable: [Segment(address: 0x20_0000, length: 44 + 60)])
        try driver.kick(0)
        #expect(try driver.queues[0].takeUsed()?.written == 104)
        try driver.queues[0].send(writable: [Segment(address: 0x20_0000, length: 43)])
        try driver.kick(0)
        #expect(driver.status.contains(.needsReset))
    }
}

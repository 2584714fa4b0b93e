import Board
import Devices
import Glibc
import GuestDriver
import Synchronization
import Syscalls
import Testing
import Virtio

/// What a hostile guest can do with its sockets; see docs/hostile-guests.md.
@Suite struct VsockAttackTests {
    private typealias Operation = VsockPacket.Operation

    private static func packet(_ operation: UInt16, payload: [UInt8] = [], allocation: UInt32 = .max) -> VsockPacket {
        var packet = VsockPacket()
        (packet.sourceContextID, packet.destinationContextID) = (3, 2)
        (packet.sourcePort, packet.destinationPort) = (5000, 1024)
        (packet.operation, packet.payload) = (operation, payload)
        packet.bufferAllocation = allocation
        return packet
    }

    /// Bytes one at a time while nobody reads: what waits costs what it is, and is written in few calls.
    @Test func bytesOneAtATimeAreKeptAsOneRun() throws {
        // Each write is a packet of its own, which tells how many there were.
        var ends: [Int32] = [0, 0]
        try #require(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_NONBLOCK.rawValue), 0, &ends) == 0)
        let reader = OwnedDescriptor(owning: ends[0])
        let writer = OwnedDescriptor(owning: ends[1])
        // Full, so that everything waits.
        var fillers = 0
        while (try? writer.sendNow([0], subject: "socket")) != nil { fillers += 1 }
        let engine = VsockEngine(guestContextID: 3)
        let loop = try EventLoop()
        var relay: VsockRelay?
        var sink: OwnedDescriptor? = consume writer
        engine.listen(on: 1024) { connection in
            relay = VsockRelay(connection, on: loop, source: nil, sink: sink.take())
            return relay
        }
        engine.receive(Self.packet(Operation.request).bytes)
        let count = 16384
        for index in 0..<count {
            engine.receive(Self.packet(Operation.payload, payload: [UInt8(truncatingIfNeeded: index)]).bytes)
        }
        var received: [UInt8] = []
        var packets = 0
        var buffer = [UInt8](repeating: 0, count: 2 * VsockConnection.bufferSize)
        while received.count < fillers + count {
            if let count = try? reader.read(into: &buffer, subject: "socket"), count > 0 {
                received += buffer[..<count]
                packets += 1
            } else {
                _ = try loop.poll(timeoutMilliseconds: 0)
            }
        }
        #expect(relay?.isDrained == true && packets - fillers < 8)
        #expect(received.dropFirst(fillers).enumerated().allSatisfy { $0.element == UInt8(truncatingIfNeeded: $0.offset) })
    }

    private final class Flag: Sendable {
        let isSet = Atomic(false)
    }

    /// An endpoint that never runs dry.
    private final class Spring: VsockEndpoint {
        private let connection: VsockConnection
        init(_ connection: VsockConnection) { self.connection = connection }
        func receive(_ bytes: [UInt8]) { connection.forwarded(bytes.count) }
        func receiveEnded() {}
        func roomAppeared() { connection.send([UInt8](repeating: 7, count: connection.room)) }
        func sendingRefused() {}
        func closed() {}
    }

    /// A guest that has 4 GiB of credit, and refills its queue as fast as it is emptied.
    @Test func aQueueThatIsNeverEmptyIsLeftAfterATurn() throws {
        let engine = VsockEngine(guestContextID: 3)
        engine.listen(on: 1024) { Spring($0) }
        let driver = try GuestDriver(VsockDevice(engine))
        try driver.start(queueSize: 128)
        let (memory, layout) = (driver.memory, driver.queues[0].layout)
        for index in 0..<128 {
            try driver.queues[0].write(RawDescriptor(0x40_0000, 64, RawDescriptor.write), at: index)
            try memory.store(UInt16(index), at: layout.available + 4 + 2 * UInt64(index))
        }
        let done = Flag()
        let refill = try RunningThread {
            while !done.isSet.load(ordering: .relaxed) {
                let used = (try? memory.load(layout.used + 2, as: UInt16.self)) ?? 0
                try? memory.store(used &+ 128, at: layout.available + 2)
            }
        }
        defer {
            done.isSet.store(true, ordering: .relaxed)
            refill.join()
        }
        try memory.write(Self.packet(Operation.request).bytes, at: 0x20_0000)
        try driver.queues[1].send(readable: [Segment(address: 0x20_0000, length: 44)])
        driver.write(1, 0x50)
        // Where it has an end, this returns.
        _ = try driver.loop.poll(timeoutMilliseconds: 0)
        #expect(try memory.load(layout.used + 2, as: UInt16.self) <= 256)
    }

    /// 1024 connections, whoever in the guest makes them; the next one is refused, and the first still work.
    @Test func aFullTableRefusesTheNextConnection() {
        let engine = VsockEngine(guestContextID: 3)
        engine.listen(on: 1024) { Spring($0) }
        for port in 0..<UInt32(VsockEngine.connectionLimit + 1) {
            var packet = Self.packet(Operation.request, allocation: 64)
            packet.sourcePort = port
            engine.receive(packet.bytes)
        }
        #expect(engine.connectionCount == VsockEngine.connectionLimit)
        let first = engine.nextPacket(payloadLimit: 64)
        #expect(first?.operation == Operation.reset)
        #expect(first?.destinationPort == UInt32(VsockEngine.connectionLimit))
        #expect(engine.nextPacket(payloadLimit: 64)?.operation == Operation.response)
    }
}

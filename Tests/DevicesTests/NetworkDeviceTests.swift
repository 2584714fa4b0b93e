import Board
import Devices
import Glibc
import GuestDriver
import Syscalls
import Testing
import Virtio

@Suite struct NetworkDeviceTests {
    /// A card whose tap is one end of a pair of packet sockets.
    private func card() throws -> (driver: GuestDriver, wire: EndOfWire) {
        var ends: [Int32] = [0, 0]
        socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends)
        let card = NetworkDevice(
            tap: OwnedDescriptor(owning: ends[0]), address: [2, 0, 0, 0, 0, 1], mtu: 1400, hasOffloads: false)
        let driver = try GuestDriver(card)
        try driver.start()
        return (driver, EndOfWire(OwnedDescriptor(owning: ends[1])))
    }

    /// The other end.
    private final class EndOfWire {
        let file: OwnedDescriptor
        init(_ file: consuming OwnedDescriptor) { self.file = file }
        func send(_ bytes: [UInt8]) throws { try file.writeAll(bytes, subject: "wire") }
        func receive() -> [UInt8]? {
            var bytes = [UInt8](repeating: 0, count: 70000)
            guard let count = try? file.read(into: &bytes, subject: "wire") else { return nil }
            return Array(bytes.prefix(count))
        }
    }

    @Test func theCardDescribesItself() throws {
        let driver = try card().driver
        #expect(driver.transport.read(at: 0x100, size: 8) == 0x0001_0100_0000_0002)
        #expect(driver.transport.read(at: 0x10a, size: 2) == 1400)
    }

    @Test func aFrameIsSentAsTheGuestWroteIt() throws {
        let (driver, wire) = try card()
        let frame = (0..<100).map { UInt8($0) }
        try driver.memory.write(frame, at: 0x10_0000)
        try driver.queues[1].send(
            readable: [Segment(address: 0x10_0000, length: 12), Segment(address: 0x10_000c, length: 88)])
        try driver.kick(1)
        #expect(wire.receive() == frame)
        #expect(try driver.queues[1].takeUsed()?.written == 0)
    }

    @Test func whatIsNoFrameIsDropped() throws {
        let (driver, wire) = try card()
        for length in [1, 12, 0x2_0000] as [UInt32] {
            try driver.queues[1].send(readable: [Segment(address: 0x10_0000, length: length)])
        }
        try driver.kick(1)
        #expect(wire.receive() == nil)
        for _ in 0..<3 { #expect(try driver.queues[1].takeUsed() != nil) }
        #expect(!driver.status.contains(.needsReset))
    }

    @Test func aFrameIsSpreadOverMergedBuffers() throws {
        let (driver, wire) = try card()
        for index in 0..<16 as Range<UInt64> {
            try driver.queues[0].send(writable: [Segment(address: 0x10_0000 + index << 12, length: 600)])
        }
        try driver.kick(0)
        try wire.send([UInt8](repeating: 5, count: 1000))
        try wire.send([UInt8](repeating: 6, count: 100))
        try driver.turn()
        let used = try (0..<3).compactMap { _ in try driver.queues[0].takeUsed() }
        #expect(used.map(\.written) == [600, 400, 100] && used.map(\.head) == [0, 1, 2])
        #expect(try driver.memory.load(0x10_000a, as: UInt16.self) == 2)
        #expect(try driver.memory.load(0x10_200a, as: UInt16.self) == 1)
        #expect(try driver.memory.read(0x10_118f, 2) == [5, 0])
    }

    @Test func withoutBuffersTheTapIsNotRead() throws {
        let (driver, wire) = try card()
        try wire.send([UInt8](repeating: 5, count: 1000))
        try driver.turn()
        #expect(try driver.loop.poll(timeoutMilliseconds: 0) == 0, "the loop does not spin")
        for index in 0..<4 as Range<UInt64> {
            try driver.queues[0].send(writable: [Segment(address: 0x10_0000 + index << 12, length: 600)])
        }
        try driver.kick(0)
        #expect(try driver.queues[0].takeUsed()?.written == 600)
    }

    @Test func aTapThatIsGoneDoesNotSpinTheLoop() throws {
        let (driver, wire) = try card()
        _ = consume wire
        try driver.turn()
        #expect(try driver.loop.poll(timeoutMilliseconds: 0) == 0)
    }
}

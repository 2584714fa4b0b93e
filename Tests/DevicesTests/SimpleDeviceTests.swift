import Board
import Devices
import GuestDriver
import Synchronization
import Testing
import Virtio

/// Bytes that a device hands over.
final class Collected: Sendable {
    private let store = Mutex<[UInt8]>([])
    var bytes: [UInt8] { store.withLock { $0 } }
    func append(_ more: ArraySlice<UInt8>) { store.withLock { $0 += more } }
}

@Suite struct SimpleDeviceTests {
    @Test func entropyFillsABufferUpToItsBound() throws {
        let driver = try GuestDriver(EntropyDevice())
        try driver.start()
        try driver.queues[0].send(writable: [Segment(address: 0x10_0000, length: 16)])
        try driver.queues[0].send(writable: [Segment(address: 0x20_0000, length: 0x20_0000)])
        try driver.kick(0)
        #expect(try driver.queues[0].takeUsed()?.written == 16)
        #expect(try driver.queues[0].takeUsed()?.written == 65536)
        #expect(try driver.memory.read(0x10_0000, 16) != [UInt8](repeating: 0, count: 16))
        #expect(try driver.memory.read(0x21_0000, 16) == [UInt8](repeating: 0, count: 16))
    }

    @Test func entropyWantsNothingToRead() throws {
        let driver = try GuestDriver(EntropyDevice())
        try driver.start()
        try driver.queues[0].send(readable: [Segment(address: 0x10_0000, length: 16)])
        try driver.kick(0)
        #expect(driver.status.contains(.needsReset))
    }

    @Test func theConsoleHandsOverWhatTheGuestWrites() throws {
        let collected = Collected()
        let driver = try GuestDriver(ConsoleDevice { collected.append($0) })
        try driver.start()
        try driver.memory.write(Array("hello".utf8), at: 0x10_0000)
        try driver.queues[1].send(
            readable: [Segment(address: 0x10_0000, length: 2), Segment(address: 0x10_0002, length: 3)])
        try driver.kick(1)
        #expect(collected.bytes == Array("hello".utf8))
        #expect(try driver.queues[1].takeUsed()?.written == 0)
    }

    @Test func theConsoleTakesABoundedPartOfAHugeBuffer() throws {
        let collected = Collected()
        let driver = try GuestDriver(ConsoleDevice { collected.append($0) })
        try driver.start()
        try driver.queues[1].send(readable: [Segment(address: 0x10_0000, length: 8 << 20)])
        try driver.kick(1)
        #expect(collected.bytes.count == 1 << 20)
    }

    @Test func theConsoleKeepsABoundedInputForTheGuest() throws {
        let console = ConsoleDevice { _ in }
        let driver = try GuestDriver(console)
        try driver.start()
        #expect(console.input([UInt8](repeating: 7, count: 100_000)[...]) == ConsoleDevice.inputLimit)
        #expect(console.input([1]) == 0)
        try driver.queues[0].send(writable: [Segment(address: 0x10_0000, length: 65535)])
        try driver.queues[0].send(writable: [Segment(address: 0x12_0000, length: 10)])
        try driver.kick(0)
        #expect(try driver.queues[0].takeUsed()?.written == 65535)
        #expect(try driver.queues[0].takeUsed()?.written == 1)
        #expect(console.input([1]) == 1)
    }
}

@Suite struct BalloonTests {
    private func started(_ balloon: BalloonDevice) throws -> GuestDriver {
        let driver = try GuestDriver(balloon)
        try driver.start()
        return driver
    }

    @Test func inflatedPagesGoBackToTheHost() throws {
        let driver = try started(BalloonDevice())
        let memory = driver.memory
        try memory.write([UInt8](repeating: 1, count: 0x5000), at: 0x20_0000)
        let before = try memory.residentBytes()
        // Out of order, one twice, one where there is no memory.
        for (index, page) in [0x203, 0x201, 0x202, 0x201, 0xffff_ffff as UInt32].enumerated() {
            try memory.store(page, at: 0x10_0000 + 4 * UInt64(index))
        }
        try driver.queues[0].send(readable: [Segment(address: 0x10_0000, length: 20)])
        try driver.kick(0)
        #expect(try driver.queues[0].takeUsed() != nil)
        #expect(try memory.residentBytes() <= before - 0x3000 + 0x1000)
        #expect(try memory.read(0x20_0fff, 2) == [1, 0] && memory.read(0x20_3fff, 2) == [0, 1])
    }

    @Test func onlyWholeReportedPagesGoBack() throws {
        let driver = try started(BalloonDevice())
        try driver.memory.write([UInt8](repeating: 1, count: 0x3000), at: 0x20_0000)
        try driver.queues[3].send(writable: [Segment(address: 0x20_0800, length: 0x2000)])
        try driver.kick(3)
        #expect(try driver.memory.read(0x20_0fff, 2) == [1, 0])
        #expect(try driver.memory.read(0x20_1fff, 2) == [0, 1])
    }

    @Test func theTargetIsConfiguration() throws {
        let balloon = BalloonDevice()
        let driver = try started(balloon)
        balloon.inflate(targetPages: 0x1234)
        #expect(driver.read(0x100) == 0x1234 && driver.read(0x60) & 2 == 2 && driver.read(0xfc) == 1)
        driver.write(0x1000, 0x104)
        #expect(balloon.actualPages == 0x1000 && driver.read(0x104) == 0x1000)
    }

    @Test func aTargetThatCameBeforeTheDriverIsThereForIt() throws {
        let balloon = BalloonDevice()
        let driver = try GuestDriver(balloon)
        balloon.inflate(targetPages: 7)
        try driver.start()
        #expect(driver.read(0x100) == 7)
    }

    @Test func statisticsAreAskedForByGivingTheBufferBack() throws {
        let balloon = BalloonDevice()
        let driver = try started(balloon)
        let buffer = [Segment(address: 0x10_0000, length: 20)]
        try driver.queues[2].send(readable: buffer)
        try driver.kick(2)
        #expect(try driver.queues[2].takeUsed() == nil)
        let kept = Kept()
        balloon.requestStatistics { kept.store($0) }
        #expect(try driver.queues[2].takeUsed() != nil)
        try driver.memory.write([5, 0, 1, 2, 0, 0, 0, 0, 0, 0, 6, 0, 3, 0, 0, 0, 0, 0, 0, 0], at: 0x10_0000)
        try driver.queues[2].send(readable: buffer)
        try driver.kick(2)
        #expect(kept.values == [5: 0x201, 6: 3])
    }
}

/// Statistics that a balloon hands over.
final class Kept: Sendable {
    private let figures = Mutex<[UInt16: UInt64]>([:])
    var values: [UInt16: UInt64] { figures.withLock { $0 } }
    func store(_ more: [UInt16: UInt64]) { figures.withLock { $0 = more } }
}

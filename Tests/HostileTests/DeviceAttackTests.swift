import Board
import Devices
import Glibc
import GuestDriver
import Synchronization
import Syscalls
import Testing
import Virtio

@testable import VMM

/// What a hostile driver can ask of the devices; see docs/hostile-guests.md.
@Suite struct DeviceAttackTests {
    private func disk(readOnly: Bool = false) throws -> (driver: GuestDriver, file: ServedFile) {
        let file = try OwnedDescriptor.memory([UInt8](repeating: 0x5a, count: 1 << 20), name: "disk")
        let other = ServedFile(try file.duplicate())
        let driver = try GuestDriver(BlockDevice(file: file, readOnly: readOnly, identity: "d"), memoryBytes: 256 << 20)
        try driver.start()
        return (driver, other)
    }

    /// Sends a request; its status, and how much was written.
    private func ask(
        _ driver: GuestDriver, _ type: UInt32, _ sector: UInt64, data: [UInt8] = [], room: [Segment] = []
    ) throws -> (status: UInt8, written: UInt32)? {
        try driver.memory.write(little(type, 0) + little(sector) + data, at: 0x40_0000)
        try driver.memory.store(UInt8(0xee), at: 0x50_0000)
        try driver.queues[0].send(
            readable: [Segment(address: 0x40_0000, length: UInt32(16 + data.count))],
            writable: room + [Segment(address: 0x50_0000, length: 1)])
        try driver.kick(0)
        guard let used = try driver.queues[0].takeUsed() else { return nil }
        return (try driver.memory.load(0x50_0000, as: UInt8.self), used.written)
    }

    @Test func aRequestForMoreThanAnybodyAsksForIsRefused() throws {
        let sparse = try OwnedDescriptor.memory([], name: "large disk")
        try sparse.truncate(to: 256 << 20)
        let driver = try GuestDriver(BlockDevice(file: sparse, readOnly: false, identity: "d"), memoryBytes: 256 << 20)
        try driver.start()
        let eight = Segment(address: 0x80_0000, length: 8 << 20)
        #expect(try ask(driver, 0, 0, room: [eight])?.status == 0)
        #expect(try ask(driver, 0, 0, room: [UInt8](repeating: 0, count: 9).map { _ in eight })?.status == 1)
    }

    @Test(arguments: [.max, .max - 1, 1 << 55, 2048, 2047] as [UInt64])
    func aSectorThatWrapsAroundIsRefused(sector: UInt64) throws {
        let (driver, file) = try disk()
        let kilobyte = [Segment(address: 0x60_0000, length: 1024)]
        #expect(try ask(driver, 0, sector, room: kilobyte)?.status == 1)
        #expect(try ask(driver, 1, sector, data: [UInt8](repeating: 1, count: 1024))?.status == 1)
        #expect(try ask(driver, 13, 0, data: little(sector) + little(UInt32(2), 0))?.status == 1)
        #expect(try file.descriptor.read(at: 0, count: 1 << 20).allSatisfy { $0 == 0x5a })
    }

    @Test func everyTypeOfRequestLeavesAReadOnlyDiskAsItWas() throws {
        let (driver, file) = try disk(readOnly: true)
        for type in Array(0..<32) + [0x8000_0000, .max] as [UInt32] {
            _ = try ask(driver, type, 0, data: [UInt8](repeating: 0, count: 512))
            _ = try ask(driver, type, 0, data: little(UInt64(0)) + little(UInt32(1), 1))
        }
        #expect(try file.descriptor.read(at: 0, count: 1 << 20).allSatisfy { $0 == 0x5a })
    }

    /// A buffer of four million page numbers costs what a thousand do.
    @Test func aBalloonLooksAtABoundedPartOfABuffer() throws {
        let driver = try GuestDriver(BalloonDevice())
        try driver.start()
        try driver.memory.store(UInt32(0x5a5a_5a5a), at: 0xf0_0000)
        // The page of that number is the last of the buffer's.
        try driver.memory.store(UInt32(0xf00), at: 0x40_0000 + 4 * 2000)
        try driver.memory.store(UInt32(0xf01), at: 0x40_0000)
        try driver.memory.store(UInt32(0x5a5a_5a5a), at: 0xf0_1000)
        try driver.queues[0].send(readable: [Segment(address: 0x40_0000, length: 4 * 2001)])
        try driver.kick(0)
        #expect(try driver.queues[0].takeUsed() != nil)
        #expect(try driver.memory.load(0xf0_1000, as: UInt32.self) == 0)
        #expect(try driver.memory.load(0xf0_0000, as: UInt32.self) == 0x5a5a_5a5a)
    }

    @Test func pagesThatAreNotTheGuestsAreNotGivenBack() throws {
        let driver = try GuestDriver(BalloonDevice())
        try driver.start()
        let pages: [UInt32] = [.max, .max - 1, 0xc_0000, 0x10_0000, 4096, 0xfff]
        try driver.memory.write(pages.flatMap { little($0) }, at: 0x40_0000)
        try driver.queues[0].send(readable: [Segment(address: 0x40_0000, length: UInt32(4 * pages.count))])
        try driver.kick(0)
        #expect(try driver.queues[0].takeUsed() != nil)
        #expect(!driver.status.contains(.needsReset))
    }

    private final class Counter: Sendable {
        let count = Atomic(0)
    }

    @Test func aFloodOfTheConsoleIsTakenInTurns() throws {
        let counter = Counter()
        let driver = try GuestDriver(
            ConsoleDevice { counter.count.add($0.count, ordering: .relaxed) }, memoryBytes: 64 << 20)
        try driver.start(queueSize: 64)
        for _ in 0..<64 { try driver.queues[1].send(readable: [Segment(address: 0x100_0000, length: 32 << 20)]) }
        driver.write(1, 0x50)
        _ = try driver.loop.poll(timeoutMilliseconds: 0)
        // Two buffers of 32 MiB are a turn, and of each one MiB is taken.
        #expect(counter.count.load(ordering: .relaxed) == 2 << 20)
        try driver.turn()
        #expect(counter.count.load(ordering: .relaxed) == 64 << 20)
    }

    @Test func aFloodOfTheSerialPortStaysInItsFile() throws {
        let file = try OwnedDescriptor.memory([], name: "log")
        let other = try file.duplicate()
        let log = ConsoleLog(file)
        let port = SerialPort(interrupt: RecordedLine()) { log.append($0) }
        for index in 0..<3_000_000 { port.write(UInt64(index & 0xff), at: 0, size: 1 << (index & 3)) }
        log.flush()
        #expect(try other.fileSize() <= UInt64(ConsoleLog.fileLimit))
        #expect(log.tail.utf8.count <= 2 * ConsoleLog.tailLimit)
        #expect(log.tail.unicodeScalars.allSatisfy { $0 == "\n" || (0x20..<0x7f).contains($0.value) })
    }

    /// A header of a frame is the kernel's to check; what is no frame does not get to the tap.
    @Test func framesOfEverySizeLeaveTheCardAlive() throws {
        var ends: [Int32] = [0, 0]
        let kind = Int32(SOCK_SEQPACKET.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        socketpair(AF_UNIX, kind, 0, &ends)
        let wire = OwnedDescriptor(owning: ends[1])
        let driver = try GuestDriver(
            NetworkDevice(tap: OwnedDescriptor(owning: ends[0]), address: [2, 0, 0, 0, 0, 1], mtu: 1500))
        try driver.start()
        try driver.memory.write([UInt8](repeating: 0xff, count: 80_000), at: 0x40_0000)
        var sent = 0
        for length in [0, 1, 11, 12, 13, 60, 1526, 65562, 65563, 80_000] as [UInt32] {
            if length == 0 {
                try driver.queues[1].send(writable: [Segment(address: 0x40_0000, length: 10)])
            } else {
                try driver.queues[1].send(readable: [Segment(address: 0x40_0000, length: length)])
            }
            try driver.kick(1)
            var bytes = [UInt8](repeating: 0, count: 90_000)
            if let count = try? wire.read(into: &bytes, subject: "wire"), count > 0 {
                sent += 1
                #expect(count > 12 && count <= 65562)
            }
        }
        #expect(sent == 4 && !driver.status.contains(.needsReset))
    }
}

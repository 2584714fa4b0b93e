import Board
import Devices
import Glibc
import GuestDriver
import Syscalls
import Testing
import Virtio

@Suite struct BlockDeviceTests {
    /// A disk of eight sectors, the n-th full of n.
    private func disk(readOnly: Bool = false) throws -> GuestDriver {
        var name = Array("/tmp/mvrun-disk-XXXXXX".utf8CString)
        let number = mkstemp(&name)
        let path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let file = OwnedDescriptor(owning: number)
        try file.writeAll((0..<8).flatMap { [UInt8](repeating: $0, count: 512) }, subject: path)
        let opened = try OwnedDescriptor.open(path, readOnly ? .readOnly : .readWrite)
        unlink(path)
        let driver = try GuestDriver(BlockDevice(file: opened, readOnly: readOnly, identity: "disk-1"))
        try driver.start()
        return driver
    }

    /// Sends one request, and gives back its status and how many bytes were written.
    private func request(
        _ driver: GuestDriver, _ type: UInt32, _ sector: UInt64, readable: [Segment] = [], writable: [Segment] = []
    ) throws -> (UInt8, UInt32)? {
        try driver.memory.store(type, at: 0x10_0000)
        try driver.memory.store(sector, at: 0x10_0008)
        try driver.memory.write([0xff], at: 0x10_1000)
        try driver.queues[0].send(
            readable: [Segment(address: 0x10_0000, length: 16)] + readable,
            writable: writable + [Segment(address: 0x10_1000, length: 1)])
        try driver.kick(0)
        guard let used = try driver.queues[0].takeUsed() else { return nil }
        return (try driver.memory.load(0x10_1000, as: UInt8.self), used.written)
    }

    private let data = [Segment(address: 0x20_0000, length: 1024)]

    @Test func sectorsAreWrittenAndReadBack() throws {
        let driver = try disk()
        #expect(driver.transport.read(at: 0x100, size: 8) == 8)
        #expect(try #require(try request(driver, 0, 2, writable: data)) == (0, 1025))
        #expect(try driver.memory.read(0x20_01ff, 2) == [2, 3])
        try driver.memory.write([UInt8](repeating: 9, count: 1024), at: 0x20_0000)
        #expect(try #require(try request(driver, 1, 6, readable: data)) == (0, 1))
        #expect(try #require(try request(driver, 4, 0)) == (0, 1))
        try driver.memory.zero(at: 0x20_0000, count: 1024)
        #expect(try #require(try request(driver, 0, 6, writable: data)).0 == 0)
        #expect(try driver.memory.read(0x20_03ff, 1) == [9])
    }

    @Test(arguments: [7, 8, UInt64.max, UInt64.max / 512, 1 << 55])
    func whatIsNotOnTheDiskIsAnError(sector: UInt64) throws {
        let driver = try disk()
        #expect(try #require(try request(driver, 0, sector, writable: data)).0 == 1)
        #expect(try #require(try request(driver, 1, sector, readable: data)).0 == 1)
        #expect(!driver.status.contains(.needsReset))
    }

    @Test func aReadOnlyDiskRefusesEveryChange() throws {
        let driver = try disk(readOnly: true)
        #expect(driver.offered.contains(.bit(5)) && driver.offered.isDisjoint(with: [.bit(13), .bit(14)]))
        for type in [1, 11, 13] as [UInt32] {
            #expect(try #require(try request(driver, type, 0, readable: data)).0 == 1)
        }
    }

    @Test func zeroesAreWrittenAndRangesChecked() throws {
        let driver = try disk()
        let range = [Segment(address: 0x30_0000, length: 16)]
        try driver.memory.store(UInt64(2), at: 0x30_0000)
        try driver.memory.store(UInt32(1), at: 0x30_0008)
        for type in [11, 13] as [UInt32] {
            #expect(try #require(try request(driver, type, 0, readable: range)).0 == 0)
        }
        #expect(try #require(try request(driver, 0, 2, writable: data)).0 == 0)
        #expect(try driver.memory.read(0x20_01ff, 2) == [0, 3])
        try driver.memory.store(UInt64.max, at: 0x30_0000)
        #expect(try #require(try request(driver, 11, 0, readable: range)).0 == 1)
        try driver.memory.store(UInt32.max, at: 0x30_0008)
        #expect(try #require(try request(driver, 11, 0, readable: range)).0 == 2)
        #expect(try #require(try request(driver, 11, 0)).0 == 1)
    }

    @Test func theDiskHasAnIdentityAndKnowsWhatItDoesNot() throws {
        let driver = try disk()
        #expect(try #require(try request(driver, 8, 0, writable: [Segment(address: 0x20_0000, length: 20)])).0 == 0)
        #expect(try driver.memory.read(0x20_0000, 7) == Array("disk-1".utf8) + [0])
        #expect(try #require(try request(driver, 99, 0)).0 == 2)
        #expect(try #require(try request(driver, 0, 0, writable: [Segment(address: 0x20_0000, length: 100)])).0 == 1)
    }

    @Test func aRequestWithoutRoomForItsStatusBreaksTheQueue() throws {
        let driver = try disk()
        try driver.queues[0].send(readable: [Segment(address: 0x10_0000, length: 16)])
        try driver.kick(0)
        #expect(driver.status.contains(.needsReset))
    }
}

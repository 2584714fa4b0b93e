import Board
import Devices
import GuestDriver
import Synchronization
import Syscalls
import Testing
import Virtio

/// What a hostile driver can do with registers, rings and chains; see docs/hostile-guests.md.
@Suite struct QueueAttackTests {
    private final class Flag: Sendable {
        let isSet = Atomic(false)
    }

    @Test func anAccessOfAnyWidthAtAnyOffsetIsHarmless() throws {
        let driver = try GuestDriver(EntropyDevice())
        try driver.start()
        for offset in 0..<UInt64(0x1000) {
            for size in [1, 2, 4, 8] {
                _ = driver.transport.read(at: offset, size: size)
                // Registers take four bytes and nothing else; the status is left to another test.
                if size != 4 || (offset != 0x70 && offset < 0x100) {
                    driver.transport.write(.max, at: offset, size: size)
                }
            }
        }
        try driver.turn()
        #expect(driver.status == [.acknowledge, .driver, .driverReady, .featuresAccepted])
        try driver.queues[0].send(writable: [Segment(address: 0x10_0000, length: 8)])
        try driver.kick(0)
        #expect(try driver.queues[0].takeUsed()?.written == 8)
    }

    /// CVE-2026-5747: what was checked at DRIVER_OK was another address afterwards.
    @Test func cve2026_5747NoRegisterOfARunningQueueCanBeChanged() throws {
        let driver = try GuestDriver(EntropyDevice())
        try driver.start()
        for offset in stride(from: UInt64(0x38), to: 0xa8, by: 4) where offset != 0x50 && offset != 0x64 && offset != 0x70 {
            driver.write(.max, offset)
        }
        driver.write(0, 0x30)
        #expect(driver.read(0x44) == 1)
        try driver.queues[0].send(writable: [Segment(address: 0x10_0000, length: 8)])
        try driver.kick(0)
        #expect(try driver.queues[0].takeUsed()?.written == 8)
    }

    /// The device writes into the table that it reads: each of its own entries is the guest's next lie.
    @Test(arguments: [0, 8, 0x8000] as [UInt64])
    func aUsedRingOverTheOtherRingsIsServedWithinBounds(used: UInt64) throws {
        let driver = try GuestDriver(EntropyDevice())
        driver.negotiate()
        let queue = DriverQueue(driver.memory, at: 0, size: 16)
        driver.place(
            QueueLayout(size: 16, descriptors: queue.layout.descriptors, available: queue.layout.available, used: used),
            index: 0)
        driver.write(15, 0x70)
        for _ in 0..<16 { try queue.send(writable: [Segment(address: 0x10_0000, length: 4)]) }
        try driver.kick(0)
        #expect(driver.read(0x70) & 15 == 15)
        driver.write(0, 0x70)
        #expect(driver.read(0x70) == 0)
    }

    @Test func aUsedRingThatIsNotInMemoryIsNoRing() throws {
        let driver = try GuestDriver(EntropyDevice())
        driver.negotiate()
        // 16 entries take 134 bytes: the last two lie behind the end.
        driver.place(
            QueueLayout(size: 16, descriptors: 0, available: 0x1000, used: (16 << 20) - 132), index: 0)
        #expect(driver.read(0x44) == 0 && driver.status.contains(.needsReset))
    }

    /// A small guest offers the same memory again and again: 16 chains of 16 buffers of 8 MiB are 2 GiB.
    @Test func buffersThatOverlapDoNotKeepTheLoop() throws {
        let driver = try GuestDriver(EntropyDevice())
        try driver.start(queueSize: 64)
        for head in 0..<16 as Range<UInt16> {
            // 4 descriptors each, all of the same 8 MiB.
            for part in 0..<4 {
                let flags = RawDescriptor.write | (part < 3 ? RawDescriptor.next : 0)
                let index = Int(head) * 4 + part
                try driver.queues[0].write(
                    RawDescriptor(0x80_0000, 0x80_0000, flags, next: UInt16(index + 1)), at: index)
            }
            try driver.queues[0].offer(head * 4)
        }
        driver.write(0, 0x50)
        _ = try driver.loop.poll(timeoutMilliseconds: 0)
        var served = 0
        while try driver.queues[0].takeUsed() != nil { served += 1 }
        // 32 MiB a chain, 64 MiB a turn.
        #expect(served == 2)
        try driver.turn()
        while try driver.queues[0].takeUsed() != nil { served += 1 }
        #expect(served == 16)
    }

    /// Another processor changes a chain while it is served: each value is loaded once, so that it is right or refused.
    @Test func aChainThatChangesMeanwhileStaysInMemory() throws {
        let driver = try GuestDriver(EntropyDevice())
        try driver.start()
        let (memory, layout) = (driver.memory, driver.queues[0].layout)
        let done = Flag()
        let racer = try RunningThread {
            var round: UInt64 = 0
            while !done.isSet.load(ordering: .relaxed) {
                round &+= 1
                try? memory.store(round & 1 == 0 ? 0x10_0000 : UInt64.max - 64, at: layout.descriptors)
                try? memory.store(round & 2 == 0 ? 64 : UInt32.max, at: layout.descriptors + 8)
                try? memory.store(round & 4 == 0 ? 2 : UInt16(7), at: layout.descriptors + 12)
                try? memory.store(UInt16(truncatingIfNeeded: round), at: layout.descriptors + 14)
            }
        }
        defer {
            done.isSet.store(true, ordering: .relaxed)
            racer.join()
        }
        var faults = 0
        for _ in 0..<2000 {
            try driver.queues[0].offer(0)
            try driver.kick(0)
            guard driver.status.contains(.needsReset) else { continue }
            faults += 1
            try driver.start()
        }
        #expect(faults > 0)
    }

    @Test func startsAndResetsWithoutEndLeaveNothingBehind() throws {
        let driver = try GuestDriver(EntropyDevice())
        let before = try Self.openFiles()
        for round in 0..<300 {
            try driver.start()
            try driver.queues[0].jump(to: round % 2 == 0 ? 1000 : 1)
            driver.write(0, 0x50)
            driver.write(UInt32(round), 0x50)
        }
        try driver.start()
        try driver.queues[0].send(writable: [Segment(address: 0x10_0000, length: 8)])
        try driver.kick(0)
        #expect(try driver.queues[0].takeUsed() != nil)
        // Others of these tests open files meanwhile.
        #expect(try Self.openFiles() < before + 200)
    }

    private static func openFiles() throws -> Int {
        try OwnedDescriptor.open("/proc/self/fd", .directory).entries().count
    }
}

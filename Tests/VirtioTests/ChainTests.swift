import Board
import GuestDriver
import Testing
import Virtio

/// What a guest can put into a queue, right and wrong, seen by the queue alone.
@Suite struct ChainTests {
    private let memory: GuestMemory
    private let driver: DriverQueue
    private let line = RecordedLine()
    private let table: UInt64 = 0x20_0000

    init() throws {
        memory = try GuestMemory(sizeBytes: 4 << 20)
        driver = DriverQueue(memory, at: 0x1_0000, size: 4)
    }

    private func queue(_ features: Features = [.version1, .ringIndirectDescriptors]) throws -> Virtqueue {
        try #require(
            Virtqueue(
                driver.layout, memory: memory, features: features, interrupt: DeviceInterrupt(line, try RegisterPage()))
        )
    }

    /// The fault of a queue on which one chain is offered, from descriptor 0.
    private func fault(
        _ descriptors: [RawDescriptor], indirect: [RawDescriptor] = [], features: Features? = nil
    ) throws -> QueueFault? {
        for (index, descriptor) in descriptors.enumerated() { try driver.write(descriptor, at: index) }
        for (index, descriptor) in indirect.enumerated() { try driver.write(descriptor, at: index, table: table) }
        try driver.offer(0)
        let queue = try queue(features ?? [.version1, .ringIndirectDescriptors])
        var chain = DescriptorChain()
        let popped = queue.pop(&chain)
        #expect(popped == (queue.fault == nil))
        #expect(!popped || !queue.pop(&chain))
        return queue.fault
    }

    @Test func aChainThatLoopsIsRefused() throws {
        let loop = [RawDescriptor(0x1000, 1, RawDescriptor.next, next: 1), RawDescriptor(0x1000, 1, 1, next: 0)]
        #expect(try fault(loop) == .chainTooLong)
        #expect(try fault([RawDescriptor(0x1000, 0, RawDescriptor.next, next: 0)]) == .chainTooLong)
    }

    @Test func aLoopInAnIndirectTableIsRefused() throws {
        let chain = [RawDescriptor(table, 32, RawDescriptor.indirect)]
        let loop = [RawDescriptor(0x1000, 1, 1, next: 1), RawDescriptor(0x1000, 1, 1, next: 0)]
        #expect(try fault(chain, indirect: loop) == .chainTooLong)
    }

    @Test func aDescriptorOutsideTheTableIsRefused() throws {
        #expect(try fault([RawDescriptor(0x1000, 1, 1, next: 4)]) == .descriptorOutOfBounds(4))
        #expect(
            try fault([RawDescriptor(table, 32, 4)], indirect: [RawDescriptor(0x1000, 1, 1, next: 2)])
                == .descriptorOutOfBounds(2))
    }

    @Test func aHeadOutsideTheTableIsRefused() throws {
        try driver.offer(4)
        let queue = try queue()
        var chain = DescriptorChain()
        #expect(!queue.pop(&chain) && queue.fault == .descriptorOutOfBounds(4))
    }

    @Test(
        arguments: [(0x3f_ffff, 2), (0x40_0000, 1), (.max, 1), (.max - 1, .max), (0xc000_0000, 16)]
            as [(UInt64, UInt32)])
    func aBufferOutsideOfMemoryIsRefused(address: UInt64, length: UInt32) throws {
        let expected = QueueFault.outOfMemory(address: address, length: length)
        #expect(try fault([RawDescriptor(address, length)]) == expected)
        #expect(try fault([RawDescriptor(table, 16, 4)], indirect: [RawDescriptor(address, length, 2)]) == expected)
    }

    @Test func readingAfterWritingIsRefused() throws {
        let chain = [RawDescriptor(0x1000, 1, 3, next: 1), RawDescriptor(0x1000, 1)]
        #expect(try fault(chain) == .readableAfterWritable)
    }

    @Test(arguments: [0, 15, 17, 16 * 65536, .max] as [UInt32])
    func anIndirectTableOfAWrongSizeIsRefused(length: UInt32) throws {
        #expect(try fault([RawDescriptor(table, length, 4)]) == .badIndirectTable(address: table, length: length))
    }

    @Test(arguments: [0x3f_fff8, .max - 7, 0xffff_ffff] as [UInt64])
    func anIndirectTableOutsideOfMemoryIsRefused(address: UInt64) throws {
        #expect(try fault([RawDescriptor(address, 16, 4)]) == .badIndirectTable(address: address, length: 16))
    }

    @Test func indirectInsideIndirectIsRefused() throws {
        let inner = [RawDescriptor(table, 16, RawDescriptor.indirect)]
        #expect(try fault([RawDescriptor(table, 16, 4)], indirect: inner) == .unexpectedIndirect)
        #expect(try fault([RawDescriptor(table, 16, 5, next: 1)]) == .unexpectedIndirect)
        #expect(try fault([RawDescriptor(table, 16, 4)], features: [.version1]) == .unexpectedIndirect)
    }

    @Test func anIndexThatJumpsIsRefused() throws {
        for index in [5, 0x8000, 0xffff] as [UInt16] {
            try driver.jump(to: index)
            let queue = try queue()
            var chain = DescriptorChain()
            #expect(!queue.pop(&chain) && queue.fault == .availableIndexJumped)
        }
    }

    @Test func aChainLongerThanItsLengthCanSayIsRefused() throws {
        let big = try GuestMemory(sizeBytes: 8 << 30)
        let driver = DriverQueue(big, at: 0, size: 4)
        for index in 0..<3 {
            try driver.write(RawDescriptor(1 << 32, 0x8000_0000, index < 2 ? 1 : 0, next: UInt16(index + 1)), at: index)
        }
        try driver.offer(0)
        let queue = try #require(
            Virtqueue(driver.layout, memory: big, features: [], interrupt: DeviceInterrupt(line, try RegisterPage())))
        var chain = DescriptorChain()
        #expect(!queue.pop(&chain) && queue.fault == .chainTooLong)
    }

    @Test func directDescriptorsMayEndInAnIndirectTable() throws {
        try driver.write(RawDescriptor(0x1000, 5, 1, next: 1), at: 0)
        try driver.write(RawDescriptor(table, 32, 4), at: 1)
        try driver.write(RawDescriptor(0x2000, 6, 1, next: 1), at: 0, table: table)
        try driver.write(RawDescriptor(0x3000, 7, 2), at: 1, table: table)
        try driver.offer(0)
        var chain = DescriptorChain()
        #expect(try queue().pop(&chain))
        #expect(
            chain.readable.segments == [Segment(address: 0x1000, length: 5), Segment(address: 0x2000, length: 6)])
        #expect(chain.writable.segments == [Segment(address: 0x3000, length: 7)])
    }

    @Test func indicesWrapAround() throws {
        let queue = try queue()
        var chain = DescriptorChain()
        for round in 0..<70000 {
            try driver.send(readable: [Segment(address: 0x1000, length: 1)])
            guard queue.pop(&chain) else { break }
            queue.push(chain.head, written: round)
            guard let used = try driver.takeUsed(), used.written == UInt32(round) else { break }
            if round == 69999 { return }
        }
        Issue.record("a round was lost")
    }

    @Test func interruptsAreSuppressedByTheFlag() throws {
        let queue = try queue()
        try driver.setFlags(1)
        queue.push(0, written: 0)
        queue.signal()
        #expect(line.count == 0)
        try driver.setFlags(0)
        queue.signal()
        #expect(line.count == 0, "nothing new")
        queue.push(0, written: 0)
        queue.signal()
        #expect(line.count == 1)
    }

    @Test func theEventIndexDecidesOnInterruptsAndNotifications() throws {
        let queue = try queue([.version1, .ringEventIndex])
        try driver.setUsedEvent(2)
        for (pushed, interrupts) in [(1, 0), (2, 0), (3, 1), (4, 1)] {
            queue.push(0, written: 0)
            queue.signal()
            #expect(line.count == interrupts, "after \(pushed)")
        }
        try driver.send(readable: [Segment(address: 0x1000, length: 1)])
        #expect(queue.resumeNotifications())
        var chain = DescriptorChain()
        #expect(queue.pop(&chain))
        #expect(!queue.resumeNotifications())
        #expect(try driver.availableEvent == 1)
    }

    @Test func notificationsAreSuppressedByTheFlag() throws {
        let queue = try queue()
        queue.suspendNotifications()
        #expect(try driver.usedFlags == 1)
        #expect(!queue.resumeNotifications())
        #expect(try driver.usedFlags == 0)
    }

    @Test func aBufferThatWasGivenBackIsPoppedAgain() throws {
        try driver.send(readable: [Segment(address: 0x1000, length: 3)])
        let queue = try queue()
        var chain = DescriptorChain()
        #expect(queue.pop(&chain) && !queue.pop(&chain))
        queue.unpop()
        #expect(queue.pop(&chain) && chain.readable.byteCount == 3)
    }
}

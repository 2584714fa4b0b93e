import Board
import Syscalls
import Testing

@Suite struct GuestMemoryTests {
    @Test func memoryGoesOnBehindTheGap() throws {
        let memory = try GuestMemory(sizeBytes: (3 << 30) + (1 << 20))
        #expect(memory.regions.map(\.address) == [0, 1 << 32])
        #expect(memory.regions.map(\.size) == [3 << 30, 1 << 20])
        try memory.store(UInt32(0x0403_0201), at: (1 << 32) + 0xf_fffc)
        #expect(try memory.read((1 << 32) + 0xf_fffc, 4) == [1, 2, 3, 4])
        #expect(!memory.contains(0xbfff_ffff, 2) && memory.contains(0xbfff_ffff, 1))
        #expect(!memory.contains(0xc000_0000, 1) && !memory.contains(1 << 32, (1 << 20) + 1))
    }

    @Test(arguments: [0x1000, 0x1F_F000, 0x20_0000, 0x1234_5000] as [UInt64])
    func memoryIsPlacedSoThatKVMCanGiveItHugePages(size: UInt64) throws {
        // Several at a time: one alone might be placed so by chance.
        let several = try (0..<4).map { _ in try GuestMemory(sizeBytes: size) }
        for memory in several {
            #expect(memory.regions[0].hostAddress % (2 << 20) == 0)
            try memory.store(UInt8(1), at: size - 1)
        }
    }

    @Test(
        arguments: [(0, 0x2001), (0x1fff, 2), (0x2000, 1), (.max, 1), (.max, .max), (1 << 32, 1), (1, .max)]
            as [(UInt64, UInt64)])
    func anAccessOutsideIsAFault(address: UInt64, count: UInt64) throws {
        let memory = try GuestMemory(sizeBytes: 0x2000)
        #expect(!memory.contains(address, count))
        #expect(throws: MemoryFault.self) { try memory.zero(at: address, count: count) }
    }

    @Test func aBufferIsCopiedAcrossItsRuns() throws {
        let memory = try GuestMemory(sizeBytes: 0x4000)
        let list = SegmentList([Segment(address: 0x1000, length: 3), Segment(address: 0x3000, length: 4)])
        #expect(memory.copy([1, 2, 3, 4, 5, 6, 7, 8], to: list) == 7)
        #expect(memory.copy(from: list, at: 2, count: 3) == [3, 4, 5])
        #expect(memory.load(UInt32.self, from: list, at: 1) == 0x0504_0302)
        #expect(memory.load(UInt32.self, from: list, at: 4) == nil)
        #expect(memory.copy(from: list, at: 9, count: 3) == [])
        let zeroes = try OwnedDescriptor.open("/dev/zero")
        #expect(try memory.receive(from: zeroes, into: list, at: 1, limit: 3) == 3)
        #expect(memory.copy(from: list, count: 9) == [1, 0, 0, 0, 5, 6, 7])
    }

    @Test func aTransferWhereThereIsNoMemoryIsAnError() throws {
        let memory = try GuestMemory(sizeBytes: 0x1000)
        let file = try OwnedDescriptor.open("/dev/zero")
        for segment in [Segment(address: 0xfff, length: 2), Segment(address: .max, length: 2)] {
            #expect(throws: SystemError.self) { _ = try memory.receive(from: file, into: SegmentList([segment])) }
            #expect(memory.copy([1, 2], to: SegmentList([segment])) == 0)
        }
    }

    @Test func discardedMemoryIsZeroAndFree() throws {
        let memory = try GuestMemory(sizeBytes: 1 << 20)
        try memory.write([UInt8](repeating: 1, count: 1 << 16), at: 0)
        let before = try memory.residentBytes()
        try memory.discard(0x1000, 0x8000)
        #expect(try memory.residentBytes() == before - 0x8000)
        #expect(try memory.read(0xfff, 2) == [1, 0])
        #expect(throws: SystemError.self) { try memory.discard(0x1001, 0x1000) }
        #expect(throws: SystemError.self) { try memory.discard(0xf_f000, 0x2000) }
    }
}

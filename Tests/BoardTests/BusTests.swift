import Board
import Synchronization
import Testing

@Suite struct BusTests {
    /// Answers with the offset, and remembers what was written last.
    private final class Device: BusDevice {
        let last = Atomic<UInt64>(0)
        func read(at offset: UInt64, size: Int) -> UInt64 { offset | 0xab00_0000_0000_0000 }
        func write(_ value: UInt64, at offset: UInt64, size: Int) { last.store(value, ordering: .relaxed) }
    }

    @Test func aDeviceAnswersInItsRangeOnly() throws {
        var bus = Bus()
        let device = Device()
        try bus.register(device, at: 0x2000, length: 0x100)
        try bus.register(Device(), at: 0x1000, length: 0x10)
        #expect(bus.read(0x2004, size: 4) == 4 && bus.read(0x100f, size: 1) == 15)
        #expect(bus.read(0x1fff, size: 1) == 0xff && bus.read(0x2100, size: 2) == 0xffff)
        #expect(bus.read(0x20ff, size: 2) == 0xffff, "an access that leaves the range")
        #expect(bus.read(.max, size: 8) == .max)
        bus.write(7, to: 0x2000, size: 4)
        bus.write(8, to: 0x20fd, size: 4)
        let last = device.last.load(ordering: .relaxed)
        #expect(last == 7)
    }

    @Test func rangesDoNotOverlap() throws {
        var bus = Bus()
        try bus.register(Device(), at: 0x1000, length: 0x1000)
        for (base, length) in [(0x1fff, 1), (0xfff, 2), (0x1800, 0x10), (0, 0x3000)] as [(UInt64, UInt64)] {
            #expect(throws: BusFault.taken(base: base, length: length)) {
                try bus.register(Device(), at: base, length: length)
            }
        }
        for (base, length) in [(0, 0), (.max, 2)] as [(UInt64, UInt64)] {
            #expect(throws: BusFault.notARange(base: base, length: length)) {
                try bus.register(Device(), at: base, length: length)
            }
        }
        try bus.register(Device(), at: .max, length: 1)
        try bus.register(Device(), at: 0x2000, length: 1)
    }
}

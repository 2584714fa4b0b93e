import Board
import GuestDriver
import Virtio

/// A hostile driver: what it does with its device is what the input says, step by step.
struct DriverProgram {
    /// Memory of the guest: the queues, and 256 KiB of buffers behind them.
    static let memoryBytes: UInt64 = 512 << 10
    private static let buffers: UInt64 = 256 << 10
    private static let steps = 200

    let driver: GuestDriver
    /// What the host does meanwhile.
    var host: (inout FuzzInput) -> Void = { _ in }
    private var offered: [Int] = []
    private var nextBuffer: UInt64 = 0

    init(_ driver: GuestDriver) { self.driver = driver }

    /// Carries all steps out.
    mutating func run(_ input: inout FuzzInput) {
        start(&input)
        for _ in 0..<Self.steps where !input.isEmpty { step(&input) }
        // Whatever happened, a reset mends it.
        driver.write(0, 0x70)
        turn()
        precondition(driver.status == [], "a device that was reset has no status")
    }

    private mutating func start(_ input: inout FuzzInput) {
        let kind = input.byte()
        let sizes: [UInt16] = [16, 1, 2, 4, 64, 256, 3, 5]
        var features = driver.offered
        if kind & 1 == 0 { features.remove(.ringEventIndex) }
        if kind & 2 != 0 { features.remove(.ringIndirectDescriptors) }
        if kind & 4 != 0 { features.formIntersection(.transport) }
        try? driver.start(features, queueSize: sizes[Int(kind >> 5)])
    }

    private mutating func step(_ input: inout FuzzInput) {
        switch input.byte() % 12 {
        case 0:
            let (offset, size) = (UInt64(input.number(UInt16.self) & 0x1ff), 1 << input.choice(4))
            driver.transport.write(UInt64(input.length()), at: offset, size: size)
        case 1:
            let (offset, size) = (UInt64(input.number(UInt16.self) & 0x1ff), 1 << input.choice(4))
            _ = driver.transport.read(at: offset, size: size)
        case 2:
            let address = UInt64(input.number(UInt16.self)) << 3
            let bytes = input.take(Int(input.byte()))
            try? driver.memory.write(bytes, at: address)
        case 3: writeDescriptor(&input)
        case 4:
            if let queue = queue(&input) { try? queue.offer(UInt16(input.byte())) }
        case 5:
            if let queue = queue(&input) { try? queue.jump(to: input.number()) }
        case 6: kick(&input)
        case 7: start(&input)
        case 8: turn()
        case 9:
            host(&input)
            turn()
        case 10: sendChain(&input)
        default: writeRegisters(&input)
        }
    }

    private func turn() {
        for _ in 0..<20 where (try? driver.loop.poll(timeoutMilliseconds: 0)) == 0 { return }
    }

    private func queue(_ input: inout FuzzInput) -> DriverQueue? {
        driver.queues.isEmpty ? nil : driver.queues[input.choice(driver.queues.count)]
    }

    private func kick(_ input: inout FuzzInput) {
        driver.write(UInt32(input.byte() & 7), 0x50)
        turn()
    }

    private mutating func address(_ input: inout FuzzInput) -> UInt64 {
        switch input.choice(5) {
        case 0: Self.buffers + UInt64(input.number(UInt16.self))
        case 1: UInt64(input.number(UInt32.self))
        case 2: .max - UInt64(input.number(UInt16.self))
        case 3: Self.memoryBytes - UInt64(input.byte())
        default: UInt64(input.number(UInt16.self)) << 4
        }
    }

    private mutating func writeDescriptor(_ input: inout FuzzInput) {
        guard let queue = queue(&input) else { return }
        let index = Int(input.byte())
        let (address, length) = (address(&input), input.length())
        let (flags, next) = (UInt16(input.byte() & 7), UInt16(input.byte()))
        // A table of its own, now and then.
        let table = input.byte() & 3 == 0 ? Self.buffers + UInt64(input.byte()) << 8 : nil
        try? queue.write(RawDescriptor(address, length, flags, next: next), at: index, table: table)
    }

    /// A chain as a driver makes it, of bytes of the input and of room.
    private mutating func sendChain(_ input: inout FuzzInput) {
        guard let queue = queue(&input) else { return }
        let (readableCount, writableCount) = (input.choice(5), input.choice(4))
        var readable: [Segment] = []
        var writable: [Segment] = []
        for _ in 0..<readableCount {
            let bytes = input.take(Int(input.byte()))
            readable.append(place(bytes, length: bytes.count))
        }
        for _ in 0..<writableCount { writable.append(place([], length: Int(input.number(UInt16.self) & 0x3fff))) }
        if readable.isEmpty && writable.isEmpty { return }
        _ = try? queue.send(readable: readable, writable: writable)
        if input.byte() & 3 != 0 {
            for index in driver.queues.indices where driver.queues[index] === queue { driver.write(UInt32(index), 0x50) }
            turn()
        }
    }

    private mutating func place(_ bytes: [UInt8], length: Int) -> Segment {
        let address = Self.buffers + nextBuffer
        nextBuffer = (nextBuffer + UInt64(length) + 16) % (200 << 10)
        try? driver.memory.write(bytes, at: address)
        return Segment(address: address, length: UInt32(length))
    }

    /// The registers of a queue, to any place.
    private mutating func writeRegisters(_ input: inout FuzzInput) {
        let layout = QueueLayout(
            size: input.number(), descriptors: address(&input), available: address(&input), used: address(&input))
        driver.place(layout, index: input.choice(8), ready: input.byte() & 1 == 0)
    }
}

/// Steps of a `DriverProgram`, for seeds.
enum DriverStep {
    static func chain(_ queue: UInt8, _ readable: [[UInt8]], room: [UInt16] = []) -> [UInt8] {
        var bytes: [UInt8] = [10, queue, UInt8(readable.count), UInt8(room.count)]
        for part in readable { bytes += [UInt8(part.count)] + part }
        for part in room { bytes += little(part) }
        return bytes + [1]
    }

    static func register(_ offset: UInt16, _ value: UInt32) -> [UInt8] {
        [0] + little(offset) + [2, 5] + little(value)
    }

    /// - Parameter address: one that lies below 4 GiB.
    static func descriptor(
        _ queue: UInt8, _ index: UInt8, _ address: UInt32, _ length: UInt32, flags: UInt8, next: UInt8 = 0
    ) -> [UInt8] {
        [3, queue, index, 1] + little(address) + [5] + little(length) + [flags, next, 1]
    }

    static func offer(_ queue: UInt8, _ head: UInt8) -> [UInt8] { [4, queue, head, 6, queue] }
    static let host: [UInt8] = [9]
}

import Board
import GuestDriver
import Virtio

/// Descriptor chains, rings and the registers of the transport: any of them, in any order.
enum VirtqueueTarget {
    static func run(_ input: inout FuzzInput) {
        guard let driver = try? GuestDriver(ProbeDevice(), memoryBytes: DriverProgram.memoryBytes) else { return }
        var program = DriverProgram(driver)
        program.run(&input)
    }

    static var seeds: [[UInt8]] {
        let next = UInt8(RawDescriptor.next)
        return [
            [0x00] + DriverStep.chain(0, [[1, 2, 3], [4]], room: [16, 32]) + DriverStep.chain(1, [[1]], room: [8]),
            [0x01] + DriverStep.chain(0, [[1, 2, 3]]) + DriverStep.chain(0, [], room: [100]),
            // A chain that goes in circles, and one that leaves memory.
            [0x00] + DriverStep.descriptor(0, 0, 0x4_0000, 16, flags: next, next: 0) + DriverStep.offer(0, 0),
            [0x00] + DriverStep.descriptor(0, 0, 0x7_fff0, 17, flags: 2) + DriverStep.offer(0, 0),
            // An indirect table in the queue's own table.
            [0x00] + DriverStep.descriptor(0, 0, 0, 64, flags: 4) + DriverStep.descriptor(0, 1, 0x4_0000, 8, flags: 2)
                + DriverStep.offer(0, 0),
            [0x00] + DriverStep.register(0x70, 0) + DriverStep.register(0x70, 1) + DriverStep.register(0x70, 3),
        ]
    }
}

/// A device that copies what it reads into what it writes, and checks what the queue promises.
private final class ProbeDevice: VirtioDevice, @unchecked Sendable {
    let deviceID: UInt32 = 42
    let features: Features = .bit(3)
    let queueSizes: [UInt16] = [256, 8]
    let sharedMemoryRegions = [SharedMemoryRegion(id: 0, address: 0x2_0000_1000, length: 0x3_0000_0000)]
    private var activation: Activation?
    private var chain = DescriptorChain()
    private var held: [UInt16] = []

    let configuration: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8, 9]

    func activate(_ activation: Activation) {
        precondition(self.activation == nil, "a device is started once")
        self.activation = activation
    }

    func reset() {
        activation = nil
        held = []
    }

    func queueNotified(_ index: Int) {
        guard let queue = activation?.queue(index) else { return }
        queue.serve(&chain) { chain throws(QueueFault) in
            check(chain, queue)
            // Now and then one is held back, as of a device that is not done with it.
            if chain.readable.byteCount == 7 && held.count < 4 {
                held.append(chain.head)
                return nil
            }
            if chain.readable.byteCount == 5 { throw .malformedRequest }
            let bytes = queue.memory.copy(from: chain.readable, count: 4096)
            let written = queue.memory.copy(bytes, to: chain.writable)
            precondition(written <= chain.writable.byteCount, "no more is written than there is room for")
            return written
        }
        for head in held { queue.push(head, written: 0) }
        held = []
    }

    private func check(_ chain: DescriptorChain, _ queue: Virtqueue) {
        var counts: [Int] = []
        for list in [chain.readable, chain.writable] {
            var count = 0
            for segment in list.segments {
                precondition(
                    queue.memory.contains(segment.address, UInt64(segment.length)), "a buffer lies in memory")
                count += Int(segment.length)
            }
            precondition(count == list.byteCount, "the lengths add up")
            counts.append(count)
        }
        precondition(counts[0] + counts[1] <= Int(UInt32.max), "a chain is no longer than a used buffer can say")
        precondition(chain.readable.segments.count + chain.writable.segments.count <= 256 + 1024, "a chain is bounded")
    }
}

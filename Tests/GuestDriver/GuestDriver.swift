package import Board
import Synchronization
import Syscalls
package import Virtio

/// A line that counts its interrupts.
package final class RecordedLine: InterruptLine {
    private let counter = Atomic(0)

    /// Makes a line that has not been triggered.
    package init() {}

    /// How many interrupts there were.
    package var count: Int { counter.load(ordering: .acquiring) }

    /// Counts.
    package func trigger() {
        counter.add(1, ordering: .acquiringAndReleasing)
    }
}

/// A descriptor as the guest writes it, virtio 1.2, 2.7.5.
package struct RawDescriptor {
    var address: UInt64
    var length: UInt32
    var flags: UInt16
    var next: UInt16

    /// VIRTQ_DESC_F_NEXT.
    package static let next: UInt16 = 1
    /// VIRTQ_DESC_F_WRITE.
    package static let write: UInt16 = 2
    /// VIRTQ_DESC_F_INDIRECT.
    package static let indirect: UInt16 = 4

    /// Makes one, right or wrong.
    package init(_ address: UInt64, _ length: UInt32, _ flags: UInt16 = 0, next: UInt16 = 0) {
        self.address = address
        self.length = length
        self.flags = flags
        self.next = next
    }
}

/// The guest's side of a queue in ordinary memory: it writes what it is told, right or wrong.
package final class DriverQueue {
    /// Where the queue is.
    package let layout: QueueLayout
    private let memory: GuestMemory
    private var offered: UInt16 = 0
    private var nextDescriptor: UInt16 = 0
    private var seen: UInt16 = 0

    /// Lays a queue out in a page-aligned area of 64 KiB.
    package init(_ memory: GuestMemory, at base: UInt64, size: UInt16 = 16) {
        self.memory = memory
        layout = QueueLayout(size: size, descriptors: base, available: base + 0x8000, used: base + 0xc000)
    }

    /// Writes an entry of the descriptor table, or of a table elsewhere.
    package func write(_ descriptor: RawDescriptor, at index: Int, table: UInt64? = nil) throws {
        let place = (table ?? layout.descriptors) + UInt64(16 * index)
        try memory.store(descriptor.address, at: place)
        try memory.store(descriptor.length, at: place + 8)
        try memory.store(descriptor.flags, at: place + 12)
        try memory.store(descriptor.next, at: place + 14)
    }

    /// Offers a chain by its head.
    package func offer(_ head: UInt16) throws {
        try memory.store(head, at: layout.available + 4 + 2 * UInt64(offered % layout.size))
        offered &+= 1
        try memory.store(offered, at: layout.available + 2)
    }

    /// Moves the available index to a place of its own choice.
    package func jump(to index: UInt16) throws {
        offered = index
        try memory.store(index, at: layout.available + 2)
    }

    /// Writes a chain of buffers in the next free descriptors and offers it.
    ///
    /// - Returns: its head.
    @discardableResult
    package func send(readable: [Segment] = [], writable: [Segment] = []) throws -> UInt16 {
        let all = readable.map { ($0, UInt16(0)) } + writable.map { ($0, RawDescriptor.write) }
        let head = nextDescriptor
        for (position, (segment, flags)) in all.enumerated() {
            let last = position == all.count - 1
            let next = (nextDescriptor + 1) % layout.size
            try write(
                RawDescriptor(segment.address, segment.length, flags | (last ? 0 : RawDescriptor.next), next: next),
                at: Int(nextDescriptor))
            nextDescriptor = next
        }
        try offer(head)
        return head
    }

    /// The next used buffer that was not seen yet.
    package func takeUsed() throws -> (head: UInt32, written: UInt32)? {
        guard try memory.load(layout.used + 2, as: UInt16.self) != seen else { return nil }
        let entry = layout.used + 4 + 8 * UInt64(seen % layout.size)
        seen &+= 1
        return (try memory.load(entry, as: UInt32.self), try memory.load(entry + 4, as: UInt32.self))
    }

    /// The used ring's flags.
    package var usedFlags: UInt16 { get throws { try memory.load(layout.used, as: UInt16.self) } }

    /// The available ring's flags.
    package func setFlags(_ flags: UInt16) throws { try memory.store(flags, at: layout.available) }

    /// From which used index on the driver wants an interrupt, with the event index.
    package func setUsedEvent(_ index: UInt16) throws {
        try memory.store(index, at: layout.available + 4 + 2 * UInt64(layout.size))
    }

    /// From which available index on the device wants to be notified, with the event index.
    package var availableEvent: UInt16 {
        get throws { try memory.load(layout.used + 4 + 8 * UInt64(layout.size), as: UInt16.self) }
    }
}

/// The guest's driver of one device: registers through the bus's interface, queues in ordinary memory.
///
/// The loop is turned by hand, so a test has one thread.
package final class GuestDriver {
    /// The guest's memory; buffers are to be had from 1 MiB on.
    package let memory: GuestMemory
    /// Where the device runs.
    package let loop: EventLoop
    /// What the device is plugged into.
    package let transport: MMIOTransport
    /// The device's line.
    package let line = RecordedLine()
    /// The queues, once the driver has made them.
    package private(set) var queues: [DriverQueue] = []

    /// Plugs a device in.
    package init(
        _ device: any VirtioDevice, loop: EventLoop? = nil, memoryBytes: UInt64 = 16 << 20
    ) throws {
        memory = try GuestMemory(sizeBytes: memoryBytes)
        self.loop = try loop ?? EventLoop()
        transport = try MMIOTransport(
            device: device, memory: memory, interrupt: line, loop: self.loop, page: RegisterPage())
        transport.show()
    }

    /// Reads a register.
    package func read(_ offset: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: transport.read(at: offset, size: 4)) }

    /// Writes a register.
    package func write(_ value: UInt32, _ offset: UInt64) { transport.write(UInt64(value), at: offset, size: 4) }

    /// The status register.
    package var status: DeviceStatus { DeviceStatus(rawValue: read(0x70)) }

    /// All features that the device offers.
    package var offered: Features {
        write(0, 0x14)
        let low = UInt64(read(0x10))
        write(1, 0x14)
        return Features(rawValue: low | UInt64(read(0x10)) << 32)
    }

    /// Goes up to FEATURES_OK.
    ///
    /// - Parameter features: what to accept; nil for all that is offered but the event index.
    package func negotiate(_ features: Features? = nil) {
        write(0, 0x70)
        write(1, 0x70)
        write(3, 0x70)
        let accepted = (features ?? offered.subtracting(.ringEventIndex)).rawValue
        write(0, 0x24)
        write(UInt32(truncatingIfNeeded: accepted), 0x20)
        write(1, 0x24)
        write(UInt32(truncatingIfNeeded: accepted >> 32), 0x20)
        write(11, 0x70)
    }

    /// Writes the registers of a queue, and makes it ready.
    package func place(_ layout: QueueLayout, index: Int, ready: Bool = true) {
        write(UInt32(index), 0x30)
        write(UInt32(layout.size), 0x38)
        for (offset, address) in [(0x80, layout.descriptors), (0x90, layout.available), (0xa0, layout.used)] {
            write(UInt32(truncatingIfNeeded: address), UInt64(offset))
            write(UInt32(truncatingIfNeeded: address >> 32), UInt64(offset) + 4)
        }
        if ready { write(1, 0x44) }
    }

    /// Brings the device up with queues of a size.
    package func start(_ features: Features? = nil, queueSize: UInt16 = 16) throws {
        negotiate(features)
        queues = []
        for index in transport.notifyDescriptors.indices {
            write(UInt32(index), 0x30)
            let size = min(queueSize, UInt16(truncatingIfNeeded: read(0x34)))
            try memory.zero(at: UInt64(index) << 16, count: 0x10000)
            let queue = DriverQueue(memory, at: UInt64(index) << 16, size: size)
            place(queue.layout, index: index)
            queues.append(queue)
        }
        write(15, 0x70)
        try turn()
    }

    /// Notifies the device of a queue, and lets it run until nothing is ready any more.
    package func kick(_ index: Int) throws {
        write(UInt32(index), 0x50)
        try turn()
    }

    /// Lets the device run until nothing is ready any more, but not for ever.
    package func turn() throws {
        for _ in 0..<1000 where try loop.poll(timeoutMilliseconds: 0) == 0 { return }
    }
}

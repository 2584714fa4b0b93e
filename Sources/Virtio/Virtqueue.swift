package import Board
import Synchronization
package import Syscalls

/// Where the driver put a queue, virtio 1.2, 2.7.
package struct QueueLayout: Equatable, Sendable {
    /// Entries, a power of two.
    package var size: UInt16
    /// The descriptor table.
    package var descriptors: UInt64
    /// The available ring, which the driver writes.
    package var available: UInt64
    /// The used ring, which the device writes.
    package var used: UInt64

    /// Describes a queue, valid or not.
    package init(size: UInt16, descriptors: UInt64, available: UInt64, used: UInt64) {
        self.size = size
        self.descriptors = descriptors
        self.available = available
        self.used = used
    }
}

/// A split virtqueue, seen from the device, virtio 1.2, 2.7.
///
/// It belongs to one event loop. The first thing that a guest does wrong with it is kept as its `fault`; it then offers
/// nothing more, and the transport asks the driver for a reset. A device thus needs no path for it: it sees a queue that is
/// empty. A queue that was reset takes no more buffers back, whoever still holds one.
package final class Virtqueue: @unchecked Sendable {
    /// Its number in the device.
    package let index: Int
    /// Entries.
    package let size: UInt16
    /// What its buffers lie in.
    package let memory: GuestMemory
    /// The first thing that went wrong.
    package private(set) var fault: QueueFault?

    /// The most descriptors of a chain that go through an indirect table: what readv(2) takes at once.
    static let indirectLimit = 1024
    /// The most bytes of buffers that are served in one turn of the loop, but for the last buffer.
    static let turnLimit = 64 << 20

    private let descriptors: GuestWindow
    private let available: GuestWindow
    private let used: GuestWindow
    private let eventIndex: Bool
    private let indirect: Bool
    private let interrupt: DeviceInterrupt
    private let notification: EventDescriptor?
    private let faulted: @Sendable () -> Void
    private let live = Atomic(true)
    private var nextAvailable: UInt16 = 0
    private var nextUsed: UInt16 = 0
    private var signalledUsed: UInt16 = 0

    /// Looks at a queue in memory.
    ///
    /// - Parameters:
    ///   - layout: where it is.
    ///   - index: its number in the device.
    ///   - memory: the guest's memory.
    ///   - features: what device and driver agreed on.
    ///   - interrupt: tells the driver of used buffers.
    ///   - notification: what the driver signals; used to look again later.
    ///   - faulted: called once, on the queue's loop, when something went wrong.
    /// - Returns: nil for a layout that is not a queue: no power of two, not aligned, not in memory.
    package init?(
        _ layout: QueueLayout, index: Int = 0, memory: GuestMemory, features: Features, interrupt: DeviceInterrupt,
        notification: EventDescriptor? = nil, faulted: @escaping @Sendable () -> Void = {}
    ) {
        let size = Int(layout.size)
        guard size > 0, size <= 32768, size & (size - 1) == 0, layout.descriptors % 16 == 0, layout.available % 2 == 0,
            layout.used % 4 == 0
        else { return nil }
        do throws(MemoryFault) {
            descriptors = try memory.window(at: layout.descriptors, count: 16 * size)
            available = try memory.window(at: layout.available, count: 6 + 2 * size)
            used = try memory.window(at: layout.used, count: 6 + 8 * size)
        } catch {
            return nil
        }
        self.index = index
        self.size = layout.size
        self.memory = memory
        eventIndex = features.contains(.ringEventIndex)
        indirect = features.contains(.ringIndirectDescriptors)
        self.interrupt = interrupt
        self.notification = notification
        self.faulted = faulted
    }

    /// Takes the next buffer that the driver offers.
    ///
    /// - Parameter chain: filled with it.
    /// - Returns: false where there is none, or the queue stands still.
    package func pop(_ chain: inout DescriptorChain) -> Bool {
        guard fault == nil, live.load(ordering: .relaxed) else { return false }
        let waiting = available.loadAcquire16(2) &- nextAvailable
        if waiting == 0 { return false }
        do throws(QueueFault) {
            guard waiting <= size else { throw .availableIndexJumped }
            chain.begin(available.load16(4 &+ 2 &* Int(nextAvailable & (size &- 1))))
            try collect(&chain)
        } catch {
            fail(error)
            return false
        }
        nextAvailable &+= 1
        return true
    }

    /// Has the last buffers popped again, in place of pushing them.
    package func unpop(_ count: UInt16 = 1) {
        nextAvailable &-= count
    }

    /// Whether the driver offers a buffer.
    package var hasAvailable: Bool {
        fault == nil && live.load(ordering: .relaxed) && available.loadAcquire16(2) != nextAvailable
    }

    private func collect(_ chain: inout DescriptorChain) throws(QueueFault) {
        var number = chain.head
        for _ in 0..<Int(size) {
            guard number < size else { throw .descriptorOutOfBounds(number) }
            let descriptor = Descriptor(in: descriptors, at: 16 &* Int(number))
            if descriptor.isIndirect {
                guard indirect, !descriptor.hasNext else { throw .unexpectedIndirect }
                return try collect(&chain, from: descriptor)
            }
            try add(descriptor, to: &chain)
            if !descriptor.hasNext { return }
            number = descriptor.next
        }
        throw .chainTooLong
    }

    /// Goes on in a table of its own, whose numbers start at zero.
    private func collect(_ chain: inout DescriptorChain, from table: Descriptor) throws(QueueFault) {
        let count = Int(table.length / 16)
        guard table.length % 16 == 0, count > 0, count <= Int(UInt16.max),
            let window = try? memory.window(at: table.address, count: Int(table.length))
        else { throw .badIndirectTable(address: table.address, length: table.length) }
        var number: UInt16 = 0
        for _ in 0..<min(count, Self.indirectLimit) {
            guard number < count else { throw .descriptorOutOfBounds(number) }
            let descriptor = Descriptor(in: window, at: 16 &* Int(number))
            if descriptor.isIndirect { throw .unexpectedIndirect }
            try add(descriptor, to: &chain)
            if !descriptor.hasNext { return }
            number = descriptor.next
        }
        throw .chainTooLong
    }

    private func add(_ descriptor: Descriptor, to chain: inout DescriptorChain) throws(QueueFault) {
        let (address, length) = (descriptor.address, descriptor.length)
        if length == 0 { return }
        guard memory.contains(address, UInt64(length)) else { throw .outOfMemory(address: address, length: length) }
        if descriptor.isWritable {
            chain.writable.append(Segment(address: address, length: length))
        } else {
            guard chain.writable.segments.isEmpty else { throw .readableAfterWritable }
            chain.readable.append(Segment(address: address, length: length))
        }
        // The length of a used buffer has 32 bits, and so has what a chain may hold.
        guard chain.readable.byteCount &+ chain.writable.byteCount <= Int(UInt32.max) else { throw .chainTooLong }
    }

    /// Gives a buffer back to the driver.
    ///
    /// - Parameters:
    ///   - head: the chain's number.
    ///   - written: how many bytes of its writable part were written, from the first on.
    package func push(_ head: UInt16, written: Int) {
        stage(head, written: written, ahead: 0)
        publish(1)
    }

    /// Writes an entry of the used ring that the driver does not see yet, for buffers that it must see together.
    ///
    /// - Parameter ahead: how many were staged since the last `publish`.
    package func stage(_ head: UInt16, written: Int, ahead: UInt16) {
        guard live.load(ordering: .relaxed) else { return }
        let entry = 4 &+ 8 &* Int((nextUsed &+ ahead) & (size &- 1))
        used.store32(UInt32(head), at: entry)
        used.store32(UInt32(clamping: written), at: entry &+ 4)
    }

    /// Shows the driver the entries that were staged.
    package func publish(_ count: UInt16) {
        guard live.load(ordering: .relaxed) else { return }
        nextUsed &+= count
        used.storeRelease16(nextUsed, at: 2)
    }

    /// Interrupts the driver about what was pushed since the last time, unless it does not want to know.
    package func signal() {
        guard live.load(ordering: .relaxed), nextUsed != signalledUsed else { return }
        // The driver stores what it wants to know and then looks at the used index; we do it the other way round.
        fullBarrier()
        let wanted: Bool
        if eventIndex {
            let event = available.load16(4 &+ 2 &* Int(size))
            wanted = nextUsed &- event &- 1 < nextUsed &- signalledUsed
        } else {
            wanted = available.load16(0) & 1 == 0
        }
        signalledUsed = nextUsed
        if wanted { interrupt.usedBuffers() }
    }

    /// Tells the driver that it need not notify: the device looks by itself.
    package func suspendNotifications() {
        // With the event index there is nothing to do: the index that was asked for has passed.
        if !eventIndex, live.load(ordering: .relaxed) { used.store16(1, at: 0) }
    }

    /// Asks the driver to notify again.
    ///
    /// - Returns: whether buffers came meanwhile, of which the driver may not tell.
    package func resumeNotifications() -> Bool {
        guard fault == nil, live.load(ordering: .relaxed) else { return false }
        if eventIndex {
            used.store16(nextAvailable, at: 4 &+ 8 &* Int(size))
        } else {
            used.store16(0, at: 0)
        }
        fullBarrier()
        return hasAvailable
    }

    /// Serves what the driver offers, but no more than a queue full and `turnLimit`, so that one queue cannot keep a loop
    /// to itself: what is left is served in a later turn.
    ///
    /// - Parameters:
    ///   - chain: filled with each buffer.
    ///   - body: serves one buffer; returns how many bytes it wrote, or nil where the buffer is pushed later.
    package func serve(_ chain: inout DescriptorChain, _ body: (inout DescriptorChain) throws(QueueFault) -> Int?) {
        suspendNotifications()
        var (left, bytes) = (Int(size), 0)
        repeat {
            while left > 0, pop(&chain) {
                // Buffers may overlap: a small guest offers terabytes of them.
                bytes &+= chain.readable.byteCount &+ chain.writable.byteCount
                left = bytes < Self.turnLimit ? left &- 1 : 0
                do throws(QueueFault) {
                    if let written = try body(&chain) { push(chain.head, written: written) }
                } catch {
                    fail(error)
                }
            }
        } while resumeNotifications() && left > 0
        signal()
        if left == 0 { lookAgain() }
    }

    /// Has the device notified again where the driver offers a buffer: in a later turn of the loop.
    package func lookAgain() {
        if hasAvailable { notification?.signal() }
    }

    /// Stops the queue and asks the driver for a reset.
    package func fail(_ fault: QueueFault) {
        guard self.fault == nil, live.load(ordering: .relaxed) else { return }
        self.fault = fault
        faulted()
    }

    /// Lets go of the guest's memory: from now on nothing is taken or given back.
    func retire() {
        live.store(false, ordering: .relaxed)
    }
}

import Board
import CLinux
import Glibc
package import Syscalls
package import Virtio

/// A network card over a tap device, virtio 1.2, 5.1.
///
/// Frames go between the tap and the guest's buffers without a copy of ours, behind the header of 12 bytes that both sides
/// know. As long as the guest has too few buffers for the largest frame, the tap is not read: what does not fit its own
/// queue there is dropped by the kernel, and nothing is kept here.
package final class NetworkDevice: VirtioDevice, @unchecked Sendable {
    private static let mergeableBuffers: Features = .bit(15)
    private static let guestChecksum: Features = .bit(1)
    private static let guestSegmentation4: Features = .bit(7)
    private static let guestSegmentation6: Features = .bit(8)
    private static let guestCongestion: Features = .bit(9)
    // MTU, MAC and link status.
    private static let basic: Features = [mergeableBuffers, .bit(3), .bit(5), .bit(16)]
    // Checksums and segmentation: first the guest's frames, then ours.
    private static let offloads: Features = [
        .bit(0), .bit(11), .bit(12), .bit(13), guestChecksum, guestSegmentation4, guestSegmentation6, guestCongestion,
    ]
    private static let headerSize = 12
    private static let largestFrame = 65550
    /// Frames of one turn of the loop.
    private static let batch = 64

    /// Network card.
    package let deviceID: UInt32 = 1
    /// Mergeable buffers, MTU and address; checksum and segmentation where the tap has them.
    package let features: Features
    /// What the guest receives, what it sends.
    package let queueSizes: [UInt16] = [256, 256]

    private let tap: OwnedDescriptor
    private let address: [UInt8]
    private let mtu: UInt16
    private var activation: Activation?
    private var registration: EventLoop.Registration?
    private var isReading = false
    private var chain = DescriptorChain()
    // Buffers that the guest has offered for frames to come, and how many runs each has.
    private var room = SegmentList()
    private var buffers: [(head: UInt16, runs: Int, bytes: Int)] = []

    /// Makes a card.
    ///
    /// - Parameters:
    ///   - tap: a tap device, opened with IFF_NO_PI, IFF_VNET_HDR and without waiting.
    ///   - address: the card's Ethernet address, six bytes.
    ///   - mtu: the largest packet.
    ///   - hasOffloads: whether checksums and segmentation are left to the other side.
    package init(tap: consuming OwnedDescriptor, address: [UInt8], mtu: UInt16, hasOffloads: Bool = true) {
        precondition(address.count == 6, "an Ethernet address has six bytes")
        // A tap of another kernel, or a socket in its place, keeps what it has.
        _ = clx_tap_set_header_size(tap.number, Int32(Self.headerSize))
        self.tap = tap
        self.address = address
        self.mtu = mtu
        features = hasOffloads ? Self.basic.union(Self.offloads) : Self.basic
    }

    /// Address, link status (up), pairs of queues, MTU.
    package var configuration: [UInt8] { address + [1, 0, 1, 0] + littleEndian(mtu) }

    /// Starts: the tap does for the guest what the guest cannot.
    package func activate(_ activation: Activation) {
        self.activation = activation
        let flags: [(Features, UInt)] = [
            (Self.guestChecksum, CLX_TUN_F_CSUM), (Self.guestSegmentation4, CLX_TUN_F_TSO4),
            (Self.guestSegmentation6, CLX_TUN_F_TSO6), (Self.guestCongestion, CLX_TUN_F_TSO_ECN),
        ]
        var offload: UInt = 0
        if activation.features.contains(Self.guestChecksum) {
            for (feature, flag) in flags where activation.features.contains(feature) { offload |= flag }
        }
        _ = clx_tap_set_offload(tap.number, offload)
        registration = try? activation.loop.add(tap.number, []) { [weak self] events in
            // The tap is gone: without its registration the loop would find it ready for ever.
            if events.isDisjoint(with: [.error, .hangUp]) { self?.receive() } else { self?.unplug() }
        }
    }

    /// Stops.
    package func reset() {
        unplug()
        activation = nil
        room.removeAll()
        buffers.removeAll()
    }

    /// Moves on what the driver has made possible.
    package func queueNotified(_ index: Int) {
        if index == 0 { receive() } else { send() }
    }

    private func unplug() {
        if let registration { activation?.loop.remove(registration) }
        registration = nil
        isReading = false
    }

    private func send() {
        guard let queue = activation?.queue(1) else { return }
        queue.serve(&chain) { chain in
            let list = chain.readable
            // What is no frame, what is too long for one, and what the tap has no room for is lost, as on a wire.
            if list.byteCount > Self.headerSize, list.byteCount <= Self.headerSize + Self.largestFrame,
                list.segments.count <= 1024
            {
                _ = try? queue.memory.send(to: tap, from: list)
            }
            return 0
        }
    }

    private func receive() {
        guard let activation, let queue = activation.queue(0) else { return }
        var frames = 0
        while frames < Self.batch, gather(queue) {
            guard let count = try? queue.memory.receive(from: tap, into: room), count > Self.headerSize else { break }
            deliver(count, to: queue, mergeable: activation.features.contains(Self.mergeableBuffers))
            frames += 1
        }
        queue.signal()
        read(gather(queue))
    }

    /// Watches the tap, or stops.
    private func read(_ wanted: Bool) {
        guard wanted != isReading, let registration, let activation else { return }
        isReading = wanted
        try? activation.loop.modify(registration, wanted ? .readable : [])
    }

    /// Collects buffers until the largest frame fits.
    ///
    /// - Returns: whether it does.
    private func gather(_ queue: Virtqueue) -> Bool {
        guard let activation else { return false }
        let segmented = !activation.features.isDisjoint(with: [Self.guestSegmentation4, Self.guestSegmentation6])
        let needed = Self.headerSize + (segmented ? Self.largestFrame : max(Int(mtu), 1500) + 18)
        let mergeable = activation.features.contains(Self.mergeableBuffers)
        queue.suspendNotifications()
        repeat {
            while mergeable ? room.byteCount < needed : buffers.isEmpty, queue.pop(&chain) {
                guard chain.readable.byteCount == 0, chain.writable.byteCount > Self.headerSize,
                    room.segments.count + chain.writable.segments.count <= 1024
                else {
                    queue.fail(.malformedRequest)
                    return false
                }
                room.append(contentsOf: chain.writable)
                buffers.append((chain.head, chain.writable.segments.count, chain.writable.byteCount))
            }
            if mergeable ? room.byteCount >= needed : !buffers.isEmpty { return true }
        } while queue.resumeNotifications()
        return false
    }

    /// Gives the guest the buffers that a frame has filled, all at once.
    private func deliver(_ count: Int, to queue: Virtqueue, mergeable: Bool) {
        var (left, used, runs) = (count, 0, 0)
        while left > 0, used < buffers.count {
            let buffer = buffers[used]
            queue.stage(buffer.head, written: min(left, buffer.bytes), ahead: UInt16(used))
            left -= min(left, buffer.bytes)
            runs += buffer.runs
            used += 1
        }
        // The last field of the header, which the tap does not write.
        queue.memory.store(UInt16(mergeable ? used : 1), to: room, at: 10)
        queue.publish(UInt16(used))
        buffers.removeFirst(used)
        room.removeFirst(runs)
    }
}

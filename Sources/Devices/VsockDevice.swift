import Board
package import Virtio

/// The socket device, virtio 1.2, 5.10: a `VsockEngine` behind three queues.
///
/// Everything, the engine and its endpoints included, happens with the turn of the transport's loop.
package final class VsockDevice: VirtioDevice, @unchecked Sendable {
    private static let (receiveQueue, transmitQueue) = (0, 1)
    /// The most payload of one packet, as Linux bounds it too.
    private static let payloadLimit = 64 << 10

    /// Socket device.
    package let deviceID: UInt32 = 19
    /// None: streams are what there is without.
    package let features: Features = []
    /// What the guest receives, what it sends, and events, of which there are none.
    package let queueSizes: [UInt16] = [128, 128, 16]

    /// The connections.
    package let engine: VsockEngine
    private var activation: Activation?
    private var chain = DescriptorChain()
    private var isDelivering = false

    /// Makes a device.
    ///
    /// - Parameter engine: its connections; whoever listens does so before the guest runs.
    package init(_ engine: VsockEngine) {
        self.engine = engine
        engine.packetsAppeared = { [weak self] in self?.deliver() }
    }

    /// The guest's context id.
    package var configuration: [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: engine.guestContextID >> UInt64(8 * $0)) }
    }

    /// Starts.
    package func activate(_ activation: Activation) { self.activation = activation }

    /// Stops: no connection outlives the driver.
    ///
    /// What their other ends do about it is done on the loop: this is a processor's thread, which may close no files of theirs.
    package func reset() {
        let loop = activation?.loop
        activation = nil
        let forgotten = Forgotten(endpoints: engine.forgetConnections())
        guard let loop, !forgotten.endpoints.isEmpty else { return }
        loop.post {
            for endpoint in forgotten.endpoints { endpoint.closed() }
        }
    }

    /// The other ends of connections, on their way to the loop.
    private struct Forgotten: @unchecked Sendable {
        // SAFETY: @unchecked, for they are touched with the loop's turn only.
        let endpoints: [any VsockEndpoint]
    }

    /// Takes what the guest sends, and gives it what it has made room for.
    package func queueNotified(_ index: Int) {
        if index == Self.transmitQueue { takePackets() }
        if index != 2 { deliver() }
    }

    private func takePackets() {
        guard let queue = activation?.queue(Self.transmitQueue) else { return }
        // The answers to a batch go out together, behind it.
        isDelivering = true
        queue.serve(&chain) { chain in
            let limit = VsockPacket.headerSize + VsockConnection.bufferSize
            engine.receive(queue.memory.copy(from: chain.readable, count: limit))
            return 0
        }
        isDelivering = false
    }

    private func deliver() {
        guard !isDelivering, let queue = activation?.queue(Self.receiveQueue) else { return }
        isDelivering = true
        defer { isDelivering = false }
        queue.suspendNotifications()
        // A guest whose credit and buffers never end gets no more than twice a queue full in one turn.
        var left = 2 * Int(queue.size)
        repeat {
            while left > 0, engine.hasPackets, queue.pop(&chain) {
                left -= 1
                guard chain.readable.byteCount == 0, chain.writable.byteCount >= VsockPacket.headerSize else {
                    queue.fail(.malformedRequest)
                    return
                }
                let room = min(chain.writable.byteCount - VsockPacket.headerSize, Self.payloadLimit)
                guard let packet = engine.nextPacket(payloadLimit: room) else {
                    queue.unpop()
                    break
                }
                queue.push(chain.head, written: queue.memory.copy(packet.bytes, to: chain.writable))
            }
        } while left > 0 && engine.hasPackets && queue.resumeNotifications()
        queue.signal()
        if left == 0 { queue.lookAgain() }
    }
}

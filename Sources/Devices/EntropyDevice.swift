import Board
package import Virtio

/// Random numbers of the host for the guest, virtio 1.2, 5.4.
package final class EntropyDevice: VirtioDevice, @unchecked Sendable {
    /// The most bytes for one request; a longer buffer is filled in part, which the standard allows.
    private static let requestLimit = 65536

    /// Entropy device.
    package let deviceID: UInt32 = 4
    /// None.
    package let features: Features = []
    /// One queue.
    package let queueSizes: [UInt16] = [64]

    private var queue: Virtqueue?
    private var chain = DescriptorChain()

    /// Makes the device.
    package init() {}

    /// Starts.
    package func activate(_ activation: Activation) { queue = activation.queue(0) }

    /// Stops.
    package func reset() { queue = nil }

    /// Fills what the driver offers.
    package func queueNotified(_ index: Int) {
        guard let queue else { return }
        queue.serve(&chain) { chain throws(QueueFault) in
            guard chain.readable.byteCount == 0 else { throw .malformedRequest }
            return queue.memory.randomize(chain.writable, count: Self.requestLimit)
        }
    }
}

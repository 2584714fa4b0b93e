import Board
import Virtio

/// A device that writes into each buffer what it reads from it, and counts what is done with it.
final class EchoDevice: VirtioDevice, @unchecked Sendable {
    let deviceID: UInt32 = 42
    let features: Features = .bit(3)
    let queueSizes: [UInt16] = [16, 8]
    let sharedMemoryRegions = [SharedMemoryRegion(id: 0, address: 0x2_0000_1000, length: 0x3_0000_0000)]
    private(set) var activation: Activation?
    private(set) var resets = 0
    private(set) var written: [UInt64] = []
    var holdsBack = false
    private(set) var held: [UInt16] = []
    private var chain = DescriptorChain()

    let configuration: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8, 9]

    func writeConfiguration(_ value: UInt64, at offset: Int, size: Int) { written.append(value) }
    func activate(_ activation: Activation) { self.activation = activation }
    func reset() { resets += 1 }

    func queueNotified(_ index: Int) {
        guard let queue = activation?.queue(index) else { return }
        queue.serve(&chain) { chain throws(QueueFault) in
            if holdsBack {
                held.append(chain.head)
                return nil
            }
            let bytes = queue.memory.copy(from: chain.readable, count: 4096)
            return queue.memory.copy(bytes, to: chain.writable)
        }
    }
}

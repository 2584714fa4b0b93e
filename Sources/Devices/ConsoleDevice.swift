import Board
package import Virtio

/// A console with one port, virtio 1.2, 5.3: hvc0 of a Linux guest.
///
/// Nothing is kept of what the guest writes; what the guest is to read waits in a buffer of bounded size.
package final class ConsoleDevice: VirtioDevice, @unchecked Sendable {
    /// What takes the guest's output, in pieces; called on the loop, and bounding what it keeps is its task.
    package typealias Output = @Sendable (ArraySlice<UInt8>) -> Void

    /// The most bytes that wait for the guest.
    package static let inputLimit = 65536
    /// The most bytes of one buffer: a guest that sends more in one loses the rest.
    private static let bufferLimit = 1 << 20

    /// Console device.
    package let deviceID: UInt32 = 3
    /// None.
    package let features: Features = []
    /// From the guest's view: what it reads, what it writes.
    package let queueSizes: [UInt16] = [64, 64]

    private let output: Output
    private var activation: Activation?
    private var chain = DescriptorChain()
    private var piece = [UInt8](repeating: 0, count: 16384)
    private var waiting: [UInt8] = []

    /// Makes the device.
    package init(output: @escaping Output) {
        self.output = output
    }

    /// Starts.
    package func activate(_ activation: Activation) { self.activation = activation }

    /// Stops; what waited is lost.
    package func reset() {
        activation = nil
        waiting = []
    }

    /// Has the guest read some bytes; to be called on the loop.
    ///
    /// - Returns: how many there was room for.
    package func input(_ bytes: ArraySlice<UInt8>) -> Int {
        let taken = bytes.prefix(Self.inputLimit - waiting.count)
        waiting += taken
        deliver()
        return taken.count
    }

    /// Moves on what the driver has made possible.
    package func queueNotified(_ index: Int) {
        if index == 0 { deliver() } else { takeOutput() }
    }

    private func deliver() {
        guard let queue = activation?.queue(0) else { return }
        var sent = 0
        // A guest that offers empty buffers without end gets no more turns than its queue has entries.
        var left = Int(queue.size)
        repeat {
            while sent < waiting.count, left > 0, queue.pop(&chain) {
                left -= 1
                let count = queue.memory.copy(Array(waiting[sent...]), to: chain.writable)
                queue.push(chain.head, written: count)
                sent += count
            }
            // Without anything to deliver the driver need not tell of its buffers.
            if sent == waiting.count || left == 0 { break }
        } while queue.resumeNotifications()
        waiting.removeFirst(sent)
        queue.signal()
    }

    private func takeOutput() {
        guard let queue = activation?.queue(1) else { return }
        queue.serve(&chain) { chain in
            var done = 0
            while done < Self.bufferLimit {
                let count = queue.memory.copy(from: chain.readable, at: done, into: &piece)
                if count == 0 { break }
                output(piece[..<count])
                done += count
            }
            return 0
        }
    }
}

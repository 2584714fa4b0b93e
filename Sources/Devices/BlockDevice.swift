package import Board
import CLinux
import Glibc
package import Syscalls
package import Virtio

/// A disk over a raw file, virtio 1.2, 5.2.
///
/// The file's bytes are the disk's: no format is ever looked for in them, since the guest writes them.
package final class BlockDevice: VirtioDevice, @unchecked Sendable {
    private enum Status: UInt8 { case good, failed, unsupported }
    private static let sectorSize: UInt64 = 512
    private static let rangeLimit: UInt32 = 16
    private static let sectorLimit: UInt32 = 1 << 22
    /// The most bytes of one request; what Linux asks for has some MiB.
    private static let requestLimit = 64 << 20

    /// Block device.
    package let deviceID: UInt32 = 2
    /// The size of blocks and requests, flushing, discarding and writing zeroes; read-only where it is.
    package let features: Features
    /// One queue.
    package let queueSizes: [UInt16] = [256]

    private let file: OwnedDescriptor
    private let sectors: UInt64
    private let readOnly: Bool
    private let identity: [UInt8]
    private let worker: EventLoop?
    private var queue: Virtqueue?
    private var chain = DescriptorChain()

    /// Makes a disk.
    ///
    /// - Parameters:
    ///   - file: open for reading, and for writing unless the disk is read-only; what follows its last whole sector is
    ///     not seen.
    ///   - readOnly: whether every change is refused, whatever the driver believes.
    ///   - identity: what the guest finds as the disk's serial number, up to 20 bytes.
    ///   - worker: the loop that waits for the file; nil for the transport's, which then stands still as long.
    package init(
        file: consuming OwnedDescriptor, readOnly: Bool, identity: String, worker: EventLoop? = nil
    ) throws(SystemError) {
        let number = file.number
        let size = try syscall("lseek", on: "a disk") { lseek(number, 0, SEEK_END) }
        sectors = UInt64(size) / Self.sectorSize
        self.file = file
        self.readOnly = readOnly
        self.identity = Array(identity.utf8.prefix(20)) + [UInt8](repeating: 0, count: max(0, 20 - identity.utf8.count))
        self.worker = worker
        let common: Features = [.bit(2), .bit(6), .bit(9)]
        features = common.union(readOnly ? .bit(5) : [.bit(13), .bit(14)])
    }

    /// The worker's, where there is one.
    package func loop(ofQueue index: Int) -> EventLoop? { worker }

    /// What virtio 1.2, 5.2.4 lays out.
    package var configuration: [UInt8] {
        var bytes = littleEndian(sectors)
        bytes += littleEndian(UInt32(0)) + littleEndian(UInt32(254)) + [0, 0, 0, 0]
        bytes += littleEndian(UInt32(Self.sectorSize)) + [UInt8](repeating: 0, count: 12)
        // Discard: sectors, ranges, alignment. Zeroes: sectors, ranges, whether they may be holes.
        for value in [Self.sectorLimit, Self.rangeLimit, 1, Self.sectorLimit, Self.rangeLimit, 1] {
            bytes += littleEndian(value)
        }
        return bytes
    }

    /// Starts.
    package func activate(_ activation: Activation) {
        onWorker { queue = activation.queue(0) }
    }

    /// Stops, once the request that is being served is done.
    package func reset() {
        onWorker { queue = nil }
    }

    private func onWorker(_ body: () -> Void) {
        if let worker { worker.synchronously(body) } else { body() }
    }

    /// Serves what the driver offers.
    package func queueNotified(_ index: Int) {
        guard let queue else { return }
        queue.serve(&chain) { chain throws(QueueFault) in
            let room = chain.writable.byteCount - 1
            guard let type = queue.memory.load(UInt32.self, from: chain.readable, at: 0),
                let sector = queue.memory.load(UInt64.self, from: chain.readable, at: 8), room >= 0
            else { throw .malformedRequest }
            let (status, written) = perform(type, sector, chain, room: room, queue.memory)
            queue.memory.store(status.rawValue, to: chain.writable, at: room)
            // The status is the last byte, so all of it counts as written.
            return written ? room + 1 : 1
        }
    }

    private func perform(
        _ type: UInt32, _ sector: UInt64, _ chain: DescriptorChain, room: Int, _ memory: GuestMemory
    ) -> (Status, written: Bool) {
        switch type {
        case 0:
            guard room <= Self.requestLimit, let offset = fileOffset(sector, bytes: room) else {
                return (.failed, false)
            }
            let status = transfer(count: room) { done throws(SystemError) in
                try memory.receive(
                    from: file, fileOffset: offset + Int64(done), into: chain.writable, at: done, limit: room - done)
            }
            return (status, status == .good)
        case 1:
            let count = chain.readable.byteCount - 16
            guard !readOnly, count <= Self.requestLimit, let offset = fileOffset(sector, bytes: count) else {
                return (.failed, false)
            }
            let status = transfer(count: count) { done throws(SystemError) in
                try memory.send(
                    to: file, fileOffset: offset + Int64(done), from: chain.readable, at: 16 + done,
                    limit: count - done)
            }
            return (status, false)
        case 4:
            let number = file.number
            return ((try? syscall("fdatasync", on: "a disk") { fdatasync(number) }) == nil ? .failed : .good, false)
        case 8:
            guard room >= identity.count else { return (.failed, false) }
            memory.copy(identity, to: chain.writable)
            return (.good, true)
        case 11, 13:
            return (readOnly ? .failed : clear(chain.readable, discards: type == 11, memory), false)
        default: return (.unsupported, false)
        }
    }

    /// Where a request begins in the file; nil where it is not one of whole sectors of the disk.
    private func fileOffset(_ sector: UInt64, bytes: Int) -> Int64? {
        let count = UInt64(clamping: bytes)
        guard bytes >= 0, count % Self.sectorSize == 0, sector <= sectors, count / Self.sectorSize <= sectors - sector
        else { return nil }
        return Int64(sector * Self.sectorSize)
    }

    private func transfer(count: Int, _ body: (_ done: Int) throws(SystemError) -> Int) -> Status {
        var done = 0
        while done < count {
            // A file that ends before the disk does was cut by somebody else.
            guard let moved = try? body(done), moved > 0 else { return .failed }
            done += moved
        }
        return .good
    }

    private func clear(_ list: SegmentList, discards: Bool, _ memory: GuestMemory) -> Status {
        let (ranges, rest) = (list.byteCount - 16).quotientAndRemainder(dividingBy: 16)
        guard rest == 0, ranges > 0, ranges <= Int(Self.rangeLimit) else { return .failed }
        for range in 1...ranges {
            guard let sector = memory.load(UInt64.self, from: list, at: 16 * range),
                let count = memory.load(UInt32.self, from: list, at: 16 * range + 8),
                let flags = memory.load(UInt32.self, from: list, at: 16 * range + 12)
            else { return .failed }
            guard count <= Self.sectorLimit, flags & ~(discards ? 0 : 1) == 0 else { return .unsupported }
            let bytes = Int(count) * Int(Self.sectorSize)
            guard let offset = fileOffset(sector, bytes: bytes) else { return .failed }
            if count > 0, !clear(at: offset, bytes, leavesHole: discards || flags & 1 != 0) { return .failed }
        }
        return .good
    }

    private func clear(at offset: Int64, _ count: Int, leavesHole: Bool) -> Bool {
        let number = file.number
        let modes = [CLX_FALLOC_PUNCH_HOLE | CLX_FALLOC_KEEP_SIZE, CLX_FALLOC_ZERO_RANGE | CLX_FALLOC_KEEP_SIZE]
        // Either reads as zeroes; where a file system has only one of them, that one it is.
        for mode in leavesHole ? modes : modes.reversed() {
            if (try? syscall("fallocate", on: "a disk") { clx_fallocate(number, mode, offset, Int64(count)) }) != nil {
                return true
            }
        }
        return false
    }
}

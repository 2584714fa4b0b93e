import Board
package import Virtio

/// Gives memory that the guest does not use back to the host, virtio 1.2, 5.5: by inflating to a target, and by what the
/// guest reports as free.
package final class BalloonDevice: VirtioDevice, @unchecked Sendable {
    private static let statisticsQueue: Features = .bit(1)
    private static let deflateOnOutOfMemory: Features = .bit(2)
    private static let pageReporting: Features = .bit(5)
    /// The most page numbers of one buffer that are looked at, for each may cost a system call; Linux sends 256.
    private static let pageLimit = 1024
    /// The most entries of one buffer of statistics; the standard has ten kinds.
    private static let statisticsLimit = 64

    /// Traditional memory balloon device.
    package let deviceID: UInt32 = 5
    /// Statistics, deflation when the guest runs out of memory, and the reporting of free pages.
    package let features: Features = [statisticsQueue, deflateOnOutOfMemory, pageReporting]
    /// Inflate, deflate, then statistics and reports, as far as they were negotiated.
    package let queueSizes: [UInt16] = [128, 128, 16, 32]

    private enum Role { case inflate, deflate, statistics, reports }

    private var activation: Activation?
    private var chain = DescriptorChain()
    private var target: UInt32 = 0
    private var heldStatistics: UInt16?
    private var awaiting: [([UInt16: UInt64]) -> Void] = []
    private var isChangePosted = false
    /// How many pages the guest says are in the balloon.
    package private(set) var actualPages: UInt32 = 0
    /// How many pages are to be in the balloon.
    package var targetPages: UInt32 { target }
    /// Whether the guest has a driver for it.
    package var isDriven: Bool { activation != nil }
    /// Called on the loop when the guest says how many pages are in the balloon now.
    package var actualChanged: () -> Void = {}

    /// Makes an empty balloon.
    package init() {}

    /// Asks the guest to give up memory, or to take it back; to be called on the loop.
    ///
    /// - Parameter targetPages: how many pages of 4 KiB are to be in the balloon.
    package func inflate(targetPages: UInt32) {
        target = targetPages
        activation?.configurationChanged()
    }

    /// Asks the guest for its figures; to be called on the loop.
    ///
    /// - Parameter completion: gets them by the tags of virtio 1.2, 5.5.6.3; not called if the guest does not answer.
    package func requestStatistics(_ completion: @escaping ([UInt16: UInt64]) -> Void) {
        // A guest that never answers must not make them add up.
        if awaiting.count < 16 { awaiting.append(completion) }
        releaseStatistics()
    }

    /// The target and what the guest has reached.
    package var configuration: [UInt8] { littleEndian(target) + littleEndian(actualPages) }

    /// The guest says how far it is.
    package func writeConfiguration(_ value: UInt64, at offset: Int, size: Int) {
        guard offset == 4, size == 4 else { return }
        actualPages = UInt32(truncatingIfNeeded: value)
        // This is a processor's thread, which may not do what who waits for the balloon does. However often the guest writes,
        // one word of it waits to be passed on.
        guard !isChangePosted, let loop = activation?.loop else { return }
        isChangePosted = true
        loop.post { [weak self] in self?.tellChange() }
    }

    private func tellChange() {
        isChangePosted = false
        actualChanged()
    }

    /// Starts.
    package func activate(_ activation: Activation) { self.activation = activation }

    /// Stops.
    package func reset() {
        activation = nil
        heldStatistics = nil
        awaiting = []
        actualPages = 0
    }

    /// Linux numbers the queues of what was negotiated without gaps.
    private func role(of index: Int) -> Role? {
        let accepted = activation?.features ?? []
        var roles: [Role] = [.inflate, .deflate]
        if accepted.contains(Self.statisticsQueue) { roles.append(.statistics) }
        if accepted.contains(Self.pageReporting) { roles.append(.reports) }
        return roles.indices.contains(index) ? roles[index] : nil
    }

    /// Serves what the driver offers.
    package func queueNotified(_ index: Int) {
        guard let queue = activation?.queue(index), let role = role(of: index) else { return }
        queue.serve(&chain) { chain throws(QueueFault) in
            switch role {
            case .inflate:
                discard(pagesIn: chain.readable, queue.memory)
                return 0
            // The guest finds the page again by touching it.
            case .deflate: return 0
            case .reports:
                guard chain.readable.byteCount == 0 else { throw .malformedRequest }
                for segment in chain.writable.segments { discard(segment, queue.memory) }
                return 0
            case .statistics:
                // A second buffer while one is held is more than the standard allows.
                guard heldStatistics == nil else { throw .malformedRequest }
                heldStatistics = chain.head
                report(chain.readable, queue.memory)
                return nil
            }
        }
        if role == .statistics, !awaiting.isEmpty { releaseStatistics() }
    }

    /// Gives back the pages of which a buffer has the numbers; neighbours at once.
    private func discard(pagesIn list: SegmentList, _ memory: GuestMemory) {
        var bytes = [UInt8](repeating: 0, count: 4096)
        var done = 0
        while done < 4 * Self.pageLimit {
            let count = memory.copy(from: list, at: done, into: &bytes) / 4
            if count == 0 { return }
            var pages = (0..<count).map { page in
                bytes[4 * page..<4 * page + 4].reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
            }
            pages.sort()
            var (first, length) = (pages[0], UInt64(1))
            for page in pages.dropFirst() {
                if page < first + length { continue }
                if page > first + length {
                    release(first << 12, length << 12, memory)
                    (first, length) = (page, 0)
                }
                length += 1
            }
            release(first << 12, length << 12, memory)
            done += 4 * count
        }
    }

    /// Gives back the whole pages of a run.
    private func discard(_ segment: Segment, _ memory: GuestMemory) {
        // The queue has checked that the run lies in memory, so nothing overflows.
        let first = (segment.address &+ 4095) & ~4095
        let end = (segment.address &+ UInt64(segment.length)) & ~4095
        if end > first { release(first, end &- first, memory) }
    }

    /// Where there is no memory, or the host cannot take it, there is nothing to give back.
    private func release(_ address: UInt64, _ count: UInt64, _ memory: GuestMemory) {
        try? memory.discard(address, count)
    }

    private func report(_ list: SegmentList, _ memory: GuestMemory) {
        // The first buffer after the start has nothing that was asked for.
        guard isAsked else { return }
        isAsked = false
        var values: [UInt16: UInt64] = [:]
        for entry in 0..<Self.statisticsLimit {
            guard let tag = memory.load(UInt16.self, from: list, at: 10 * entry),
                let value = memory.load(UInt64.self, from: list, at: 10 * entry + 2)
            else { break }
            values[tag] = value
        }
        let completions = awaiting
        awaiting = []
        for completion in completions { completion(values) }
    }

    private var isAsked = false

    /// Giving the buffer back is how the device asks.
    private func releaseStatistics() {
        guard let head = heldStatistics, let queue = activation?.queue(2) else { return }
        heldStatistics = nil
        isAsked = true
        queue.push(head, written: 0)
        queue.signal()
    }
}

/// A number as a configuration has it.
func littleEndian<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
    (0..<T.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> T(8 * $0)) }
}

package import Board
package import FUSE
import Glibc
import Synchronization
package import Syscalls
package import Virtio

/// A virtio-fs device, virtio 1.2, 5.11: its requests are FUSE, and `FileServer` answers them.
///
/// Queue 0 takes what must not wait behind anything, the others are request queues, each served by a thread of its own.
package final class FileSystemDevice: VirtioDevice {
    /// virtio 1.2, 5.11.1.
    package let deviceID: UInt32 = 26
    /// None of its own.
    package let features: Virtio.Features = []
    /// The window into which files are mapped, where there is one.
    package let sharedMemoryRegions: [SharedMemoryRegion]
    /// A request queue has room for the pages of one MiB and what goes with them.
    package let queueSizes: [UInt16]
    /// The tag, and how many request queues there are: virtio 1.2, 5.11.4.
    package let configuration: [UInt8]

    private let server: FileServer
    private let loops: [EventLoop]
    private let services: [FileQueueService]

    /// Makes a device.
    ///
    /// - Parameters:
    ///   - tag: the name by which the guest mounts it, at most 36 bytes of UTF-8.
    ///   - server: what answers.
    ///   - loops: one for each request queue. Each is run by a thread that does nothing else: its working directory, its
    ///     umask and its ids for files are the server's.
    ///   - window: the server's window, which the guest finds as the region for the cache; nil for none.
    package init(tag: String, server: FileServer, loops: [EventLoop], window: SharedWindow? = nil) {
        precondition(!loops.isEmpty && tag.utf8.count <= 36, "a file system has a queue, and a tag that fits")
        self.server = server
        self.loops = loops
        // virtio 1.2, 5.11.4.1: the cache is region 0.
        let region = window.map { SharedMemoryRegion(id: 0, address: $0.guestAddress, length: $0.size) }
        sharedMemoryRegions = region.map { [$0] } ?? []
        queueSizes = [64] + loops.map { _ in 512 }
        let name = Array(tag.utf8)
        configuration =
            name + [UInt8](repeating: 0, count: 36 - name.count)
            + (0..<4).map { UInt8(truncatingIfNeeded: loops.count >> (8 * $0)) }
        services = loops.map { FileQueueService(server: server, loop: $0) }
    }

    /// Has the calling thread become the one that serves a request queue, which is otherwise left to the first request.
    ///
    /// - Parameter index: which of `loops` the thread will run.
    package func prepareThread(ofLoop index: Int) throws(SystemError) {
        let service = services[index]
        try loops[index].synchronously { () throws(SystemError) in try service.prepare() }
    }

    package func loop(ofQueue index: Int) -> EventLoop? {
        loops[min(max(index - 1, 0), loops.count - 1)]
    }

    package func activate(_ activation: Activation) {
        for (index, service) in services.enumerated() {
            let urgent = index == 0 ? activation.queue(0) : nil
            let requests = activation.queue(index + 1)
            loops[index].synchronously { service.start(urgent: urgent, requests: requests) }
        }
    }

    package func queueNotified(_ index: Int) {
        services[min(max(index - 1, 0), services.count - 1)].serve(urgent: index == 0)
    }

    package func reset() {
        for (loop, service) in zip(loops, services) { loop.synchronously { service.stop() } }
        server.stop()
    }
}

/// The queues that one thread serves; everything here has the turn of its loop.
private final class FileQueueService: @unchecked Sendable {
    // SAFETY: @unchecked, for every access has the turn of `loop`; the worker is made and used on that loop's thread.
    private let server: FileServer
    private let loop: EventLoop
    private var worker: FileWorker?
    private var urgent: Virtqueue?
    private var requests: Virtqueue?
    private var chain = DescriptorChain()
    private let exchange = QueueExchange()

    init(server: FileServer, loop: EventLoop) {
        self.server = server
        self.loop = loop
    }

    func start(urgent: Virtqueue?, requests: Virtqueue?) {
        self.urgent = urgent
        self.requests = requests
    }

    func stop() {
        urgent = nil
        requests = nil
    }

    /// Makes the calling thread the one that serves.
    func prepare() throws(SystemError) {
        if worker == nil { worker = try FileWorker(server) }
    }

    /// Serves what a queue offers.
    func serve(urgent isUrgent: Bool) {
        guard let queue = isUrgent ? urgent : requests else { return }
        try? prepare()
        // A thread that cannot become a worker leaves its queue as it is; the guest waits.
        guard let worker else { return }
        let exchange = exchange
        queue.serve(&chain) { chain in
            exchange.begin(&chain, queue.memory) { [unowned self] in laterReply($0, $1, queue) }
            worker.handle(exchange)
            return exchange.end(&chain)
        }
    }

    /// What sends the reply to a request that waits: on the loop, and only where the queue is still the one it came by.
    private func laterReply(
        _ head: UInt16, _ writable: SegmentList, _ queue: Virtqueue
    ) -> @Sendable ([UInt8]) -> Void {
        let loop = loop
        return { bytes in
            loop.post { self.send(bytes, head, writable, queue) }
        }
    }

    private func send(_ bytes: [UInt8], _ head: UInt16, _ writable: SegmentList, _ queue: Virtqueue) {
        guard requests === queue || urgent === queue else { return }
        queue.push(head, written: queue.memory.copy(bytes, to: writable))
        queue.signal()
    }
}

/// One request at a time, in the guest's memory.
private final class QueueExchange: FUSEExchange {
    private var chain = DescriptorChain()
    private var memory: GuestMemory?
    private var written: Int? = 0
    private var makeLaterReply: ((UInt16, SegmentList) -> @Sendable ([UInt8]) -> Void)?

    /// Takes a buffer over.
    func begin(
        _ buffer: inout DescriptorChain, _ memory: GuestMemory,
        later: @escaping (UInt16, SegmentList) -> @Sendable ([UInt8]) -> Void
    ) {
        swap(&chain, &buffer)
        self.memory = memory
        written = 0
        makeLaterReply = later
    }

    /// Gives it back.
    ///
    /// - Returns: how many bytes the reply has; nil where it comes later.
    func end(_ buffer: inout DescriptorChain) -> Int? {
        swap(&chain, &buffer)
        memory = nil
        makeLaterReply = nil
        return written
    }

    var requestLength: Int { chain.readable.byteCount }
    var replyCapacity: Int { chain.writable.byteCount }

    func copyRequest(_ count: Int, into buffer: inout [UInt8]) {
        if buffer.count > count { buffer.removeLast(buffer.count - count) }
        if buffer.count < count { buffer.append(contentsOf: repeatElement(0, count: count - buffer.count)) }
        // Where the guest has no memory, what an earlier request left must not stand in its place.
        let copied = memory?.copy(from: chain.readable, into: &buffer) ?? 0
        if copied < count { buffer.replaceSubrange(copied..., with: repeatElement(0, count: count - copied)) }
    }

    func writeRequest(at offset: Int, count: Int, to file: ServedFile, position: Int64) throws(Errno) -> Int {
        try transfer { (memory) throws(SystemError) in
            try memory.send(
                to: file.descriptor, fileOffset: position, from: chain.readable, at: offset, limit: count)
        }
    }

    func readIntoReply(at offset: Int, count: Int, from file: ServedFile, position: Int64) throws(Errno) -> Int {
        try transfer { (memory) throws(SystemError) in
            try memory.receive(
                from: file.descriptor, fileOffset: position, into: chain.writable, at: offset, limit: count)
        }
    }

    private func transfer(_ body: (GuestMemory) throws(SystemError) -> Int) throws(Errno) -> Int {
        guard let memory else { throw Errno(rawValue: EFAULT) }
        do {
            return try body(memory)
        } catch {
            throw error.errno
        }
    }

    func reply(_ bytes: [UInt8], appended: Int) {
        let copied = memory?.copy(bytes, to: chain.writable) ?? 0
        written = copied == bytes.count ? copied + appended : 0
    }

    func finish() {}

    func deferReply() -> @Sendable ([UInt8]) -> Void {
        written = nil
        guard let makeLaterReply else { return { _ in } }
        return makeLaterReply(chain.head, chain.writable)
    }
}

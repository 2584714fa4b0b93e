import FUSE
import Foundation
import Glibc
import Synchronization
import Syscalls

/// A request and its reply as bytes.
final class MemoryExchange: FUSEExchange {
    let request: [UInt8]
    let replyCapacity: Int
    private var content: [UInt8]
    let answer = Mutex<[UInt8]?>(nil)
    var isFinished = false
    var isDeferred = false
    /// How many bytes files take and give before they fail; nil for all.
    private var bytesUntilFault: Int?

    init(_ request: [UInt8], replyCapacity: Int, bytesUntilFault: Int? = nil) {
        self.request = request
        self.bytesUntilFault = bytesUntilFault
        self.replyCapacity = replyCapacity
        content = [UInt8](repeating: 0, count: replyCapacity)
    }

    var requestLength: Int { request.count }

    func copyRequest(_ count: Int, into buffer: inout [UInt8]) {
        buffer = Array(request[..<count])
    }

    func writeRequest(at offset: Int, count: Int, to file: ServedFile, position: Int64) throws(Errno) -> Int {
        try file.write(request, at: offset, count: try allowed(count), to: position)
    }

    private func allowed(_ count: Int) throws(Errno) -> Int {
        guard let left = bytesUntilFault else { return count }
        if left == 0 { throw .inputOutput }
        bytesUntilFault = left - min(left, count)
        return min(left, count)
    }

    func readIntoReply(at offset: Int, count: Int, from file: ServedFile, position: Int64) throws(Errno) -> Int {
        try file.read(into: &content, at: offset, count: try allowed(count), from: position)
    }

    func reply(_ bytes: [UInt8], appended: Int) {
        answer.withLock { $0 = bytes + content[bytes.count..<(bytes.count + appended)] }
    }

    func finish() { isFinished = true }

    func deferReply() -> @Sendable ([UInt8]) -> Void {
        isDeferred = true
        return { _ in }
    }
}

/// Bytes of a request, low ones first.
struct Bytes {
    var bytes: [UInt8] = []

    func u16(_ value: UInt16) -> Bytes { appending(value) }
    func u32(_ value: UInt32) -> Bytes { appending(value) }
    func u64(_ value: UInt64) -> Bytes { appending(value) }
    func text(_ text: String) -> Bytes { raw(Array(text.utf8) + [0]) }
    func raw(_ more: [UInt8]) -> Bytes { Bytes(bytes: bytes + more) }

    private func appending<T: FixedWidthInteger>(_ value: T) -> Bytes {
        raw((0..<(T.bitWidth / 8)).map { UInt8(truncatingIfNeeded: value >> T(8 * $0)) })
    }
}

/// What came back.
struct Answer {
    let error: Int32
    let body: [UInt8]

    func number(at place: Int, bytes count: Int) -> UInt64 {
        (0..<count).reduce(0) { $0 | UInt64(body[place + $1]) << UInt64(8 * $1) }
    }
}

/// A client that says whatever it likes, with a server over two folders and a file: share 0 can be written, share 1 cannot,
/// and share 2 is a single file.
final class MemoryClient {
    let folder: String
    private let server: FileServer
    private let worker: FileWorker
    private var unique: UInt64 = 0
    /// How many bytes files take and give in a request before they fail; nil for all.
    var bytesUntilFault: Int?
    var user: UInt32 = 0

    fileprivate init(
        folder: String, cache: CacheMode, locks: LockScope, limits: ServerLimits, window: (any FileWindow)?
    ) throws {
        self.folder = folder
        let single = ShareConfiguration(path: folder + "/single", isReadOnly: false)
        server = try FileServer(
            shares: [
                ShareConfiguration(path: folder + "/rw", isReadOnly: false),
                ShareConfiguration(path: folder + "/ro", isReadOnly: true), single,
            ], cache: cache, locks: locks, limits: limits, window: window)
        worker = try FileWorker(server)
    }

    /// Runs a body with a client on a thread of its own: a worker changes what belongs to its thread.
    static func run(
        cache: CacheMode = .auto, locks: LockScope = .client, limits: ServerLimits = ServerLimits(),
        initialised: Bool = true, window: (any FileWindow)? = nil,
        _ body: @escaping @Sendable (MemoryClient) throws -> Void
    ) throws {
        let folder = FileManager.default.temporaryDirectory.path + "/fuse-\(UUID().uuidString)"
        for name in ["/rw", "/ro"] {
            try FileManager.default.createDirectory(atPath: folder + name, withIntermediateDirectories: true)
        }
        try Data("single".utf8).write(to: URL(fileURLWithPath: folder + "/single"))
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let box = Failure()
        let thread = try RunningThread {
            do {
                let client = try MemoryClient(
                    folder: folder, cache: cache, locks: locks, limits: limits, window: window)
                if initialised { client.initialise() }
                try body(client)
            } catch let error {
                box.text.withLock { $0 = "\(error)" }
            }
        }
        thread.join()
        if let text = box.text.withLock({ $0 }) { throw Problem(text: text) }
    }

    private final class Failure: Sendable {
        let text = Mutex<String?>(nil)
    }

    struct Problem: Error {
        let text: String
    }

    @discardableResult
    func initialise() -> Answer? {
        // Version 7.38, 128 KiB of read-ahead; every flag.
        ask(26, node: 0, Bytes().u32(7).u32(38).u32(131072).u32(.max).u32(.max).raw([UInt8](repeating: 0, count: 44)))
    }

    /// Sends a request whose length is right.
    func ask(_ opcode: UInt32, node: UInt64, _ body: Bytes = Bytes(), capacity: Int = 1 << 17) -> Answer? {
        unique += 1
        let head = Bytes().u32(UInt32(40 + body.bytes.count)).u32(opcode).u64(unique).u64(node)
            .u32(user).u32(user).u32(1).u32(0)
        return send(head.raw(body.bytes).bytes, capacity: capacity)
    }

    /// Sends bytes.
    func send(_ bytes: [UInt8], capacity: Int = 1 << 17) -> Answer? {
        let exchange = MemoryExchange(bytes, replyCapacity: capacity, bytesUntilFault: bytesUntilFault)
        worker.handle(exchange)
        guard let answer = exchange.answer.withLock({ $0 }), answer.count >= 16 else { return nil }
        let error = (0..<4).reduce(UInt32(0)) { $0 | UInt32(answer[4 + $1]) << UInt32(8 * $1) }
        return Answer(error: Int32(bitPattern: error), body: Array(answer[16...]))
    }

    /// The node of a share.
    func share(_ index: Int) throws -> UInt64 {
        try lookup("\(index)", in: 1)
    }

    func lookup(_ name: String, in node: UInt64) throws -> UInt64 {
        guard let answer = ask(1, node: node, Bytes().text(name)), answer.error == 0 else {
            throw Problem(text: "no \(name)")
        }
        return answer.number(at: 0, bytes: 8)
    }

    /// Creates and opens a file: its node and handle.
    func create(_ name: String, in node: UInt64, mode: UInt32 = 0o644) throws -> (node: UInt64, handle: UInt64) {
        let body = Bytes().u32(UInt32(O_RDWR)).u32(mode).u32(0o22).u32(0).text(name)
        guard let answer = ask(35, node: node, body), answer.error == 0 else { throw Problem(text: "create \(name)") }
        return (answer.number(at: 0, bytes: 8), answer.number(at: 128, bytes: 8))
    }
}

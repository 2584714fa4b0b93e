import Board
import Devices
import FUSE
import Glibc
import GuestDriver
import Syscalls
import Virtio

/// A client that says what the input says, in memory or through the queues of a device.
final class FUSEClient {
    private enum Way {
        case memory(FileWorker)
        case queue(GuestDriver)
    }

    private let server: FileServer
    private let way: Way
    private let ground: FUSEGround
    private var nodes: [UInt64] = [1]
    private var handles: [UInt64] = [0, .max]
    private var unique: UInt64 = 0

    init(_ ground: FUSEGround, mode: UInt8) throws {
        self.ground = ground
        var limits = ServerLimits(descriptors: 64)
        limits.nodes = 40
        let caches: [CacheMode] = [.never, .auto, .always, .auto]
        // Four units, above all memory.
        let window = try mode & 64 == 0 ? nil : SharedWindow(guestAddress: 1 << 32, sizeBytes: 4 * SharedWindow.unit)
        server = try FileServer(
            shares: ground.shares, cache: caches[Int(mode & 3)], locks: mode & 4 == 0 ? .client : .host,
            writeback: mode & 8 != 0, limits: limits, window: window.map { GuestFileWindow($0) })
        if mode & 16 == 0 {
            way = .memory(try FileWorker(server))
        } else {
            let loop = try EventLoop()
            let driver = try GuestDriver(
                FileSystemDevice(tag: "mvrun", server: server, loops: [loop], window: window), loop: loop,
                memoryBytes: 4 << 20)
            try driver.start()
            way = .queue(driver)
        }
        if mode & 32 == 0 { greet() }
    }

    private func greet() {
        let zeroes = [UInt8](repeating: 0, count: 44)
        _ = ask(26, node: 0, little(UInt32(7), 38, 131072, .max, .max) + zeroes, user: 0, capacity: 4096)
        for index in 0..<4 { _ = ask(1, node: 1, Array("\(index)".utf8) + [0], user: 0, capacity: 4096) }
    }

    func finish() {
        server.stop()
        guard case .queue(let driver) = way else { return }
        driver.write(0, 0x70)
        // Late answers are dropped here, and what holds the device with them.
        _ = try? driver.loop.poll(timeoutMilliseconds: 0)
    }

    /// The next request of the input.
    func request(_ input: inout FuzzInput) {
        let opcode = input.byte()
        if opcode == 0xff {
            let bytes = input.take(Int(input.number(UInt16.self)))
            _ = send(bytes, capacity: 4096)
            return
        }
        let node = number(of: nodes, &input)
        let user = ([0, 1000, 65534, .max] as [UInt32])[input.choice(4)]
        let capacity = input.byte()
        let body = body(&input)
        _ = ask(
            UInt32(opcode), node: node, body, user: user, capacity: capacity < 64 ? Int(capacity) : 1 << (capacity % 18)
        )
    }

    private func number(of known: [UInt64], _ input: inout FuzzInput) -> UInt64 {
        let place = input.byte()
        return place >= 0xf0 ? input.number() : known[Int(place) % known.count]
    }

    private func body(_ input: inout FuzzInput) -> [UInt8] {
        var body: [UInt8] = []
        for _ in 0..<input.choice(17) {
            switch input.byte() % 12 {
            case 0: body += little(number(of: handles, &input))
            case 1: body += little(number(of: nodes, &input))
            case 2: body += little(input.number(UInt32.self))
            case 3: body += little(input.number(UInt64.self))
            case 4: body += Array(FUSEWords.text(input.byte(), ground.path).utf8) + [0]
            case 5: body += input.take(Int(input.byte()))
            case 6: body += little(UInt32(input.byte()))
            case 7: body += little(UInt64(input.byte()))
            case 8: body += little(UInt64.max >> UInt64(input.byte() & 63))
            case 9: body += [UInt8](repeating: 0, count: Int(input.byte()))
            case 10: body += little(UInt32(1) << UInt32(input.byte() & 31))
            default: body += [UInt8](repeating: input.byte(), count: Int(input.byte()) << 6)
            }
        }
        return body
    }

    private func ask(_ opcode: UInt32, node: UInt64, _ body: [UInt8], user: UInt32, capacity: Int) -> [UInt8]? {
        if opcode == 43, !isSmallAllocation(body) { return nil }
        unique += 1
        let head =
            little(UInt32(40 + body.count), opcode) + little(unique, node) + little(user, user, 1) + [0, 0, 0, 0]
        let answer = send(head + body, capacity: capacity)
        if let answer { remember(answer, of: opcode) }
        return answer
    }

    /// What a client reserves is taken from the host's disk, and that of whoever runs this is not to be filled.
    private func isSmallAllocation(_ body: [UInt8]) -> Bool {
        var input = FuzzInput(body)
        _ = input.number(UInt64.self)
        let (position, length): (UInt64, UInt64) = (input.number(), input.number())
        return (position < 1 << 20 && length < 1 << 20) || position >= 1 << 62 || length >= 1 << 62
    }

    private func remember(_ answer: [UInt8], of opcode: UInt32) {
        guard answer.count >= 32, answer[4..<8].allSatisfy({ $0 == 0 }) else { return }
        var input = FuzzInput(Array(answer[16...]))
        let first: UInt64 = input.number()
        switch opcode {
        case 1, 6, 8, 9, 13: nodes.append(first)
        case 35, 51:
            nodes.append(first)
            _ = input.take(120)
            handles.append(input.number())
        case 14, 27: handles.append(first)
        default: break
        }
    }

    // MARK: The two ways

    private func send(_ request: [UInt8], capacity: Int) -> [UInt8]? {
        let answer: [UInt8]?
        switch way {
        case .memory(let worker):
            let exchange = BytesExchange(request, replyCapacity: capacity)
            worker.handle(exchange)
            precondition(exchange.ends == 1, "an exchange ends once")
            answer = exchange.answer
        case .queue(let driver): answer = try? send(request, capacity: capacity, by: driver)
        }
        guard let answer, !answer.isEmpty else { return nil }
        var input = FuzzInput(answer)
        precondition(answer.count >= 16 && answer.count <= capacity, "a reply fits its room")
        precondition(input.number(UInt32.self) == UInt32(answer.count), "a reply says how long it is")
        precondition((-4095...0).contains(input.number(Int32.self)), "an error is one of the kernel's")
        return answer
    }

    private func send(_ request: [UInt8], capacity: Int, by driver: GuestDriver) throws -> [UInt8]? {
        let (place, room): (UInt64, UInt64) = (0x10_0000, 0x30_0000)
        try driver.memory.write(request, at: place)
        let half = request.count / 3
        let readable = [
            Segment(address: place, length: UInt32(half)),
            Segment(address: place + UInt64(half), length: UInt32(request.count - half)),
        ]
        let writable = capacity == 0 ? [] : [Segment(address: room, length: UInt32(capacity))]
        let head = try driver.queues[1].send(readable: readable, writable: writable)
        driver.write(1, 0x50)
        for _ in 0..<4 where try driver.loop.poll(timeoutMilliseconds: 0) == 0 { break }
        // Among them may be a lock that was waited for, which comes in the room of its own request.
        while let used = try driver.queues[1].takeUsed() {
            if used.head != UInt32(head) { continue }
            // Where a request that waits had the same descriptors, its late answer is taken for this one's.
            return Int(used.written) <= capacity ? try driver.memory.read(room, Int(used.written)) : nil
        }
        return nil
    }
}

/// A request and its reply as bytes.
private final class BytesExchange: FUSEExchange {
    private let request: [UInt8]
    let replyCapacity: Int
    private var content: [UInt8]
    private(set) var answer: [UInt8]?
    private(set) var ends = 0

    init(_ request: [UInt8], replyCapacity: Int) {
        self.request = request
        self.replyCapacity = replyCapacity
        content = [UInt8](repeating: 0, count: replyCapacity)
    }

    var requestLength: Int { request.count }

    func copyRequest(_ count: Int, into buffer: inout [UInt8]) { buffer = Array(request[..<count]) }

    func writeRequest(at offset: Int, count: Int, to file: ServedFile, position: Int64) throws(Errno) -> Int {
        try file.write(request, at: offset, count: count, to: position)
    }

    func readIntoReply(at offset: Int, count: Int, from file: ServedFile, position: Int64) throws(Errno) -> Int {
        try file.read(into: &content, at: offset, count: count, from: position)
    }

    func reply(_ bytes: [UInt8], appended: Int) {
        ends += 1
        answer = bytes + content[bytes.count..<(bytes.count + appended)]
    }

    func finish() { ends += 1 }

    func deferReply() -> @Sendable ([UInt8]) -> Void {
        ends += 1
        return { _ in }
    }
}

/// Names, good and bad.
enum FUSEWords {
    private static let words = [
        "a", "b", "d", "file", "x", "out", "..", ".", "", "/", "../canary/secret", "/etc/passwd", "a/b", "0", "1",
        "2", "3", "user.a", "security.capability", "trusted.overlay.opaque", "system.posix_acl_access",
        "system.posix_acl_default", "+0", "-1", String(repeating: "n", count: 255), String(repeating: "n", count: 256),
        "\u{301}..", "..\u{301}", "./a",
    ]

    /// A word by its number; behind the last one the canary's own path.
    static func text(_ number: UInt8, _ path: String) -> String {
        let place = Int(number) % (words.count + 2)
        if place < words.count { return words[place] }
        return place == words.count ? "\(path)/canary/secret" : "../../canary"
    }

    static func number(of word: String) -> UInt8 { UInt8(words.firstIndex(of: word) ?? 0) }
}

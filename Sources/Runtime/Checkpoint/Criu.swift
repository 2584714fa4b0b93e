import Diagnostics
import Syscalls

/// A CRIU at work as a service worker (`criu swrk`), which takes one request over a socket: criu(8), images/rpc.proto.
struct Criu: ~Copyable {
    /// What it was asked for, `criu_req_type`.
    enum Request: Int {
        case dump = 1
        case restore = 2
        case preDump = 4
    }

    /// What it has come to, and asks to be let go on.
    struct Notice: ~Copyable {
        /// The name: "setup-namespaces", "post-restore", "orphan-pts-master" and others.
        let name: String
        /// The container's first process, where there is one.
        let pid: Int32?
        /// What came along: the main side of the container's terminal.
        var passed: OwnedDescriptor?
    }

    private static let notify = 6

    /// Its process.
    let pid: Int32
    private var channel: PacketSocket?

    init(pid: Int32, channel: consuming PacketSocket) {
        self.pid = pid
        self.channel = consume channel
    }

    /// Carries one request out.
    ///
    /// - Parameters:
    ///   - request: what for.
    ///   - options: the content of `criu_opts`.
    ///   - notice: told what it has come to; it waits meanwhile, and gives up where this throws.
    /// - Returns: the pid of the restored process; 0 for a dump.
    /// - Throws: why not.
    borrowing func ask(
        _ request: Request, _ options: CriuMessageWriter, notice: (consuming Notice) throws(RuntimeError) -> Void
    ) throws(RuntimeError) -> Int32 {
        var message = CriuMessageWriter()
        message.integer(1, request.rawValue)
        message.message(2) { $0 = options }
        try send(message)
        // Bounded: criu has a dozen notices, and the lazy ones come once a process.
        for _ in 0..<10_000 {
            var received = try receive()
            guard let response = CriuMessageFields(received.bytes[...]), let type = response.integer(1) else {
                throw RuntimeError(
                    .system, received.bytes.isEmpty ? "criu ended without a word" : "criu's answer is malformed")
            }
            guard response.integer(2) == 1 else { throw failure(response) }
            guard type == Self.notify else { return Int32(truncatingIfNeeded: response.message(4)?.integer(1) ?? 0) }
            let told = response.message(5)
            let passed = received.passed.take()
            let found = Notice(
                name: told?.text(1) ?? "", pid: told?.integer(2).flatMap { Int32(exactly: $0) }, passed: passed)
            try notice(found)
            var answer = CriuMessageWriter()
            answer.integer(1, Self.notify)
            answer.flag(3, true)
            try send(answer)
        }
        throw RuntimeError(.system, "criu does not come to an end")
    }

    /// Lets it end, and waits for that.
    mutating func finish() {
        channel = nil
        _ = try? waitForChild(pid)
    }

    private func failure(_ response: CriuMessageFields) -> RuntimeError {
        let text = response.text(9).flatMap { $0.isEmpty ? nil : ": \($0)" } ?? ""
        let errno = response.integer(7).flatMap { $0 > 0 ? Errno(rawValue: Int32(truncatingIfNeeded: $0)) : nil }
        return RuntimeError(.system, "criu failed\(text)\(errno.map { " (\($0))" } ?? "")")
    }

    private borrowing func send(_ message: CriuMessageWriter) throws(RuntimeError) {
        do {
            try channel?.send(message.bytes)
        } catch {
            throw RuntimeError(error).during("talk to criu")
        }
    }

    private borrowing func receive() throws(RuntimeError) -> ReceivedPacket {
        do throws(SystemError) {
            switch channel {
            case .some(let channel): return try channel.receive()
            case .none: throw SystemError("recvmsg", "criu", .brokenPipe)
            }
        } catch {
            throw RuntimeError(error).during("hear from criu")
        }
    }
}

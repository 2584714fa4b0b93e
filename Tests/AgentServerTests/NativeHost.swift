import AgentProtocol
import Diagnostics
import Plans
import Syscalls
import Testing

/// The host's side of an agent that runs natively, in a process of its own.
final class NativeHost {
    /// A stream of a program, from the host's side.
    final class Stream {
        let file: OwnedDescriptor
        var received: [UInt8] = []
        var pending: ArraySlice<UInt8> = []
        var endsAfterPending = false
        var isAtEnd = false

        init(_ file: consuming OwnedDescriptor) { self.file = file }
    }

    private static let deadlineMilliseconds = 60_000

    var connection: AgentConnection
    var events: [AgentConnection.Event] = []
    var streams: [StreamHeader: Stream] = [:]
    private let directory: String
    private let listener: OwnedDescriptor
    private let control: OwnedDescriptor
    private let agent: Int32
    private(set) var isClosed = false

    init(_ plan: SandboxPlan) throws {
        directory = "/tmp/mvrun-agent-test.\(currentProcess()).\(monotonicMicroseconds())"
        try makeDirectory(directory, mode: 0o700)
        let controlListener = try UnixSocket.listen(at: directory + "/control", .stream)
        listener = try UnixSocket.listen(at: directory + "/streams", .stream)
        let null = try OwnedDescriptor.open("/dev/null", .readWrite)
        agent = try spawnProcess(
            Self.program, arguments: ["mvrun-init", directory], environment: nil, input: null, output: null,
            errors: null)
        control = try UnixSocket.accept(controlListener)
        connection = AgentConnection(plan: GuestPlan(sandbox: plan))
    }

    deinit {
        try? sendSignal(9, to: agent)
        _ = try? waitForChild(agent)
        for name in ["/control", "/streams"] { try? removeFile(directory + name) }
        try? removeDirectory(directory)
    }

    /// The agent, which is built beside the tests.
    private static var program: String {
        let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
        let directory = bundle.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        return (directory + ["NativeAgent"]).joined(separator: "/")
    }

    /// Carries everything on until a condition holds.
    func run(until condition: () -> Bool) throws {
        let deadline = monotonicMilliseconds() + Self.deadlineMilliseconds
        while !condition() {
            try #require(!isClosed || mayReceive, "the agent is gone; \(whatCame)")
            try #require(monotonicMilliseconds() < deadline, "nothing happens; \(whatCame)")
            try turn()
        }
    }

    /// What the agent has said, and its programs, for a test that fails.
    private var whatCame: String {
        "\(events), " + streams.map { "\($0): \(String(decoding: $1.received, as: UTF8.self))" }.joined(separator: ", ")
    }

    /// Whether a stream has not come to its end: what an agent that is gone sent before is in its socket still.
    private var mayReceive: Bool { streams.values.contains { !$0.isAtEnd } }

    private func turn() throws {
        let outgoing = connection.takeOutgoing()
        if !outgoing.isEmpty { try control.writeAll(outgoing, subject: "control") }
        var set = PollSet()
        let controlPlace = set.add(control, .readable)
        let listenerPlace = set.add(listener, .readable)
        let live = streams.values.filter { !$0.isAtEnd || !$0.pending.isEmpty }
        let reading = live.map { $0.isAtEnd ? nil : set.add($0.file, .readable) }
        let writing = live.map { $0.pending.isEmpty ? nil : set.add($0.file, .writable) }
        _ = try set.wait(timeoutMilliseconds: 100)
        if set.isReady(listenerPlace) { try accept() }
        for index in live.indices {
            if let place = reading[index], set.isReady(place) { read(live[index]) }
            if let place = writing[index], set.isReady(place) { write(live[index]) }
        }
        if !isClosed, set.isReady(controlPlace) {
            var chunk = [UInt8](repeating: 0, count: 65536)
            let count = (try? control.read(into: &chunk, subject: "control")) ?? 0
            isClosed = count == 0
            events += connection.receive(chunk.prefix(count))
        }
    }

    private func accept() throws {
        let file = try UnixSocket.accept(listener)
        var header = [UInt8](repeating: 0, count: StreamHeader.size)
        #expect(try file.read(into: &header, subject: "header") == header.count)
        let key = try #require(StreamHeader(bytes: header))
        #expect(streams[key] == nil)
        streams[key] = Stream(file)
    }

    private func read(_ stream: Stream) {
        var chunk = [UInt8](repeating: 0, count: 65536)
        let count = (try? stream.file.read(into: &chunk, subject: "stream")) ?? 0
        stream.received += chunk.prefix(count)
        if count == 0 { stream.isAtEnd = true }
    }

    private func write(_ stream: Stream) {
        guard let count = try? stream.file.sendNow(stream.pending, subject: "stream") else {
            stream.pending = []
            return
        }
        stream.pending = stream.pending.dropFirst(count)
        if stream.pending.isEmpty, stream.endsAfterPending { try? stream.file.endWriting() }
    }

    /// Sends bytes to a program, and the end behind them.
    func feed(_ bytes: [UInt8], to process: UInt32 = Meeting.workload, ends: Bool = true) throws {
        let key = StreamHeader(process: process, stream: .input)
        try run { streams[key] != nil }
        streams[key]?.pending = bytes[...]
        streams[key]?.endsAfterPending = ends
        if bytes.isEmpty, ends { try streams[key]?.file.endWriting() }
    }

    /// What a program has written so far.
    func output(of process: UInt32 = Meeting.workload, _ stream: StreamHeader.Stream = .output) -> String {
        String(decoding: streams[StreamHeader(process: process, stream: stream)]?.received ?? [], as: UTF8.self)
    }

    /// How a program ended, once the host was told.
    func exit(of process: UInt32 = Meeting.workload) -> ProcessExit? {
        for case .exited(process, let exit) in events { return exit }
        return nil
    }

    /// Sets up and starts the workload.
    func start() throws {
        try run { connection.state == .ready }
        try connection.start()
        try run { connection.state != .starting }
    }
}

extension SandboxPlan {
    /// A shell in mount and pid namespaces of its own, over the host's file system.
    static func shell(_ script: String, terminal: Bool = false) -> SandboxPlan {
        var launch = LaunchPlan()
        launch.namespaces = 0x0002_0000 | 0x2000_0000
        // MS_REC and MS_SLAVE.
        var steps: [SetupStep] = [.newSession, .propagation(1 << 14 | 1 << 19)]
        if terminal { steps.append(.terminal(rows: 24, columns: 80, bindConsole: false)) }
        return SandboxPlan(launch: launch, stage: stage(script, steps))
    }

    /// A shell that joins another's namespaces.
    static func joiningShell(_ script: String, terminal: Bool = false) -> SandboxPlan {
        var launch = LaunchPlan()
        launch.namespacesByStage = true
        var steps: [SetupStep] = [
            .joinProcess(kinds: 0x0002_0000 | 0x2000_0000), .fork(namespaces: 0, mapped: false), .newSession,
        ]
        if terminal { steps.append(.terminal(rows: 24, columns: 80, bindConsole: false)) }
        return SandboxPlan(launch: launch, stage: stage(script, steps))
    }

    private static func stage(_ script: String, _ steps: [SetupStep]) -> StagePlan {
        StagePlan(
            id: "agent-test", steps: steps + [.workingDirectory("/"), .findProgram],
            program: Program(
                arguments: ["/bin/sh", "-c", script], environment: ["PATH=/bin:/usr/bin"], workingDirectory: "/"))
    }
}

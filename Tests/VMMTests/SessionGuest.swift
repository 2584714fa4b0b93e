import AgentProtocol
import Board
import Devices
import KVM
import Plans
import Syscalls
import Testing

@testable import VMM

/// A session whose guest is played by the test: vsock packets go in and out without a queue, and the machine never starts.
final class SessionGuest {
    let machine: Machine
    let session: MachineSession
    let engine = VsockEngine(guestContextID: 3)
    let path: String
    private var decoder = FrameDecoder<HostMessage>()
    private var answers = NameMessages()
    private var namePort: UInt32?
    private(set) var resetPorts: Set<UInt32> = []
    private var nextPort: UInt32 = 4000
    private var control: UInt32
    private var creator: OwnedDescriptor?

    /// Begins a session.
    ///
    /// - Parameters:
    ///   - input: what the workload reads.
    ///   - output: where what it writes goes, its errors too.
    init(input: consuming OwnedDescriptor, output: consuming OwnedDescriptor) throws {
        let console = ConsoleLog(try OwnedDescriptor.memory([], name: "console"))
        machine = try Machine(
            MachineConfiguration(memoryMiB: 16, log: .emergencies), on: try KVMSystem.open(), console: console)
        let stage = StagePlan(
            id: "a", steps: [], program: Program(arguments: ["a"], environment: [], workingDirectory: "/"))
        let plan = MachinePlan(
            id: "a", virtualCPUs: 1, memoryMiB: 16, kernelParameters: [], shares: [], cacheMode: .auto, terminal: false,
            guest: GuestPlan(sandbox: SandboxPlan(launch: LaunchPlan(), stage: stage)))
        session = MachineSession(plan, in: machine)
        path = "/tmp/mvrun-session-\(currentProcess())-\(UInt64.random(in: 0...UInt64.max))"
        let listener = try UnixSocket.listen(at: path, .packets)
        let errors = try output.duplicate()
        let pipe = try makePipe()
        creator = try pipe.writing.duplicate()
        try session.begin(
            engine, control: listener, creator: pipe.keepReading(),
            files: WorkloadFiles(input: input, output: output, errors: errors),
            signals: try SignalQueue())
        control = nextPort
        nextPort += 1
        send(operation: 1, from: control, to: Meeting.controlPort)
    }

    /// The agent gives its connection up, and makes another one.
    func connectAnew() {
        send(operation: 3, from: control, to: Meeting.controlPort)
        control = nextPort
        nextPort += 1
        send(operation: 1, from: control, to: Meeting.controlPort)
    }

    /// The agent has said a part of something.
    func sayPart(of message: AgentMessage) {
        send(operation: 5, from: control, to: Meeting.controlPort, Array(Frame(request: 0, message).bytes.dropLast()))
    }

    deinit { _ = try? removeFile(path) }

    /// A header of virtio 1.2, 5.10.6, and what stands behind it.
    private func send(operation: UInt16, from port: UInt32, to hostPort: UInt32, _ payload: [UInt8] = []) {
        var packet = LittleEndianBytes()
        packet.append(UInt64(3))
        packet.append(UInt64(2))
        packet.append(port)
        packet.append(hostPort)
        packet.append(UInt32(payload.count))
        packet.append(UInt16(1))
        packet.append(operation)
        packet.append(UInt32(operation == 4 ? 3 : 0))
        packet.append(UInt32(1 << 20))
        packet.append(UInt32(0))
        packet.append(payload)
        engine.receive(packet.bytes)
    }

    /// The agent says something.
    func say(_ message: AgentMessage, answering request: UInt32 = 0) {
        send(operation: 5, from: control, to: Meeting.controlPort, Frame(request: request, message).bytes)
    }

    /// Opens a stream.
    ///
    /// - Returns: its port in the guest.
    func open(_ stream: StreamHeader.Stream, of process: UInt32 = 0) -> UInt32 {
        let port = nextPort
        nextPort += 1
        send(operation: 1, from: port, to: Meeting.streamPort)
        write(StreamHeader(process: process, stream: stream).bytes, on: port)
        return port
    }

    /// Opens a stream to the resolver.
    ///
    /// - Returns: its port in the guest.
    func openNames() -> UInt32 {
        let port = nextPort
        nextPort += 1
        namePort = namePort ?? port
        send(operation: 1, from: port, to: Meeting.namePort)
        return port
    }

    /// Asks the resolver.
    func ask(_ bytes: [UInt8]) {
        send(operation: 5, from: namePort ?? 0, to: Meeting.namePort, bytes)
    }

    /// The next answer of the resolver's, among what has come.
    func answer() throws -> [UInt8]? {
        _ = try messages()
        return answers.next()
    }

    /// Writes on a stream.
    func write(_ bytes: [UInt8], on port: UInt32) {
        send(operation: 5, from: port, to: Meeting.streamPort, bytes)
    }

    /// Ends a stream.
    func close(_ port: UInt32) {
        send(operation: 4, from: port, to: Meeting.streamPort)
    }

    /// Lets the host do what it has to, and takes what it says to the agent.
    func messages() throws -> [Frame<HostMessage>] {
        for _ in 0..<4 { try machine.loop.poll(timeoutMilliseconds: 10) }
        while let packet = engine.nextPacket(payloadLimit: 65536) {
            let bytes = packet.bytes
            let (port, operation) = (Self.number(bytes, 20, 4), Self.number(bytes, 30, 2))
            if operation == 3 { resetPorts.insert(UInt32(port)) }
            if port == control { decoder.append(bytes.dropFirst(44)) }
            if port == namePort.map(UInt64.init) { answers.append(bytes.dropFirst(44)) }
        }
        var found: [Frame<HostMessage>] = []
        while let frame = try decoder.next() { found.append(frame) }
        return found
    }

    private static func number(_ bytes: [UInt8], _ offset: Int, _ size: Int) -> UInt64 {
        bytes[offset..<(offset + size)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Whoever makes the machine ends.
    func loseCreator() { creator = nil }

    /// A request of mvrun's.
    func connect() throws -> PacketSocket {
        PacketSocket(try UnixSocket.connect(to: path, .packets))
    }

    /// The agent says hello and gets ready.
    func becomeReady() throws {
        say(.hello(version: Meeting.version, uptimeMicroseconds: 5))
        let setup = try #require(try messages().first)
        say(.ready, answering: setup.request)
    }

    /// The workload is started.
    func start() throws {
        try becomeReady()
        let starter = try connect()
        try starter.send(ControlRequest.start(pid: 1).packet)
        let start = try #require(try messages().first)
        #expect(start.message == .start)
        say(.started, answering: start.request)
        _ = try messages()
        #expect(try starter.receive().bytes.isEmpty)
    }
}

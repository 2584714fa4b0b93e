import AgentProtocol
import Diagnostics
import Plans
import Syscalls

/// The control stream in both directions, questions for a resolver, and the packets between mvrun and the monitor.
enum AgentTarget {
    static func run(_ input: inout FuzzInput) {
        switch input.choice(6) {
        case 0: decode(HostMessage.self, &input)
        case 1: decode(AgentMessage.self, &input)
        case 2: converse(&input)
        case 3:
            if let request = try? ControlRequest(packet: input.rest()) {
                precondition((try? ControlRequest(packet: request.packet)) == request, "a request survives the wire")
            }
        case 4:
            if let reply = try? ControlReply(packet: input.rest()) {
                precondition((try? ControlReply(packet: reply.packet)) == reply, "an answer survives the wire")
            }
        default:
            let bytes = input.take(StreamHeader.size)
            if let header = StreamHeader(bytes: bytes) { precondition(header.bytes == bytes, "a header is its bytes") }
            decodeNames(&input)
        }
    }

    /// Pieces of any size; every whole message is the same after another journey, and a question that was raised stays raised.
    private static func decodeNames(_ input: inout FuzzInput) {
        var messages = NameMessages()
        while !input.isEmpty {
            messages.append(input.take(Int(input.byte()) + 1))
            while let message = messages.next() {
                var again = NameMessages()
                again.append(NameMessages.framed(message))
                precondition(again.next() == message, "a message survives the wire")
                let longer = NameMessages.allowingLong(message)
                precondition(NameMessages.allowingLong(longer) == longer, "what takes a long answer stays as it is")
            }
        }
    }

    /// Pieces of any size; every whole frame is the same after another journey.
    private static func decode<Message: FrameMessage>(_ type: Message.Type, _ input: inout FuzzInput) {
        var decoder = FrameDecoder<Message>()
        while !input.isEmpty {
            decoder.append(input.take(Int(input.byte()) + 1))
            while let frame = try? decoder.next() {
                var writer = PlanWriter()
                frame.message.writePayload(to: &writer)
                var reader = PlanReader(writer.bytes)
                let again = try? Message(frame.message.type, from: &reader)
                precondition(again == frame.message && reader.remaining == 0, "a message survives the wire")
            }
        }
    }

    /// A guest's bytes to the host's end, and requests of the host's meanwhile.
    private static func converse(_ input: inout FuzzInput) {
        let program = Program(arguments: ["true"], environment: [], workingDirectory: "/")
        let plan = SandboxPlan(launch: LaunchPlan(), stage: StagePlan(id: "a", steps: [], program: program))
        var connection = AgentConnection(plan: GuestPlan(sandbox: plan))
        while !input.isEmpty {
            switch input.byte() % 12 {
            case 0: try? connection.start()
            case 1: _ = try? connection.exec(plan, terminal: input.byte() & 1 == 0)
            case 2: _ = try? connection.signal(9, to: UInt32(input.byte() & 3), all: input.byte() & 1 == 0)
            case 3: _ = try? connection.resize(UInt32(input.byte() & 3), to: TerminalSize(rows: 1, columns: 2))
            case 4: _ = try? connection.readStatistics()
            case 5: _ = try? connection.listProcesses()
            case 6: _ = try? connection.update(GuestLimits(memory: 5))
            default:
                let ended = connection.state == .ended
                let events = connection.receive(input.take(Int(input.byte())))
                precondition(!ended || events.isEmpty, "nothing is heard after the end")
                precondition(
                    connection.state == .ended || !events.contains { if case .failed = $0 { true } else { false } },
                    "a failure is the end")
            }
            _ = connection.takeOutgoing()
            precondition(connection.runningProcesses.count <= AgentConnection.limit + 1, "programs are bounded")
        }
    }

    static var seeds: [[UInt8]] {
        let program = Program(arguments: ["true"], environment: ["A=b"], workingDirectory: "/")
        let plan = SandboxPlan(
            launch: LaunchPlan(), stage: StagePlan(id: "a", steps: [.noNewPrivileges], program: program))
        let error = RuntimeError(.system, "text", errno: .init(rawValue: 2)).during("doing")
        let interface = NetworkInterface(name: "eth0", hardwareAddress: [2, 0, 0, 0, 0, 1], mtu: 1500)
        let host: [HostMessage] = [
            .setup(GuestPlan(sandbox: plan, memoryLimit: 5, processLimit: 6)), .start,
            .exec(process: 1, plan: plan, terminal: true), .signal(process: 0, number: 9, all: false),
            .resize(process: 0, TerminalSize(rows: 1, columns: 2)), .readStatistics, .listProcesses,
            .update(GuestLimits(memory: 1, processes: 2)), .readLog, .shutdown,
            .connect(
                [PluggedInterface(registers: 0xd000_0000, interface: interface)],
                resolver: InternetAddress([127, 0, 0, 11])),
        ]
        let processes = [GuestProcess(pid: 1, parent: 0, user: 0, command: "init")]
        let agent: [AgentMessage] = [
            .hello(version: 1, uptimeMicroseconds: 5), .ready, .started, .done, .warning("w"), .failed(error),
            .exited(process: 0, ProcessExit(.exited(3))), .statistics([StatisticsFile(name: "a", text: "1")]),
            .processes(processes, complete: true), .log("[0.0] Linux"),
        ]
        func piece(_ bytes: [UInt8]) -> [UInt8] { bytes.isEmpty ? [] : [UInt8(bytes.count - 1)] + bytes }
        func pieces(_ bytes: [UInt8]) -> [UInt8] {
            stride(from: 0, to: bytes.count, by: 200).flatMap { piece(Array(bytes[$0..<min($0 + 200, bytes.count)])) }
        }
        func heard(_ request: UInt32, _ message: AgentMessage) -> [UInt8] {
            let bytes = Frame(request: request, message).bytes
            return [7, UInt8(bytes.count)] + bytes
        }
        let talk: [UInt8] =
            heard(0, agent[0]) + heard(1, .ready) + [0] + heard(2, .started) + [1, 0] + heard(3, .started) + [4]
            + heard(4, agent[7]) + [5] + heard(5, agent[8]) + [2, 1, 1] + heard(6, .done)
            + heard(0, .exited(process: 1, ProcessExit(.signalled(9)))) + heard(0, agent[6])
        return host.map { [0] + pieces(Frame(request: 7, $0).bytes) }
            + agent.map { [1] + pieces(Frame(request: 7, $0).bytes) }
            + [
                [2] + talk, [2] + heard(0, agent[0]) + heard(1, agent[5]),
                [3] + ControlRequest.exec(terminal: true).packet,
                [3] + ControlRequest.signal(number: 9, all: true).packet,
                [3] + ControlRequest.connect([interface], resolver: nil).packet,
                [3] + ControlRequest.balloon(targetPages: 5).packet,
                [3] + ControlRequest.update(GuestLimits(memory: 1)).packet, [3] + ControlRequest.start(pid: 7).packet,
                [4] + ControlReply.failure(error).packet,
                [4] + ControlReply.processes(processes, complete: true).packet,
                [4] + ControlReply.exited(ProcessExit(.exited(1))).packet,
                [5] + StreamHeader(process: 1, stream: .output).bytes,
                [5] + StreamHeader(process: 1, stream: .output).bytes
                    + pieces(NameMessages.framed([1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 97, 0, 0, 1, 0, 1])),
            ]
    }
}

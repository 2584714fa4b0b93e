import AgentProtocol
import Glibc
import Plans
import Syscalls

/// A monitor without a machine: it speaks the control protocol of mvrun-vmm and plays a few programs itself, so that
/// everything on the host's side can be tested where no kernel boots.
///
/// The programs: `echo WORD…`, `exit N`, `cat` (until the end of its input), `size` (prints the size of its terminal) and
/// `sleep` (until a signal). The first word of a guest's plan that reads `fail` makes the guest fail; `silent` lets the
/// monitor die.
@main
struct MachineStandIn {
    static func main() {
        if CommandLine.arguments.dropFirst().first == "--probe" {
            write(1, "kvm: hardware\n")
            exit(0)
        }
        do {
            try StandIn().run()
        } catch {
            write(2, "stand-in: \(error)\n")
            exit(125)
        }
    }
}

private func write(_ number: Int32, _ text: String) {
    let bytes = Array(text.utf8)
    _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(number, $0.baseAddress, $0.count) }
}

/// A connection, and the played program that it speaks of.
private final class Connection {
    let channel: PacketSocket
    var play: Play?

    init(_ channel: consuming PacketSocket) {
        self.channel = channel
    }

    func answer(_ reply: ControlReply) {
        try? channel.send(reply.packet)
    }
}

/// A played program.
private final class Play {
    let arguments: [String]
    let output: Int32
    let input: Int32
    var end: ProcessEnd?

    init(_ arguments: [String], input: Int32, output: Int32) {
        self.arguments = arguments
        self.input = input
        self.output = output
    }

    func begin() {
        switch arguments.first?.split(separator: "/").last {
        case "echo":
            write(output, arguments.dropFirst().joined(separator: " ") + "\n")
            end = .exited(0)
        case "exit": end = .exited(arguments.dropFirst().first.flatMap { Int32($0) } ?? 1)
        case "cat": copy()
        case "size":
            guard let size = try? PseudoTerminal.size(of: OwnedDescriptor.standardStream(input)) else { return }
            if size.rows != 0 { resize(TerminalSize(rows: size.rows, columns: size.columns)) }
        default: break
        }
    }

    private func copy() {
        var byte: UInt8 = 0
        while unsafe Glibc.read(input, &byte, 1) == 1 { _ = unsafe Glibc.write(output, &byte, 1) }
        end = .exited(0)
    }

    func signal(_ number: Int32) { end = .signalled(number) }

    func resize(_ size: TerminalSize) {
        guard arguments.first?.hasSuffix("size") ?? false else { return }
        write(output, "\(size.rows) \(size.columns)\n")
        end = .exited(0)
    }
}

private final class StandIn {
    private let plan: MachinePlan
    private let listener: OwnedDescriptor
    private let signals: SignalQueue
    private let workload: Play
    private var connections: [Connection] = []
    private var hasStarted = false
    private var balloon: UInt64 = 0
    private var taps: [Int32] = []

    init() throws {
        for number in MachineDescriptors.plan..<MachineDescriptors.plan + Int32(MachineDescriptors.count) {
            guard isOpen(number) else { throw SystemError("fcntl", "\(number)", .noEntry) }
        }
        let bytes = try OwnedDescriptor.open("/proc/self/fd/3").readAll(limit: 1 << 24, subject: "plan")
        var reader = PlanReader(bytes)
        plan = try MachinePlan(from: &reader)
        listener = OwnedDescriptor(owning: MachineDescriptors.control)
        signals = try SignalQueue()
        workload = Play(plan.guest.sandbox.stage.program.arguments, input: 0, output: 1)
        write(MachineDescriptors.console, "stand-in kernel for \(plan.id)\n")
    }

    func run() throws {
        if workload.arguments.first == "silent" { exit(3) }
        while true {
            var set = PollSet()
            let newcomer = set.add(listener, .readable)
            let signal = set.add(signals.descriptor, .readable)
            let places = connections.map { set.add($0.channel.descriptor, .readable) }
            _ = try set.wait()
            if set.isReady(signal) { try takeSignals() }
            for (place, connection) in zip(places, connections) where set.isReady(place) { try serve(connection) }
            if set.isReady(newcomer) {
                connections.append(Connection(PacketSocket(try UnixSocket.accept(listener))))
            }
            report()
        }
    }

    private func takeSignals() throws {
        while let number = try signals.next() {
            guard hasStarted || number != 28 else { continue }
            if number != 28 {
                workload.signal(number)
            } else if let size = try? PseudoTerminal.size(of: OwnedDescriptor.standardStream(0)) {
                workload.resize(TerminalSize(rows: size.rows, columns: size.columns))
            }
        }
    }

    private func serve(_ connection: Connection) throws {
        let received = try connection.channel.receiveAll()
        guard !received.packet.isEmpty else {
            connections.removeAll { $0 === connection }
            return
        }
        switch try ControlRequest(packet: received.packet) {
        case .awaitReady:
            let error = RuntimeErrorText.failure
            connection.answer(workload.arguments.first == "fail" ? .failure(error) : .done)
        case .start:
            hasStarted = true
            connections.removeAll { $0 === connection }
            workload.begin()
        case .exec: begin(received.descriptors, for: connection)
        case .signal(let number, _):
            (connection.play ?? workload).signal(number)
            connection.answer(.done)
        case .resize(let size):
            (connection.play ?? workload).resize(size)
            connection.answer(.done)
        case .statistics:
            connection.answer(.statistics([StatisticsFile(name: "memory.current", text: "4096\n")]))
        case .processes:
            let own = GuestProcess(pid: 1, parent: 0, user: 0, command: workload.arguments.joined(separator: " "))
            connection.answer(.processes([own], complete: true))
        case .log: connection.answer(.log("<6>[    0.000000] stand-in kernel remembers\n"))
        case .pause, .resume: connection.answer(.done)
        case .update(let limits):
            write(MachineDescriptors.console, "memory \(limits.memory ?? 0) processes \(limits.processes ?? 0)\n")
            connection.answer(.done)
        case .balloon(let pages):
            balloon = UInt64(pages) * 4096
            write(MachineDescriptors.console, "balloon \(balloon)\n")
            connection.answer(.figures(figures))
        case .figures: connection.answer(.figures(figures))
        case .connect(let interfaces, _):
            taps += received.descriptors
            for interface in interfaces {
                write(
                    MachineDescriptors.console,
                    "interface \(interface.name) \(interface.mtu) \(interface.networks.map(\.address))\n")
            }
            connection.answer(taps.allSatisfy { isOpen($0) } ? .done : .failure(RuntimeErrorText.failure))
        }
    }

    private var figures: MachineFigures {
        MachineFigures(
            memory: UInt64(plan.memoryMiB) << 20, balloonTarget: balloon, balloon: balloon, hasBalloonDriver: true,
            resident: 1 << 20, available: 1 << 21)
    }

    private func begin(_ descriptors: [Int32], for connection: Connection) {
        guard descriptors.count == ControlDescriptors.count,
            let bytes = try? OwnedDescriptor.open("/proc/self/fd/\(descriptors[ControlDescriptors.plan])")
                .readAll(limit: ControlDescriptors.planLimit, subject: "plan")
        else { return connection.answer(.failure(RuntimeErrorText.failure)) }
        var reader = PlanReader(bytes)
        guard let plan = try? SandboxPlan(from: &reader) else {
            return connection.answer(.failure(RuntimeErrorText.failure))
        }
        let play = Play(
            plan.stage.program.arguments, input: descriptors[ControlDescriptors.input],
            output: descriptors[ControlDescriptors.output])
        connection.play = play
        connection.answer(.started)
        play.begin()
    }

    /// Tells of programs that have ended.
    private func report() {
        for connection in connections {
            guard let end = connection.play?.end else { continue }
            connection.answer(.exited(ProcessExit(end)))
            connections.removeAll { $0 === connection }
        }
        guard hasStarted, let end = workload.end else { return }
        exit(end.shellStatus)
    }
}

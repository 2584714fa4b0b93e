import AgentProtocol
import Diagnostics
import Glibc
import OCI
import Planning
import Plans
import Syscalls

extension Session {
    /// Runs another program in a virtual machine.
    ///
    /// This process, or where it is to return at once a child of it, stays as long as the program runs: it is the one that
    /// engines wait for and send signals to, and it ends as the program did.
    ///
    /// - Returns: how the program ended, as a shell would show it; 0 where it is not waited for.
    func guestExec(
        _ request: ExecRequest, _ process: Spec.Process, in container: Container, _ spec: Spec
    ) throws(RuntimeError) -> Int32 {
        if request.preservedDescriptors > 0 {
            throw RuntimeError(
                .unsupported, "--preserve-fds: a descriptor of the host has no meaning in a virtual machine")
        }
        if !request.cgroups.isEmpty {
            throw RuntimeError(.unsupported, "--cgroup: the cgroups of a virtual machine are its own")
        }
        var inside = process
        inside.apparmorProfile = nil
        inside.selinuxLabel = nil
        let plan = try execPlan(inside, of: container, spec: spec, HandedDescriptors(preserved: 0)).sandbox
        guard request.detach else {
            return try GuestProgram.begin(request, plan, terminal: process.terminal, container, log).run()
        }
        return try detached { () throws(RuntimeError) in
            try GuestProgram.begin(request, plan, terminal: process.terminal, container, log)
        }
    }

    /// Runs a program in a child of this process, and returns as soon as it runs there.
    private func detached(
        _ make: () throws(RuntimeError) -> GuestProgram
    ) throws(RuntimeError) -> Int32 {
        do {
            let pair = try PacketSocket.pair()
            // SAFETY of the clone: this process has one thread.
            let child = try forkProcess(namespaces: 0, asSibling: true)
            if child == 0 { exitNow(Self.accompany(make, reportingTo: pair.theirs)) }
            let report = try pair.takeOurs().receive().bytes
            guard case .failure(let error) = try ControlReply(packet: report) else { return 0 }
            throw error
        } catch let error as RuntimeError {
            throw error
        } catch let error as SystemError {
            throw RuntimeError(error).during("stay with the program")
        } catch {
            throw RuntimeError(.system, "\(error)").during("stay with the program")
        }
    }

    /// What the child does: it tells how the start went, and ends as the program does.
    private static func accompany(
        _ make: () throws(RuntimeError) -> GuestProgram, reportingTo parent: borrowing PacketSocket
    ) -> Int32 {
        do throws(RuntimeError) {
            return try make().run {
                // Should the parent be gone, the program runs all the same.
                try? parent.send(ControlReply.started.packet)
            }
        } catch {
            try? parent.send(ControlReply.failure(error).packet)
            return 125
        }
    }
}

/// A program in a guest, seen from the process that stands for it on the host.
private struct GuestProgram: ~Copyable {
    private let request: ExecRequest
    private let control: MachineControl
    private let signals: SignalQueue
    private let log: Log
    /// The side of the program's terminal that the monitor has too; nil without one, or with ours.
    private let terminal: OwnedDescriptor?
    private var relay: TerminalRelay?

    private init(
        _ request: ExecRequest, _ log: Log, control: consuming MachineControl, signals: consuming SignalQueue,
        sides: consuming TerminalSides
    ) {
        self.request = request
        self.log = log
        self.control = control
        self.signals = signals
        terminal = sides.peer.take()
        relay = sides.relay.take()
    }

    /// Hands a program to the monitor.
    static func begin(
        _ request: ExecRequest, _ plan: SandboxPlan, terminal: Bool, _ container: Container, _ log: Log
    ) throws(RuntimeError) -> GuestProgram {
        let signals = try during("wait for signals") { try SignalQueue() }
        let control = try MachineControl(of: container.directory)
        let sides = terminal ? try openTerminal(request) : TerminalSides()
        try send(plan, terminal: sides.number, over: control)
        return GuestProgram(request, log, control: control, signals: signals, sides: sides)
    }

    /// The sides of the program's terminal that this process keeps.
    private struct TerminalSides: ~Copyable {
        var peer: OwnedDescriptor?
        var relay: TerminalRelay?

        /// The number of the side that the monitor gets.
        var number: Int32? {
            switch peer {
            case .some(let peer): peer.number
            case .none: nil
            }
        }
    }

    private static func send(
        _ plan: SandboxPlan, terminal: Int32?, over control: borrowing MachineControl
    ) throws(RuntimeError) {
        var writer = PlanWriter()
        writer.write(plan)
        do {
            let file = try OwnedDescriptor.memory(writer.bytes, name: "exec plan")
            let streams: [Int32] = terminal.map { [$0, $0, $0] } ?? [0, 1, 2]
            try control.channel.send(
                ControlRequest.exec(terminal: terminal != nil).packet, withAll: [file.number] + streams)
        } catch {
            throw RuntimeError(error).during("hand the program to the virtual machine")
        }
    }

    private static func openTerminal(_ request: ExecRequest) throws(RuntimeError) -> TerminalSides {
        try during("open a terminal") {
            let main = try OwnedDescriptor.open("/dev/ptmx", .readWrite)
            let peer = try PseudoTerminal.openPeer(of: main)
            try OwnedDescriptor.makeRaw(peer)
            guard let socket = request.consoleSocket else {
                TerminalRelay.copySize(to: main)
                return TerminalSides(peer: peer, relay: try TerminalRelay(main))
            }
            // Who has the other side changes its size, and the session that the terminal belongs to gets to know of it. A
            // process that leads a group cannot start one; then sizes are those of the beginning.
            if (try? startSession()) != nil { try PseudoTerminal.makeControlling(peer) }
            try sendTerminal(main, toConsoleSocket: socket)
            return TerminalSides(peer: peer, relay: nil)
        }
    }

    /// Waits for the program's end.
    ///
    /// - Parameter started: called when the program runs.
    consuming func run(_ started: () -> Void = {}) throws(RuntimeError) -> Int32 {
        let log = log
        switch try control.answer(warn: { log.warn($0) }) {
        case .started: break
        case .failure(let error): throw error
        default: throw RuntimeError(.guest, "the virtual machine has ended")
        }
        let pid = currentProcess()
        if let socket = request.pidfdSocket { try sendProcess(pid, toPidfdSocket: socket) }
        if let file = request.pidFile { try write(pid: pid, toFile: file) }
        started()
        do {
            try sendSize()
            return try serve()
        } catch let error as RuntimeError {
            throw error
        } catch {
            throw RuntimeError(.system, "\(error)").during("wait for the program")
        }
    }

    /// Carries signals, keys and sizes until the program has ended.
    private mutating func serve() throws -> Int32 {
        while true {
            var set = PollSet()
            let answer = set.add(control.channel.descriptor, .readable)
            let signal = set.add(signals.descriptor, .readable)
            let places = relay?.register(in: &set)
            _ = try set.wait()
            if let places { try relay?.carry(set, places) }
            if set.isReady(signal) { try passSignals() }
            guard set.isReady(answer) else { continue }
            let log = log
            switch try control.answer(warn: { log.warn($0) }) {
            case .exited(let exit):
                try relay?.drain()
                return exit.end.shellStatus
            case .failure(let error): log.warn("\(error)")
            case .end: throw RuntimeError(.guest, "the virtual machine has ended, and the program with it")
            default: continue
            }
        }
    }

    private func passSignals() throws {
        while let signal = try signals.next() {
            switch signal {
            case SIGWINCH:
                relay?.copySize()
                try sendSize()
            // What concerns this process and its own place in its session.
            case SIGCHLD, SIGPIPE, SIGURG, SIGTTIN, SIGTTOU: continue
            default: try control.ask(.signal(number: signal, all: false))
            }
        }
    }

    /// Tells the guest how large the terminal is.
    private func sendSize() throws {
        switch terminal {
        case .none: return
        case .some(let terminal):
            let size = try PseudoTerminal.size(of: terminal)
            if size.rows != 0 || size.columns != 0 {
                try control.ask(.resize(TerminalSize(rows: size.rows, columns: size.columns)))
            }
        }
    }
}

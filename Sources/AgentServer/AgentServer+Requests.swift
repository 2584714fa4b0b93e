import AgentProtocol
import Diagnostics
import Plans
import Sandbox
import Syscalls

extension AgentServer {
    /// Does what the host asks, and says how that went.
    func answer(_ frame: Frame<HostMessage>) {
        do throws(RuntimeError) {
            if let reply = try perform(frame.message) { control.send(reply, answering: frame.request) }
        } catch {
            control.send(.failed(error), answering: frame.request)
            // Without its sandbox or its program the machine is of no use.
            switch frame.message {
            case .setup, .start: isOver = true
            default: break
            }
        }
    }

    private func perform(_ message: HostMessage) throws(RuntimeError) -> AgentMessage? {
        switch message {
        case .setup(let plan):
            try setUp(plan)
            return .ready
        case .start:
            try start()
            return .started
        case .exec(let process, let plan, let terminal):
            try exec(process, plan, terminal: terminal)
            return .started
        case .signal(let process, let number, let all):
            try signal(process, number, all: all)
            return .done
        case .resize(let process, let size):
            try resize(process, size)
            return .done
        case .readStatistics: return .statistics(surroundings.cgroup?.files ?? [])
        case .listProcesses:
            guard let cgroup = surroundings.cgroup else { return .processes(knownProcesses, complete: false) }
            let (list, isComplete) = cgroup.processes
            return .processes(list, complete: isComplete)
        case .readLog:
            let text = try during("read the kernel's log") { try Kernel.log(limit: FrameLimit.part) }
            return .log(text)
        case .update(let limits):
            guard let cgroup = surroundings.cgroup else { throw RuntimeError(.unsupported, "there are no cgroups") }
            try cgroup.set(limits)
            return .done
        case .connect(let interfaces, let resolver):
            try surroundings.connect(interfaces)
            isConnected = true
            if let resolver { try answer(for: resolver) }
            return .done
        case .shutdown:
            surroundings.cgroup?.signalAll(9)
            isOver = true
            return nil
        }
    }

    /// Begins to answer for a resolver of the host's; the only one, for a guest has one.
    private func answer(for resolver: InternetAddress) throws(RuntimeError) {
        guard names == nil else { return }
        guard !resolver.isVersion6 else {
            throw RuntimeError(.unsupported, "the resolver \(resolver) is not one of IPv4")
        }
        do {
            // The sandbox, which brings the loopback device up too, comes later.
            try bringLoopbackUp()
            names = try NameRelay(
                at: DatagramPeer(address: resolver.bytes, port: NetworkInterface.resolverPort),
                host: surroundings.connectStream(Meeting.namePort), redirect: surroundings.redirect)
        } catch {
            throw RuntimeError(error).during("answer for the resolver \(resolver)")
        }
    }

    private func setUp(_ plan: GuestPlan) throws(RuntimeError) {
        guard programs.isEmpty else { throw RuntimeError(.wrongState, "there is a sandbox already") }
        if plan.hasShares { try surroundings.mountShares(plan.hasFileWindow) }
        if let disk = plan.rootDisk { try surroundings.mountDisk(disk) }
        if let cgroup = surroundings.cgroup {
            try cgroup.set(
                GuestLimits(memory: plan.memoryLimit.map { Int64(clamping: $0) }, processes: plan.processLimit))
        }
        let program = GuestProgram(id: Meeting.workload)
        launcher = try launch(program, plan.sandbox, terminal: plan.sandbox.hasTerminal, joining: nil)
        programs[program.id] = program
    }

    private func start() throws(RuntimeError) {
        guard var waiting = launcher.take() else {
            throw RuntimeError(.wrongState, "there is no sandbox that waits for its start")
        }
        try waiting.start()
    }

    private func exec(_ id: UInt32, _ plan: SandboxPlan, terminal: Bool) throws(RuntimeError) {
        guard let workload, workload.end == nil else { throw RuntimeError(.wrongState, "container not running") }
        guard programs[id] == nil else { throw RuntimeError(.wrongState, "process \(id) exists already") }
        let program = GuestProgram(id: id)
        var launcher = try launch(program, plan, terminal: terminal, joining: workload.pid)
        try launcher.start()
        programs[id] = program
    }

    /// Makes a sandbox, and connects its streams.
    private func launch(
        _ program: GuestProgram, _ plan: SandboxPlan, terminal: Bool, joining joined: Int32?
    ) throws(RuntimeError) -> Launcher {
        let pipes = terminal ? nil : try StandardPipes()
        let control = control
        var given = Launcher.Surroundings(
            initProgram: try surroundings.openInitProgram(), hooks: { _ in }, warn: { control.send(.warning($0)) })
        given.standardStreams = pipes?.numbers ?? []
        let cgroup = try surroundings.cgroup?.open()
        given.cgroup = cgroup.number
        do {
            if let joined { given.joinedProcess = try openProcess(joined) }
        } catch {
            throw RuntimeError(error).during("join the workload")
        }
        var launcher = Launcher(plan: plan, surroundings: given)
        try launcher.launch()
        pipes?.closeTheirs()
        do throws(RuntimeError) {
            try adopt(launcher.pid, as: program, terminal: launcher.terminal.take())
            try program.connect(pipes, connect)
        } catch {
            launcher.destroy()
            throw error
        }
        return launcher
    }

    private func adopt(
        _ pid: Int32, as program: GuestProgram, terminal: consuming OwnedDescriptor?
    ) throws(RuntimeError) {
        do {
            program.pid = pid
            program.process = SharedFile(try openProcess(pid))
            if let terminal = terminal.take() {
                try terminal.setNonBlocking(true)
                program.terminal = SharedFile(terminal)
            }
        } catch {
            throw RuntimeError(error).during("follow the program")
        }
    }

    private func connect(_ header: StreamHeader) throws(RuntimeError) -> SharedFile {
        do {
            let stream = try surroundings.connectStream(Meeting.streamPort)
            try stream.writeAll(header.bytes, subject: "a stream")
            try stream.setNonBlocking(true)
            return SharedFile(stream)
        } catch {
            throw RuntimeError(error).during("open a stream to the host")
        }
    }
}

extension AgentServer {
    private func signal(_ id: UInt32, _ number: Int32, all: Bool) throws(RuntimeError) {
        if all, let cgroup = surroundings.cgroup {
            cgroup.signalAll(number)
            return
        }
        let program = try running(all ? Meeting.workload : id)
        do {
            try program.process?.file.sendSignal(number)
        } catch {
            throw error.errno == .noProcess
                ? RuntimeError(.wrongState, "process already finished") : RuntimeError(error)
        }
    }

    private func resize(_ id: UInt32, _ size: TerminalSize) throws(RuntimeError) {
        guard let terminal = try running(id).terminal else {
            throw RuntimeError(.wrongState, "the program has no terminal")
        }
        do {
            try PseudoTerminal.setSize(of: terminal.file, rows: size.rows, columns: size.columns)
        } catch {
            throw RuntimeError(error).during("resize the terminal")
        }
    }

    private func running(_ id: UInt32) throws(RuntimeError) -> GuestProgram {
        guard let program = programs[id], program.end == nil else {
            throw RuntimeError(.wrongState, "process already finished")
        }
        return program
    }

    /// Without cgroups only the programs themselves are known.
    private var knownProcesses: [GuestProcess] {
        programs.values.sorted { $0.id < $1.id }.compactMap { GuestCgroup.process($0.pid) }
    }
}

extension SandboxPlan {
    /// Whether the program has a terminal.
    fileprivate var hasTerminal: Bool {
        stage.steps.contains { step in
            if case .terminal = step { true } else { false }
        }
    }
}

extension Optional where Wrapped == OwnedDescriptor {
    /// The number of what is there.
    fileprivate var number: Int32? {
        switch self {
        case .some(let file): file.number
        case .none: nil
        }
    }
}

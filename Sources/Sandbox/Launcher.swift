package import Diagnostics
package import Plans
package import Syscalls

/// The outside of a sandbox in the making: starts the stage, gives it its plan, and does what can only be done from
/// outside, until the stage is ready and waits for its start.
///
/// Creation is all or nothing: a launcher that throws, or goes away, takes its stage with it.
package struct Launcher: ~Copyable {
    /// What the caller gives to a sandbox.
    package struct Surroundings: ~Copyable {
        /// mvrun-init's open file, see `InitProgram`.
        package var initProgram: OwnedDescriptor
        /// The number of the open directory of the container's v2 cgroup; nil without one.
        package var cgroup: Int32?
        /// Numbers of the open `tasks` files of the container's v1 cgroups.
        package var cgroupTasks: [Int32]
        /// Numbers of the open files that the program finds from descriptor 3 on, see `Program.handedFiles`.
        package var files: [Int32]
        /// The socket on which the stage waits for its start; nil for a sandbox that this process starts itself.
        package var startSocket: OwnedDescriptor?
        /// Moves the new process, whose pid it gets, to where it could not be born, as into a systemd scope; the process
        /// waits meanwhile, and nothing of its plan is performed yet.
        package var afterClone: ((Int32) throws(RuntimeError) -> Void)?
        /// For a plan that joins a process: its pidfd.
        package var joinedProcess: OwnedDescriptor?
        /// Runs the runtime's hooks, with the pid they are to see.
        package var hooks: (Int32) throws(RuntimeError) -> Void
        /// Told what the stage warns of.
        package var warn: (String) -> Void
        /// Takes the listener of the sandbox's seccomp filter, with the pid of its process, and sees to it that notifications
        /// are answered from then on; nil where no filter has one.
        package var takeListener: ((consuming OwnedDescriptor, Int32) throws(RuntimeError) -> Void)?
        /// Whether a limit that this host cannot grant becomes the largest that it can (`--clamp-rlimits`).
        package var clampsLimits: Bool
        /// Numbers above 2 of the files that become the program's standard streams, unless its plan gives it a terminal;
        /// empty for those of this process.
        package var standardStreams: [Int32]

        /// Describes what every sandbox needs.
        package init(
            initProgram: consuming OwnedDescriptor, hooks: @escaping (Int32) throws(RuntimeError) -> Void,
            warn: @escaping (String) -> Void
        ) {
            self.initProgram = initProgram
            cgroupTasks = []
            files = []
            self.hooks = hooks
            self.warn = warn
            clampsLimits = false
            standardStreams = []
        }
    }

    let plan: SandboxPlan
    var surroundings: Surroundings
    var channel: PacketSocket?
    /// The pidfd of the sandbox's process, between the launch and its end.
    package var process: OwnedDescriptor?
    /// Whether the stage is going to fork, and has not yet said into which child.
    private var awaitsChild: Bool
    /// What that child said before the stage did, which may be slower than the child.
    private var early: [StageMessage] = []
    /// The pid of the sandbox's process, as this process sees it; 0 before the launch.
    package private(set) var pid: Int32 = 0
    /// The main side of the sandbox's terminal, where it has one.
    package var terminal: OwnedDescriptor?

    /// Prepares to carry out a plan; nothing happens yet.
    package init(plan: SandboxPlan, surroundings: consuming Surroundings) {
        self.plan = plan
        self.surroundings = surroundings
        awaitsChild = plan.stage.steps.contains { step in
            if case .fork = step { true } else { false }
        }
    }

    /// Makes the sandbox, up to the point where everything is set up and the stage waits.
    ///
    /// - Throws: the stage's error, or what failed outside. The sandbox's process is gone then.
    package mutating func launch() throws(RuntimeError) {
        do {
            let trees = try openTrees(plan.launch.trees, mappedAs: plan.launch)
            try startStage(trees: trees)
            try serveStage()
            try finishFromOutside()
        } catch {
            let cause = stageError() ?? error
            destroy()
            throw cause
        }
    }

    /// Lets a created sandbox go: its stage waits on the start socket from now on.
    package consuming func proceed() throws(RuntimeError) {
        try say(.waitForStart(pid: pid))
    }

    /// Starts the program.
    ///
    /// - Throws: why it could not be executed. The sandbox's process is gone then.
    package mutating func start() throws(RuntimeError) {
        do {
            try say(.start(pid: pid))
            try awaitExec()
        } catch {
            destroy()
            throw error
        }
    }

    /// Makes the sandbox's terminal, where it has one, hand everything through as it is.
    package borrowing func makeTerminalRaw() throws(RuntimeError) {
        do {
            switch terminal {
            case .some(let terminal): try OwnedDescriptor.makeRaw(terminal)
            case .none: return
            }
        } catch {
            throw RuntimeError(error).during("prepare the terminal")
        }
    }

    /// Kills the sandbox's process and waits for its end.
    package mutating func destroy() {
        channel = nil
        guard pid > 0 else { return }
        if let process = process.take() {
            // It may have ended already; then there is nothing to kill.
            try? process.sendSignal(9)
            _ = try? waitForChild(pid, cloned: true)
        }
        pid = 0
    }

    /// Starts mvrun-init in the plan's namespaces.
    private mutating func startStage(trees: [Int32]) throws(RuntimeError) {
        defer { for tree in trees { _ = OwnedDescriptor(owning: tree) } }
        let launch = plan.launch
        let mapped = !launch.userMappings.isEmpty && !launch.namespacesByStage
        if let mask = launch.initialAffinity { try setInitialAffinity(mask) }
        do {
            let pair = try PacketSocket.pair()
            // The order is that of HandedPosition.
            let handed =
                [
                    pair.theirs.descriptor.number, surroundings.startSocket?.number ?? 0,
                    surroundings.joinedProcess?.number ?? 0,
                ] + trees + surroundings.files
            let child = try launchProcess(
                surroundings.initProgram,
                arguments: ["mvrun-init", handed.map(String.init).joined(separator: ",")],
                namespaces: launch.namespacesByStage ? 0 : launch.namespaces, cgroup: surroundings.cgroup,
                cgroupTasks: surroundings.cgroupTasks, inherited: handed.filter { $0 != 0 },
                standardStreams: surroundings.standardStreams, waitsForIDMap: mapped)
            adopt(consume child, over: consume pair)
        } catch {
            throw RuntimeError(error, hint: hint(forLaunch: error)).during("start the sandbox")
        }
        try surroundings.afterClone?(pid)
        if mapped { try mapUsers() }
        try sendPlan()
    }

    /// Keeps what a start has made.
    private mutating func adopt(_ child: consuming LaunchedProcess, over pair: consuming PacketSocketPair) {
        pid = child.pid
        process = child.takeProcess()
        channel = pair.takeOurs()
    }

    private func hint(forLaunch error: SystemError) -> String? {
        guard error.errno == .notPermitted, plan.launch.namespaces & NamespaceKind.user.cloneFlag == 0 else {
            return nil
        }
        return "without root, linux.namespaces needs a user namespace (mvrun spec --rootless)"
    }

    /// Writes the user namespace's maps, and tells the stage.
    private mutating func mapUsers() throws(RuntimeError) {
        try writeIDMaps(of: pid, users: plan.launch.userMappings, groups: plan.launch.groupMappings)
        try say(.mapped)
    }

    private borrowing func sendPlan() throws(RuntimeError) {
        var writer = PlanWriter()
        writer.write(plan.stage)
        for packet in LauncherMessage.packets(ofPlan: writer.bytes) { try send(packet) }
    }

    /// Answers the stage until it is ready.
    private mutating func serveStage() throws(RuntimeError) {
        while true {
            switch try hearInOrder() {
            case .ready: return
            case .failure(let error): throw error
            case .warning(let text): surroundings.warn(text)
            case .child(let child): try follow(child)
            case .hooksDue:
                try surroundings.hooks(pid)
                try say(.goOn(pid: pid))
            case .limitsDue:
                try setLimits()
                try say(.goOn(pid: pid))
            case .seccompListener(let number): try passListener(number)
            case .terminal: continue
            case .end: throw unexpectedEnd()
            }
        }
    }

    /// The stage's next message, in the order in which the launcher has to act on them: nothing that the child of a fork says
    /// means anything before the launcher knows that child.
    private mutating func hearInOrder() throws(RuntimeError) -> StageMessage {
        while awaitsChild {
            let message = try hear()
            switch message {
            case .child: awaitsChild = false
            case .failure, .warning, .end: break
            default:
                early.append(message)
                try requireStage()
                continue
            }
            return message
        }
        return early.isEmpty ? try hear() : early.removeFirst()
    }

    /// Waits for more to hear, and throws where the stage has ended without it: whoever tells of a child does so before.
    private mutating func requireStage() throws(RuntimeError) {
        guard let channel = channel.take(), let process = process.take() else { return }
        var set = PollSet()
        let message = set.add(channel.descriptor, .readable)
        let end = set.add(process, .readable)
        do {
            _ = try set.wait()
        } catch {
            throw RuntimeError(error).during("hear from mvrun-init")
        }
        self.channel = consume channel
        self.process = consume process
        if set.isReady(end), !set.isReady(message) { throw unexpectedEnd() }
    }

    /// The stage went on in a child: that one is the sandbox from now on.
    private mutating func follow(_ child: Int32) throws(RuntimeError) {
        do {
            let next = try openProcess(child)
            // The first stage ends by itself.
            _ = try waitForChild(pid, cloned: true)
            pid = child
            process = consume next
        } catch {
            throw RuntimeError(error).during("follow the sandbox's process")
        }
        if plan.launch.namespacesByStage && !plan.launch.userMappings.isEmpty { try mapUsers() }
    }

    /// Waits until the exec closes the channel.
    private mutating func awaitExec() throws(RuntimeError) {
        while true {
            switch try hear() {
            case .end: return
            case .failure(let error): throw error
            case .warning(let text): surroundings.warn(text)
            case .seccompListener(let number): try passListener(number)
            default: continue
            }
        }
    }

    /// Copies the seccomp listener out of the stage, gives it to who answers, and lets the stage go on.
    private func passListener(_ number: Int32) throws(RuntimeError) {
        guard let takeListener = surroundings.takeListener else {
            throw RuntimeError(.invalidBundle, "linux.seccomp.listenerPath: the filter notifies, and nobody listens")
        }
        do {
            try takeListener(try openProcess(pid).copyDescriptor(number), pid)
        } catch let error as RuntimeError {
            throw error
        } catch let error as SystemError {
            throw RuntimeError(error).during("take the seccomp listener")
        } catch {
            throw RuntimeError(.system, "\(error)").during("take the seccomp listener")
        }
        try say(.goOn(pid: pid))
    }

    /// The error of a stage that ended before it was ready.
    private mutating func unexpectedEnd() -> RuntimeError {
        guard let ended = try? waitForChild(pid, cloned: true) else {
            return RuntimeError(.system, "mvrun-init ended without a word")
        }
        process = nil
        pid = 0
        switch ended.end {
        case .signalled(let signal):
            return RuntimeError(.system, "mvrun-init was killed by signal \(signal) while the sandbox was set up")
        case .exited(let status):
            return RuntimeError(.system, "mvrun-init ended with status \(status) while the sandbox was set up")
        }
    }

    /// The error that the stage reported, should it be the reason why something failed outside.
    private mutating func stageError() -> RuntimeError? {
        guard channel != nil, pid > 0, let process = process.take() else { return nil }
        // Nothing more is to come from a stage that was killed, so reading cannot wait.
        try? process.sendSignal(9)
        self.process = consume process
        while let message = try? hear(), message != .end {
            if case .failure(let error) = message { return error }
        }
        return nil
    }
}

extension Launcher {
    /// Sends a message to the stage.
    borrowing func say(_ message: LauncherMessage) throws(RuntimeError) {
        try send(message.packet)
    }

    /// Sends a packet to the stage.
    private borrowing func send(_ packet: [UInt8]) throws(RuntimeError) {
        do {
            try channel?.send(packet)
        } catch {
            throw RuntimeError(error).during("talk to mvrun-init")
        }
    }

    /// The stage's next message; descriptors that come along are kept.
    mutating func hear() throws(RuntimeError) -> StageMessage {
        do {
            guard let channel = channel.take() else { return .end }
            var received = try channel.receive()
            self.channel = consume channel
            let message = try StageMessage(packet: received.bytes)
            if message == .terminal { terminal = received.passed.take() }
            return message
        } catch let error as SystemError {
            throw RuntimeError(error).during("hear from mvrun-init")
        } catch {
            throw RuntimeError(.system, "a message of mvrun-init is malformed")
        }
    }
}

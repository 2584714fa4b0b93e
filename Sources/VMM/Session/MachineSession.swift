package import AgentProtocol
import Board
package import Devices
package import Diagnostics
package import Plans
package import Syscalls

/// What a machine is for: one workload, from the agent's first word to the workload's last.
///
/// It stands between three parties. The agent in the guest speaks frames over one vsock stream and has a stream for each
/// standard stream of each process; mvrun speaks packets over the start socket; and whoever signals this process means the
/// workload. Everything happens with the turn of the machine's loop.
package final class MachineSession {
    /// How a session ended.
    package enum Outcome: Equatable, Sendable {
        /// The workload's first process ended.
        case exited(ProcessExit)
        /// Nothing came of it, or the machine was lost.
        case failed(RuntimeError)
    }

    /// How long somebody may take to ask why the machine failed.
    private static let lingerMilliseconds = 10_000

    let machine: Machine
    let plan: MachinePlan
    var agent: AgentConnection
    var agentStream: VsockStream?
    var server: ControlServer?
    /// The standard streams, by process.
    var streams: [UInt32: ProcessStreams] = [:]
    /// Who waits until the sandbox is made.
    var awaitingReady: [ControlConnection] = []
    /// Who waits for the start; the start is asked for once.
    var starting: ControlConnection?
    var isStartRequested = false
    /// Who waits for the answer to which request.
    var asking: [UInt32: ControlConnection] = [:]
    /// Who asked for which program.
    var executing: [UInt32: ControlConnection] = [:]
    /// Signals that came before the workload was there.
    var earlySignals: [Int32] = []
    /// Whether the agent has said that the workload ended.
    var hasWorkloadEnded = false
    /// The machine's memory and its balloon; nil for a machine without one.
    package var memory: MemoryControl?
    /// Interfaces that came before the agent, the resolver that came with them, and who waits for them.
    var earlyInterfaces: (list: [PluggedInterface], resolver: InternetAddress?, connection: ControlConnection?)?
    /// What leads to the resolver of the network namespace, where there is one.
    var resolver: ResolverRelay?
    private var engine: VsockEngine?
    private var signals: SignalQueue?
    private var helloTimer: TimerDescriptor?
    private var helloRegistration: EventLoop.Registration?
    private var creator: OwnedDescriptor?
    private var creatorRegistration: EventLoop.Registration?
    private(set) var outcome: Outcome?
    /// Whether somebody has been told of a failure.
    var isFailureTold = false
    private var isOutOfReach = false

    /// Prepares a session.
    ///
    /// - Parameters:
    ///   - plan: what the machine is for.
    ///   - machine: the machine, not yet started.
    package init(_ plan: MachinePlan, in machine: Machine) {
        self.plan = plan
        self.machine = machine
        agent = AgentConnection(plan: plan.guest, awaitsNetwork: plan.awaitsNetwork)
    }

    /// Waits for the guest, for mvrun and for signals; before the machine starts.
    ///
    /// - Parameters:
    ///   - engine: what the machine's vsock device belongs to.
    ///   - control: the listening start socket.
    ///   - creator: a pipe whose other end is that of whoever makes the machine.
    ///   - files: where the workload's standard streams lead.
    ///   - signals: the signals that mean the workload.
    package func begin(
        _ engine: VsockEngine, control: consuming OwnedDescriptor, creator: consuming OwnedDescriptor,
        files: WorkloadFiles, signals: consuming SignalQueue
    ) throws(RuntimeError) {
        self.engine = engine
        engine.listen(on: Meeting.controlPort) { [weak self] in self?.acceptAgent($0) }
        engine.listen(on: Meeting.streamPort) { [weak self] in self?.acceptStream($0) }
        engine.listen(on: Meeting.namePort) { [weak self] in self?.resolver?.accept($0) }
        do throws(SystemError) {
            streams[Meeting.workload] = workloadStreams(files)
            _ = try machine.loop.add(signals.descriptor.number, .readable) { [weak self] _ in self?.forwardSignals() }
            self.signals = consume signals
            creatorRegistration = try machine.loop.add(creator.number, .readable) { [weak self] _ in self?.loseCreator()
            }
            self.creator = consume creator
            let timer = try TimerDescriptor(milliseconds: Meeting.helloMilliseconds)
            helloRegistration = try machine.loop.add(timer.file.number, .readable) { [weak self] _ in
                self?.fail(
                    RuntimeError(.guest, "its agent has not answered for \(Meeting.helloMilliseconds / 1000) s"))
            }
            helloTimer = timer
            let forbidden: (SystemError) -> Void = { [weak self] error in self?.failForbidden(error) }
            server = try ControlServer(control, on: machine.loop, forbidden: forbidden) {
                [weak self] connection, packet in self?.handle(packet, from: connection)
            }
        } catch {
            throw RuntimeError(error).during("begin the machine's session")
        }
    }

    /// Runs the started machine until the workload has ended, or there is no hope that it will.
    package func run() throws(RuntimeError) -> Outcome {
        let end = try machine.run()
        // What processors have left for the loop, the ends of connections among it.
        try poll(timeoutMilliseconds: 0)
        let lost = RuntimeError(.guest, "\(end)")
        machine.loop.synchronously {
            if !hasWorkloadEnded { fail(lost) }
            // No connection outlives the guest, and what came over one has still to be written.
            engine?.reset()
        }
        while outcome == nil { try poll(timeoutMilliseconds: -1) }
        if case .failed? = outcome, !isStartRequested, !isFailureTold, !isOutOfReach { try linger() }
        return outcome ?? .failed(lost)
    }

    private func poll(timeoutMilliseconds: Int32) throws(RuntimeError) {
        do throws(SystemError) {
            try machine.loop.poll(timeoutMilliseconds: timeoutMilliseconds)
        } catch {
            throw RuntimeError(error)
        }
    }

    /// Waits for somebody who wants to know why the machine failed: who made it may not have asked yet.
    private func linger() throws(RuntimeError) {
        let end = monotonicMilliseconds() + Self.lingerMilliseconds
        while !isFailureTold, monotonicMilliseconds() < end {
            try poll(timeoutMilliseconds: Int32(clamping: end - monotonicMilliseconds()))
        }
    }

    /// The session is over, and the machine with it.
    func finish(_ outcome: Outcome) {
        guard self.outcome == nil else { return }
        self.outcome = outcome
        stopWaitingForHello()
        tellEnd()
        machine.stop()
    }

    /// Nobody reaches this process, and so nobody will ask why the machine failed.
    private func failForbidden(_ error: SystemError) {
        isOutOfReach = true
        fail(
            RuntimeError(
                error,
                hint:
                    "the monitor has the bundle's label (process.apparmorProfile, process.selinuxLabel), whose policy has "
                    + "to allow it unix sockets"
            ).during("take a connection of mvrun's"))
    }

    /// Nothing will come of the workload.
    func fail(_ error: RuntimeError) {
        finish(.failed(error))
    }

    /// Whoever makes the machine is gone: a guest that it has not seen ready will never be started.
    private func loseCreator() {
        if let creatorRegistration { machine.loop.remove(creatorRegistration) }
        creatorRegistration = nil
        creator = nil
        guard [.booting, .settingUp].contains(agent.state) else { return }
        // Nobody will ask, so nobody is waited for.
        isFailureTold = true
        fail(RuntimeError(.guest, "the mvrun that was making the machine has ended"))
    }

    func stopWaitingForHello() {
        if let helloRegistration { machine.loop.remove(helloRegistration) }
        helloRegistration = nil
        helloTimer = nil
    }

    /// The next signal to this process; nil where none is there.
    func nextSignal() -> Int32? {
        switch signals {
        case .some(let signals): (try? signals.next()) ?? nil
        case .none: nil
        }
    }

    private func workloadStreams(_ files: WorkloadFiles) -> ProcessStreams {
        ProcessStreams(files.ends(terminal: plan.terminal)) { [weak self] exit in self?.finish(.exited(exit)) }
    }
}

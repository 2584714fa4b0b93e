package import Diagnostics
package import Plans

/// The host's end of the control stream: turns the guest's bytes into events and requests into bytes, and touches no
/// socket.
///
/// The guest is not trusted: what comes out of turn, answers what nobody asked or cannot be understood breaks the
/// connection, and nothing is heard on it from then on.
package struct AgentConnection: Sendable {
    /// How far the guest is.
    package enum State: Equatable, Sendable {
        /// It has not said hello.
        case booting
        /// It makes the sandbox.
        case settingUp
        /// The sandbox waits for its start.
        case ready
        /// The start was asked for.
        case starting
        /// The program runs.
        case running
        /// The program, the agent or the connection has ended.
        case ended
    }

    /// What the guest let us know.
    package enum Event: Equatable, Sendable {
        /// The agent runs, so many microseconds after the guest's kernel.
        case hello(uptimeMicroseconds: UInt64)
        /// The sandbox waits for its start.
        case ready
        /// The program runs.
        case started
        /// The sandbox, its start or the agent failed: the machine is of no use any more.
        case failed(RuntimeError)
        /// Something that the user should know.
        case warning(String)
        /// The program that `exec` asked for runs.
        case execStarted(process: UInt32)
        /// It does not.
        case execFailed(process: UInt32, RuntimeError)
        /// A process ended, and all it wrote went before this. That of process `Meeting.workload` is the machine's end.
        case exited(process: UInt32, ProcessExit)
        /// The answer to another request.
        case answered(request: UInt32, Answer)
    }

    /// What came of a request.
    package enum Answer: Equatable, Sendable {
        /// It is done.
        case done
        /// It failed.
        case failed(RuntimeError)
        /// The workload's cgroup.
        case statistics([StatisticsFile])
        /// The workload's processes; not complete where there are very many.
        case processes([GuestProcess], complete: Bool)
        /// The end of what the guest's kernel has logged.
        case log(String)
    }

    private enum Pending: Equatable {
        case setup
        case start
        case exec(process: UInt32)
        case acknowledgement
        case statistics
        case processes
        case log
    }

    /// The most requests that may wait for an answer, and the most programs that may run beside the workload.
    package static let limit = 1024
    /// The most warnings of the agent that are passed on: whoever reads them keeps them all.
    package static let warningLimit = 256
    /// What cannot happen with an agent that was built together with us.
    private static let outOfTurn = RuntimeError(.guest, "a frame of the agent came out of turn")

    /// How far the guest is.
    package private(set) var state = State.booting
    /// The processes whose end was not heard of: the workload's while it runs, and those that joined it.
    package private(set) var runningProcesses: Set<UInt32> = []
    private let plan: GuestPlan
    /// Whether the setup has to wait for the network.
    private var awaitsNetwork: Bool
    private var decoder = FrameDecoder<AgentMessage>()
    private var outgoing: [UInt8] = []
    private var pending: [UInt32: Pending] = [:]
    private var lastRequest: UInt32 = 0
    private var lastProcess: UInt32 = Meeting.workload
    private var warnings = 0

    /// Waits for an agent, to give it a plan.
    ///
    /// - Parameters:
    ///   - plan: the plan.
    ///   - awaitsNetwork: whether the guest gets it only once `connect` was called.
    package init(plan: GuestPlan, awaitsNetwork: Bool = false) {
        self.plan = plan
        self.awaitsNetwork = awaitsNetwork
    }

    /// Takes what the guest sent.
    ///
    /// - Returns: what it meant, in order; a fault is the last event.
    package mutating func receive(_ bytes: some Collection<UInt8>) -> [Event] {
        guard state != .ended else { return [] }
        decoder.append(bytes)
        var events: [Event] = []
        do throws(FrameFault) {
            while state != .ended, let frame = try decoder.next() {
                events.append(handle(frame))
            }
        } catch {
            events.append(fail(RuntimeError(.guest, "\(error)")))
        }
        return events
    }

    /// Forgets a connection that ended before the agent had said hello: it comes again on another one.
    package mutating func beginAnew() {
        if state == .booting { decoder = FrameDecoder() }
    }

    /// Takes what is to be sent to the guest.
    package mutating func takeOutgoing() -> [UInt8] {
        defer { outgoing = [] }
        return outgoing
    }

    /// Asks for the start.
    package mutating func start() throws(RuntimeError) {
        guard state == .ready else {
            throw RuntimeError(.wrongState, "the machine is not ready for a start")
        }
        state = .starting
        _ = try ask(.start, for: .start)
    }

    /// Asks for another program.
    ///
    /// - Returns: its process, whose streams the guest opens.
    package mutating func exec(_ plan: SandboxPlan, terminal: Bool) throws(RuntimeError) -> UInt32 {
        guard state == .ready || state == .running else { throw notRunning }
        guard runningProcesses.count < Self.limit else {
            throw RuntimeError(.wrongState, "\(Self.limit) programs run in the machine already")
        }
        lastProcess &+= 1
        let process = lastProcess
        _ = try ask(.exec(process: process, plan: plan, terminal: terminal), for: .exec(process: process))
        runningProcesses.insert(process)
        return process
    }

    /// Asks for a signal to a process, or to all of the workload.
    ///
    /// - Returns: the request's number.
    package mutating func signal(_ number: Int32, to process: UInt32, all: Bool = false) throws(RuntimeError) -> UInt32
    {
        guard state == .ready || state == .running, all || isKnown(process) else { throw notRunning }
        return try ask(.signal(process: process, number: number, all: all), for: .acknowledgement)
    }

    /// Asks for another size of a process's terminal.
    ///
    /// - Returns: the request's number.
    package mutating func resize(_ process: UInt32, to size: TerminalSize) throws(RuntimeError) -> UInt32 {
        guard state == .ready || state == .running, isKnown(process) else { throw notRunning }
        return try ask(.resize(process: process, size), for: .acknowledgement)
    }

    /// Asks for the workload's statistics.
    ///
    /// - Returns: the request's number.
    package mutating func readStatistics() throws(RuntimeError) -> UInt32 {
        try askMade(.readStatistics, for: .statistics)
    }

    /// Asks for the workload's processes.
    ///
    /// - Returns: the request's number.
    package mutating func listProcesses() throws(RuntimeError) -> UInt32 {
        try askMade(.listProcesses, for: .processes)
    }

    /// Asks for what the guest's kernel has logged.
    ///
    /// - Returns: the request's number.
    package mutating func readLog() throws(RuntimeError) -> UInt32 {
        try askMade(.readLog, for: .log)
    }

    /// Asks for network interfaces, once the agent has said hello; and lets the sandbox be made, should it wait for them.
    ///
    /// - Returns: the request's number; nil where there is nothing to ask for.
    package mutating func connect(
        _ interfaces: [PluggedInterface], resolver: InternetAddress? = nil
    ) throws(RuntimeError) -> UInt32? {
        guard [.settingUp, .ready, .running].contains(state) else { throw notRunning }
        let request =
            interfaces.isEmpty ? nil : try ask(.connect(interfaces, resolver: resolver), for: .acknowledgement)
        if awaitsNetwork {
            awaitsNetwork = false
            // The agent does one after the other.
            _ = try ask(.setup(plan), for: .setup)
        }
        return request
    }

    /// Asks for other limits.
    ///
    /// - Returns: the request's number.
    package mutating func update(_ limits: GuestLimits) throws(RuntimeError) -> UInt32 {
        try askMade(.update(limits), for: .acknowledgement)
    }

    /// Asks for the machine's end; nothing answers.
    package mutating func shutdown() {
        guard state != .ended else { return }
        outgoing += Frame(request: 0, HostMessage.shutdown).bytes
    }

    private var notRunning: RuntimeError { RuntimeError(.wrongState, "container not running") }

    /// A created workload's process exists before its program runs.
    private func isKnown(_ process: UInt32) -> Bool {
        process == Meeting.workload || runningProcesses.contains(process)
    }

    /// Asks for what there is only once the sandbox was made.
    private mutating func askMade(_ message: HostMessage, for answer: Pending) throws(RuntimeError) -> UInt32 {
        guard state == .ready || state == .running else { throw notRunning }
        return try ask(message, for: answer)
    }

    private mutating func ask(_ message: HostMessage, for answer: Pending) throws(RuntimeError) -> UInt32 {
        guard pending.count < Self.limit else {
            throw RuntimeError(.guest, "the agent has left \(Self.limit) requests without an answer")
        }
        repeat { lastRequest &+= 1 } while lastRequest == 0 || pending[lastRequest] != nil
        pending[lastRequest] = answer
        outgoing += Frame(request: lastRequest, message).bytes
        return lastRequest
    }

    private mutating func fail(_ error: RuntimeError) -> Event {
        state = .ended
        pending = [:]
        return .failed(error)
    }
}

extension AgentConnection {
    private mutating func handle(_ frame: Frame<AgentMessage>) -> Event {
        switch frame.message {
        case .hello(let version, let uptime): return begin(version: version, uptimeMicroseconds: uptime)
        case .warning(let text):
            warnings += 1
            guard warnings <= Self.warningLimit else {
                return fail(RuntimeError(.guest, "the agent has sent more than \(Self.warningLimit) warnings"))
            }
            return .warning(text.shownFromGuest)
        case .exited(let process, let exit): return end(process, exit)
        case .failed(let error) where frame.request == 0: return fail(inGuest(error))
        default: return settle(frame)
        }
    }

    private mutating func begin(version: UInt32, uptimeMicroseconds: UInt64) -> Event {
        guard state == .booting else { return fail(Self.outOfTurn) }
        guard version == Meeting.version else {
            return fail(
                RuntimeError(
                    .guest, "the guest's agent speaks version \(version), and this mvrun version \(Meeting.version)",
                    hint: "remove the cached initramfs, so that it is made anew"))
        }
        state = .settingUp
        do throws(RuntimeError) {
            if !awaitsNetwork { _ = try ask(.setup(plan), for: .setup) }
        } catch {
            return fail(error)
        }
        return .hello(uptimeMicroseconds: uptimeMicroseconds)
    }

    private mutating func end(_ process: UInt32, _ exit: ProcessExit) -> Event {
        // A program that joins ends when it was started; the workload's process can be killed while it waits for that.
        let isExpected =
            process == Meeting.workload
            ? [.ready, .starting, .running].contains(state)
            : runningProcesses.contains(process) && !pending.values.contains(.exec(process: process))
        guard isExpected else { return fail(Self.outOfTurn) }
        runningProcesses.remove(process)
        if process == Meeting.workload {
            state = .ended
            pending = [:]
        }
        return .exited(process: process, exit)
    }

    /// The answer to a request.
    private mutating func settle(_ frame: Frame<AgentMessage>) -> Event {
        let request = frame.request
        guard let asked = pending.removeValue(forKey: request) else { return fail(Self.outOfTurn) }
        switch (asked, frame.message) {
        case (.setup, .ready):
            state = .ready
            return .ready
        case (.start, .started):
            state = .running
            runningProcesses.insert(Meeting.workload)
            return .started
        case (.setup, .failed(let error)), (.start, .failed(let error)): return fail(inGuest(error))
        case (.exec(let process), .started): return .execStarted(process: process)
        case (.exec(let process), .failed(let error)):
            runningProcesses.remove(process)
            return .execFailed(process: process, inGuest(error))
        case (.acknowledgement, .done): return .answered(request: request, .done)
        case (.statistics, .statistics(let files)): return .answered(request: request, .statistics(files))
        case (.processes, .processes(var list, let complete)):
            for place in list.indices { list[place].command = list[place].command.shownFromGuest }
            return .answered(request: request, .processes(list, complete: complete))
        case (.log, .log(let text)): return .answered(request: request, .log(text.shownLinesFromGuest))
        case (.acknowledgement, .failed(let error)), (.statistics, .failed(let error)),
            (.processes, .failed(let error)), (.log, .failed(let error)):
            return .answered(request: request, .failed(inGuest(error)))
        default: return fail(Self.outOfTurn)
        }
    }

    /// A text that engines look for stays as it is at the line's end.
    private func inGuest(_ error: RuntimeError) -> RuntimeError {
        error.shownFromGuest.during("in the guest")
    }
}

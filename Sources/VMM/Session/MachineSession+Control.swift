import AgentProtocol
import Diagnostics
import Plans
import Syscalls

/// The host's side: what mvrun asks.
extension MachineSession {
    /// Takes a packet.
    func handle(_ packet: ControlPacket, from connection: ControlConnection) {
        switch packet {
        case .request(let request, let files):
            do throws(RuntimeError) {
                if case .failed(let error)? = outcome { throw error }
                if outcome != nil { throw RuntimeError(.wrongState, "container not running") }
                try handle(request, files, from: connection)
                sendToAgent()
            } catch {
                if case .failed(error)? = outcome { isFailureTold = true }
                answer(connection, .failure(error), keep: connection.process != nil)
            }
        case .malformed, .end: forget(connection)
        }
    }

    private func handle(
        _ request: ControlRequest, _ files: [PassedFile], from connection: ControlConnection
    ) throws(RuntimeError) {
        // On the connection of an exec, signals and sizes are for its program, and nothing else is asked.
        let process = connection.process ?? Meeting.workload
        switch request {
        case .start:
            guard !isStartRequested else {
                throw RuntimeError(.wrongState, "the container is running; only a created container can be started")
            }
            isStartRequested = true
            starting = connection
            if agent.state == .ready { startWorkload() }
        case .awaitReady:
            switch agent.state {
            case .booting, .settingUp: awaitingReady.append(connection)
            default: answer(connection, .done)
            }
        case .exec(let terminal): try exec(files, terminal: terminal, for: connection)
        case .signal(let number, let all):
            asking[try agent.signal(number, to: process, all: all && connection.process == nil)] = connection
        case .resize(let size): asking[try agent.resize(process, to: size)] = connection
        case .statistics: asking[try agent.readStatistics()] = connection
        case .processes: asking[try agent.listProcesses()] = connection
        case .log: asking[try agent.readLog()] = connection
        case .update(let limits): asking[try agent.update(limits)] = connection
        case .pause:
            try machine.pause()
            answer(connection, .done)
        case .resume:
            machine.resume()
            answer(connection, .done)
        case .balloon(let pages):
            try memoryControl().inflate(targetPages: pages) { [weak self] in self?.tellFigures(connection) }
        case .figures:
            _ = try memoryControl()
            tellFigures(connection)
        case .connect(let interfaces, let resolver):
            try connect(interfaces, resolver: resolver, files, for: connection)
        }
    }

    /// Asks the agent for the start, which somebody has asked for.
    func startWorkload() {
        do throws(RuntimeError) {
            try agent.start()
        } catch {
            fail(error)
        }
    }

    private func exec(
        _ files: [PassedFile], terminal: Bool, for connection: ControlConnection
    ) throws(RuntimeError) {
        guard connection.process == nil, files.count == ControlDescriptors.count else {
            throw RuntimeError(.usage, "an exec comes alone, with \(ControlDescriptors.count) files")
        }
        let plan = try programPlan(in: files[ControlDescriptors.plan])
        let process = try agent.exec(plan, terminal: terminal)
        let standard = WorkloadFiles(
            input: files[ControlDescriptors.input], output: files[ControlDescriptors.output],
            errors: files[ControlDescriptors.errors])
        streams[process] = ProcessStreams(standard.ends(terminal: terminal)) { [weak self] exit in
            self?.execEnded(process, exit)
        }
        executing[process] = connection
        connection.process = process
    }

    private func memoryControl() throws(RuntimeError) -> MemoryControl {
        guard let memory else { throw RuntimeError(.unsupported, "the machine has no balloon") }
        return memory
    }

    private func tellFigures(_ connection: ControlConnection) {
        // Who asks by way of the balloon has been told already that there is one.
        memory?.figures { [weak self] in self?.answer(connection, .figures($0), keep: true) }
    }

    private func programPlan(in passed: PassedFile) throws(RuntimeError) -> SandboxPlan {
        do {
            guard let file = passed.file.take() else { throw RuntimeError(.usage, "the plan is missing") }
            // The plan lies at the file's start, wherever its position is, which is shared with the sender.
            let size = Int(clamping: try file.fileSize())
            guard size <= ControlDescriptors.planLimit else {
                throw RuntimeError(.usage, "the plan has \(size) bytes, more than are taken")
            }
            var reader = PlanReader(try file.read(at: 0, count: size))
            return try SandboxPlan(from: &reader)
        } catch let error as RuntimeError {
            throw error.during("read the program's plan")
        } catch {
            throw RuntimeError(.usage, "\(error)").during("read the program's plan")
        }
    }

    /// Answers, and lets go of a connection that will ask nothing more.
    ///
    /// - Parameter keep: whether it may go on: that of an exec does until the program's end.
    func answer(_ connection: ControlConnection?, _ reply: ControlReply, keep: Bool = false) {
        guard let connection else { return }
        connection.reply(reply)
        if !keep || connection.process == nil { server?.close(connection) }
    }

    /// Somebody has gone away; what was asked for goes on.
    private func forget(_ connection: ControlConnection) {
        awaitingReady.removeAll { $0 === connection }
        if starting === connection { starting = nil }
        asking = asking.filter { $0.value !== connection }
        if earlyInterfaces?.connection === connection { earlyInterfaces?.connection = nil }
        executing = executing.filter { $0.value !== connection }
    }

    /// Tells everybody who waits that the session is over.
    func tellEnd() {
        let failure: RuntimeError
        switch outcome {
        case .failed(let error)?: failure = error
        default: failure = RuntimeError(.wrongState, "container not running")
        }
        let waiting =
            awaitingReady + [starting, earlyInterfaces?.connection].compactMap { $0 } + Array(asking.values)
        for connection in waiting { answer(connection, .failure(failure), keep: true) }
        if case .failed? = outcome, !(awaitingReady.isEmpty && starting == nil) { isFailureTold = true }
        awaitingReady = []
        starting = nil
        asking = [:]
        // A machine that ends takes its programs with it, as the kernel does with those of a pid namespace.
        for connection in executing.values {
            connection.reply(.exited(ProcessExit(.signalled(9))))
            server?.close(connection)
        }
        executing = [:]
    }
}

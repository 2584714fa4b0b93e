import AgentProtocol
import Devices
import Diagnostics
import Plans
import Syscalls

/// The guest's side: the agent's frames and the processes' streams.
extension MachineSession {
    /// Takes the first connection to the control port that says something; another one would be the workload's.
    func acceptAgent(_ connection: VsockConnection) -> (any VsockEndpoint)? {
        guard agentStream == nil, outcome == nil else { return nil }
        let stream = VsockStream(connection) { [weak self] _, event in
            switch event {
            case .received(let bytes): self?.receive(bytes)
            case .ended: self?.agentEnded()
            }
        }
        agentStream = stream
        return stream
    }

    /// Takes a connection to the stream port.
    func acceptStream(_ connection: VsockConnection) -> (any VsockEndpoint)? {
        StreamIntake(connection) { [weak self] header, connection, received in
            guard let self else { return nil }
            return self.streams[header.process]?.connect(
                header.stream, connection, on: self.machine.loop, received: received)
        }
    }

    private func receive(_ bytes: [UInt8]) {
        for event in agent.receive(bytes) { handle(event) }
        sendToAgent()
    }

    /// Sends what the agent is to know.
    func sendToAgent() {
        let bytes = agent.takeOutgoing()
        if !bytes.isEmpty { agentStream?.send(bytes) }
    }

    private func agentEnded() {
        guard agent.state != .ended else { return }
        // A guest that was kept from running takes an answer for late, and connects anew.
        if agent.state == .booting {
            agentStream = nil
            agent.beginAnew()
            return
        }
        fail(RuntimeError(.guest, "its agent has closed the connection"))
    }

    private func handle(_ event: AgentConnection.Event) {
        switch event {
        case .hello:
            stopWaitingForHello()
            connectEarlyInterfaces()
        case .ready: becomeReady()
        case .started:
            if let starting { server?.close(starting) }
            starting = nil
            forwardEarlySignals()
        case .failed(let error): fail(error)
        case .warning(let text):
            for connection in awaitingReady { connection.reply(.warning(text)) }
            starting?.reply(.warning(text))
        case .execStarted(let process): executing[process]?.reply(.started)
        case .execFailed(let process, let error):
            streams.removeValue(forKey: process)
            answer(executing.removeValue(forKey: process), .failure(error))
        case .exited(let process, let exit):
            if process == Meeting.workload { hasWorkloadEnded = true }
            streams[process]?.end(exit)
        case .answered(let request, let answer):
            self.answer(asking.removeValue(forKey: request), reply(for: answer), keep: true)
        }
    }

    private func becomeReady() {
        for connection in awaitingReady { answer(connection, .done) }
        awaitingReady = []
        if plan.terminal { forwardSize() }
        forwardEarlySignals()
        if isStartRequested { startWorkload() }
    }

    private func forwardEarlySignals() {
        let signals = earlySignals
        earlySignals = []
        for signal in signals { forward(signal) }
    }

    private func reply(for answer: AgentConnection.Answer) -> ControlReply {
        switch answer {
        case .done: .done
        case .failed(let error): .failure(error)
        case .statistics(let files): .statistics(files)
        case .processes(let list, let complete): .processes(list, complete: complete)
        case .log(let text): .log(text)
        }
    }

    /// A program beside the workload has ended, and all that it wrote is written.
    func execEnded(_ process: UInt32, _ exit: ProcessExit) {
        streams.removeValue(forKey: process)
        answer(executing.removeValue(forKey: process), .exited(exit))
    }

    /// Forwards what was sent to this process: who signals it means the workload.
    func forwardSignals() {
        while let signal = nextSignal() {
            switch signal {
            // The terminal that is this process's standard input has another size.
            case SignalNumber.windowChange: forwardSize()
            // These come of what this process itself does: it writes where nobody reads, or too much.
            case SignalNumber.brokenPipe, SignalNumber.fileSize, SignalNumber.child: break
            default: forward(signal)
            }
        }
        sendToAgent()
    }

    private func forward(_ signal: Int32) {
        switch agent.state {
        case .ready, .running:
            // Nobody waits for the answer. A guest that does not answer at all gets no more of them.
            _ = try? agent.signal(signal, to: Meeting.workload)
        case .booting, .settingUp, .starting:
            if earlySignals.count < 64 { earlySignals.append(signal) }
        case .ended: break
        }
    }

    private func forwardSize() {
        guard plan.terminal, let terminal = try? OwnedDescriptor.standardStream(0),
            let (rows, columns) = try? PseudoTerminal.size(of: terminal)
        else { return }
        _ = try? agent.resize(Meeting.workload, to: TerminalSize(rows: rows, columns: columns))
    }
}

/// Signals that mean something to the monitor itself, signal(7).
private enum SignalNumber {
    static let brokenPipe: Int32 = 13
    static let child: Int32 = 17
    static let fileSize: Int32 = 25
    static let windowChange: Int32 = 28
}

import AgentProtocol
import Diagnostics
import Plans
import Syscalls
import Testing

@Suite struct AgentConnectionTests {
    private func bytes(_ request: UInt32, _ message: AgentMessage) -> [UInt8] {
        Frame(request: request, message).bytes
    }

    private func sent(by connection: inout AgentConnection) throws -> [Frame<HostMessage>] {
        var decoder = FrameDecoder<HostMessage>()
        decoder.append(connection.takeOutgoing())
        var frames: [Frame<HostMessage>] = []
        while let frame = try decoder.next() { frames.append(frame) }
        return frames
    }

    private func running() throws -> AgentConnection {
        var connection = AgentConnection(plan: GuestPlan(sandbox: emptyPlan))
        _ = connection.receive(bytes(0, .hello(version: 1, uptimeMicroseconds: 5)))
        _ = connection.receive(bytes(1, .ready))
        try connection.start()
        _ = connection.receive(bytes(2, .started))
        _ = connection.takeOutgoing()
        return connection
    }

    @Test func aWorkloadGoesFromHelloToItsEnd() throws {
        let plan = GuestPlan(sandbox: emptyPlan, memoryLimit: 5)
        var connection = AgentConnection(plan: plan)
        #expect(connection.takeOutgoing().isEmpty)
        let hello = bytes(0, .hello(version: 1, uptimeMicroseconds: 5))
        #expect(connection.receive(hello.prefix(4)) == [])
        #expect(connection.receive(hello.dropFirst(4)) == [.hello(uptimeMicroseconds: 5)])
        #expect(try sent(by: &connection) == [Frame(request: 1, .setup(plan))])
        #expect(throws: RuntimeError.self) { try connection.start() }
        #expect(connection.receive(bytes(0, .warning("w")) + bytes(1, .ready)) == [.warning("w"), .ready])
        try connection.start()
        #expect(try sent(by: &connection) == [Frame(request: 2, .start)])
        #expect(connection.receive(bytes(2, .started)) == [.started])
        let exit = ProcessExit(.exited(3))
        #expect(connection.receive(bytes(0, .exited(process: 0, exit))) == [.exited(process: 0, exit)])
        #expect(connection.state == .ended)
        #expect(connection.receive(bytes(0, .warning("late"))) == [])
    }

    @Test func programsBesideTheWorkloadHaveTheirOwnNumbers() throws {
        var connection = try running()
        let (first, second) = (
            try connection.exec(emptyPlan, terminal: false), try connection.exec(emptyPlan, terminal: true)
        )
        #expect(first != second && first != Meeting.workload)
        let requests = try sent(by: &connection).map(\.request)
        #expect(connection.receive(bytes(requests[1], .started)) == [.execStarted(process: second)])
        let missing = RuntimeError(.programNotFound, "exec x: no such file or directory")
        #expect(
            connection.receive(bytes(requests[0], .failed(missing)))
                == [.execFailed(process: first, missing.during("in the guest"))])
        #expect(throws: RuntimeError.self) { try connection.signal(15, to: first) }
        let request = try connection.signal(15, to: second)
        #expect(connection.receive(bytes(request, .done)) == [.answered(request: request, .done)])
        #expect(connection.runningProcesses == [Meeting.workload, second])
    }

    @Test func answersComeInAnyOrder() throws {
        var connection = try running()
        let statistics = try connection.readStatistics()
        let processes = try connection.listProcesses()
        let update = try connection.update(GuestLimits(memory: 1))
        #expect(
            connection.receive(
                bytes(update, .failed(RuntimeError(.guest, "no"))) + bytes(processes, .processes([], complete: true))
                    + bytes(statistics, .statistics([])))
                == [
                    .answered(request: update, .failed(RuntimeError(.guest, "no").during("in the guest"))),
                    .answered(request: processes, .processes([], complete: true)),
                    .answered(request: statistics, .statistics([])),
                ])
    }

    @Test(
        arguments: [
            (0, .hello(version: 1, uptimeMicroseconds: 0)),  // a second hello
            (9, .done),  // nobody asked
            (3, .statistics([])),  // not what was asked
            (0, .exited(process: 77, ProcessExit(.exited(0)))),  // never started
            (0, .exited(process: 1, ProcessExit(.exited(0)))),  // not yet started
            (0, .ready),
        ] as [(UInt32, AgentMessage)]) func whatComesOutOfTurnBreaksTheConnection(
            request: UInt32, message: AgentMessage
        ) throws
    {
        var connection = try running()
        #expect(try connection.exec(emptyPlan, terminal: false) == 1)
        let events = connection.receive(bytes(request, message) + bytes(0, .warning("late")))
        #expect(events == [.failed(RuntimeError(.guest, "a frame of the agent came out of turn"))])
        #expect(connection.state == .ended)
    }

    @Test func anAgentOfAnotherVersionIsRefused() {
        var connection = AgentConnection(plan: GuestPlan(sandbox: emptyPlan))
        let events = connection.receive(bytes(0, .hello(version: 9, uptimeMicroseconds: 0)))
        guard case .failed(let error) = events.first else {
            Issue.record("\(events)")
            return
        }
        #expect(error.message == "the guest's agent speaks version 9, and this mvrun version 1")
        #expect(connection.takeOutgoing().isEmpty)
    }

    /// Whoever reads the warnings keeps them: in a log, or on a terminal.
    @Test func aFloodOfWarningsEndsTheConnection() throws {
        var connection = try running()
        var warnings = 0
        for _ in 0..<(2 * AgentConnection.warningLimit) {
            warnings += connection.receive(bytes(0, .warning("w"))).filter { $0 == .warning("w") }.count
        }
        #expect(warnings == AgentConnection.warningLimit && connection.state == .ended)
    }

    @Test func theGuestsWordsHaveNoControlCharactersAndAnEnd() throws {
        var connection = try running()
        let text = "a\u{1b}[2J\nmvrun: b\u{7f}\u{9b}\0\u{301}c"
        #expect(connection.receive(bytes(0, .warning(text))) == [.warning("a [2J mvrun: b   \u{301}c")])
        let list = [GuestProcess(pid: 1, parent: 0, user: 0, command: text)]
        let request = try connection.listProcesses()
        guard case .answered(_, .processes(let shown, _)) = connection.receive(
            bytes(request, .processes(list, complete: true))).first
        else {
            Issue.record("no answer")
            return
        }
        #expect(shown.first?.command == "a [2J mvrun: b   \u{301}c")
        let log = try connection.readLog()
        #expect(
            connection.receive(bytes(log, .log("a\u{1b}[2J\nb\r\n")))
                == [.answered(request: log, .log("a [2J\nb \n"))])
        var error = RuntimeError(.guest, String(repeating: "x", count: 20_000), hint: "a\r")
        error.context = [String](repeating: "y\n", count: 1000)
        guard case .failed(let told) = connection.receive(bytes(0, .failed(error))).first else {
            Issue.record("no failure")
            return
        }
        #expect(told.message.utf8.count == 4096 && told.hint == "a " && told.context.count == 33)
        #expect(told.context.first == "in the guest" && told.context.last == "y ")
    }

    @Test func anAgentThatDoesNotAnswerIsNotAskedForEver() throws {
        var connection = try running()
        for _ in 0..<AgentConnection.limit { _ = try connection.readStatistics() }
        #expect(throws: RuntimeError.self) { try connection.readStatistics() }
    }
}

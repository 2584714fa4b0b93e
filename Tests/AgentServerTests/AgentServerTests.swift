import AgentProtocol
import Diagnostics
import Plans
import Syscalls
import Testing

/// The agent as the host sees it, run natively in namespaces of this machine; that takes root.
@Suite(.enabled(if: Credentials.effectiveUser == 0, "needs root"), .serialized) struct AgentServerTests {
    @Test func aWorkloadIsMadeStartedAndItsWordsComeBeforeItsEnd() throws {
        let host = try NativeHost(.shell("echo out; echo err >&2; exit 3"))
        try host.run { host.connection.state == .ready }
        #expect(host.output() == "")
        try host.start()
        try host.run { host.exit() != nil }
        #expect(host.exit() == ProcessExit(.exited(3)))
        try host.run { host.streams.filter { $0.key.stream != .input }.allSatisfy { $0.value.isAtEnd } }
        #expect(host.output() == "out\n" && host.output(of: Meeting.workload, .errors) == "err\n")
    }

    @Test func fiftyMegabytesPassUnchangedAndTheirEndIsTold() throws {
        var content: [UInt8] = []
        var state: UInt32 = 7
        for _ in 0..<(50 << 20) / 4 {
            state = state &* 1_664_525 &+ 1_013_904_223
            withUnsafeBytes(of: state) { content += $0 }
        }
        let host = try NativeHost(.shell("cat"))
        try host.start()
        try host.feed(content)
        try host.run { host.exit() != nil }
        try host.run { host.streams[StreamHeader(process: 0, stream: .output)]?.isAtEnd ?? false }
        #expect(host.streams[StreamHeader(process: 0, stream: .output)]?.received == content)
        #expect(host.exit() == ProcessExit(.exited(0)))
    }

    @Test func aProgramThatDoesNotExistFailsAsItDoesOnTheHost() throws {
        var plan = SandboxPlan.shell("")
        plan.stage.program.arguments = ["/no/such/program"]
        let host = try NativeHost(plan)
        try host.run { host.connection.state == .ended }
        guard case .failed(let error) = host.events.last else {
            Issue.record("\(host.events)")
            return
        }
        #expect(error.kind == .programNotFound && "\(error)".contains("/no/such/program: no such file or directory"))
    }

    @Test func signalsReachTheWorkload() throws {
        let host = try NativeHost(.shell("trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.05; done"))
        try host.start()
        try host.run { host.output().contains("ready") }
        let request = try host.connection.signal(15, to: Meeting.workload)
        try host.run { host.exit() != nil }
        #expect(host.events.contains(.answered(request: request, .done)))
        #expect(host.exit() == ProcessExit(.exited(9)))
        let killed = try NativeHost(.shell("exec sleep 100"))
        try killed.start()
        _ = try killed.connection.signal(9, to: Meeting.workload)
        try killed.run { killed.exit() != nil }
        #expect(killed.exit() == ProcessExit(.signalled(9)))
    }

    @Test func programsJoinTheWorkload() throws {
        let host = try NativeHost(.shell("echo $$; exec sleep 100"))
        try host.start()
        let process = try host.connection.exec(.joiningShell("cat; echo $$; exit 4"), terminal: false)
        try host.feed(Array("typed\n".utf8), to: process)
        try host.run { host.exit(of: process) != nil }
        #expect(host.exit(of: process) == ProcessExit(.exited(4)))
        let lines = host.output(of: process).split(separator: "\n")
        #expect(lines.first == "typed" && lines.count == 2)
        var missing = SandboxPlan.joiningShell("")
        missing.stage.program.arguments = ["nothing-of-this-name"]
        let failed = try host.connection.exec(missing, terminal: false)
        try host.run {
            if case .execFailed(failed, _) = host.events.last { true } else { false }
        }
        // Who joined ends with the workload, and is reported before it.
        let late = try host.connection.exec(.joiningShell("exec sleep 100"), terminal: false)
        try host.run { host.events.contains(.execStarted(process: late)) }
        _ = try host.connection.signal(9, to: Meeting.workload)
        try host.run { host.exit() != nil }
        #expect(host.exit(of: late) == ProcessExit(.signalled(9)))
    }

    @Test func manyProgramsJoinOneAfterTheOther() throws {
        let host = try NativeHost(.shell("exec sleep 100"))
        try host.start()
        for round in 0..<50 {
            let process = try host.connection.exec(.joiningShell("echo \(round); exit \(round)"), terminal: false)
            // The end and the output come by streams of their own, in whichever order.
            try host.run { host.exit(of: process) != nil && !host.output(of: process).isEmpty }
            #expect(host.exit(of: process) == ProcessExit(.exited(Int32(round))))
            #expect(host.output(of: process) == "\(round)\n")
        }
    }

    @Test func aProgramLeftInTheBackgroundDoesNotKeepItsParentFromEnding() throws {
        let host = try NativeHost(.shell("exec sleep 100"))
        try host.start()
        let process = try host.connection.exec(
            .joiningShell("(sleep 0.3; echo late) & echo early"), terminal: false)
        try host.run { host.exit(of: process) != nil }
        #expect(host.output(of: process) == "early\n")
        try host.run { host.output(of: process) == "early\nlate\n" }
    }

    @Test func aTerminalIsOneStreamAndHasASize() throws {
        let host = try NativeHost(.shell("stty size; read line; stty size; echo got $line", terminal: true))
        try host.start()
        try host.run { host.output(of: Meeting.workload, .input).contains("24 80\r\n") }
        // The input is a stream of its own, which may be ahead of the size.
        let resize = try host.connection.resize(Meeting.workload, to: TerminalSize(rows: 50, columns: 132))
        try host.run { host.events.contains(.answered(request: resize, .done)) }
        try host.feed(Array("hello\n".utf8), ends: false)
        try host.run { host.exit() != nil }
        try host.run { host.output(of: Meeting.workload, .input).hasSuffix("50 132\r\ngot hello\r\n") }
        #expect(host.exit() == ProcessExit(.exited(0)))
    }

    @Test func theEndOfATerminalsInputIsItsEndOfFile() throws {
        let host = try NativeHost(.shell("cat >/dev/null; echo ended", terminal: true))
        try host.start()
        try host.feed(Array("half a line".utf8))
        try host.run { host.exit() != nil }
        try host.run { host.output(of: Meeting.workload, .input).contains("ended") }
    }

    @Test func theHostEndsTheAgent() throws {
        let host = try NativeHost(.shell("exec sleep 100"))
        try host.start()
        host.connection.shutdown()
        try host.run { host.isClosed }
    }
}

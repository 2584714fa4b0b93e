import AgentProtocol
import Board
import Diagnostics
import KVM
import Plans
import Syscalls
import Testing

@testable import VMM

private let kvmIsUsable = (try? KVMSystem.open())?.missingCapabilities().isEmpty ?? false

/// One workload between its guest, mvrun and signals.
@Suite(.enabled(if: kvmIsUsable, "needs a usable /dev/kvm")) struct SessionTests {
    private func text(_ file: borrowing OwnedDescriptor) throws -> String {
        String(decoding: try file.read(at: 0, count: 1 << 20), as: UTF8.self)
    }

    private func guest(_ output: borrowing OwnedDescriptor) throws -> SessionGuest {
        try SessionGuest(input: try OwnedDescriptor.open("/dev/null"), output: try output.duplicate())
    }

    @Test func aWorkloadRunsAndItsOutputComesBeforeItsEnd() throws {
        let output = try OwnedDescriptor.memory([], name: "output")
        let guest = try guest(output)
        let waiter = try guest.connect()
        try waiter.send(ControlRequest.awaitReady.packet)
        try guest.start()
        #expect(try ControlReply(packet: try waiter.receive().bytes) == .done)
        let stream = guest.open(.output)
        guest.write(Array("hello\n".utf8), on: stream)
        guest.close(stream)
        guest.say(.exited(process: 0, ProcessExit(.exited(7))))
        #expect(try guest.session.run() == .exited(ProcessExit(.exited(7))))
        #expect(try text(output) == "hello\n")
    }

    @Test func aStartThatComesBeforeTheGuestIsReadyWaitsForIt() throws {
        let guest = try guest(try OwnedDescriptor.memory([], name: "output"))
        let starter = try guest.connect()
        try starter.send(ControlRequest.start(pid: 1).packet)
        #expect(try guest.messages().isEmpty)
        try guest.becomeReady()
        #expect(try guest.messages().map(\.message) == [.start])
        let second = try guest.connect()
        try second.send(ControlRequest.start(pid: 1).packet)
        _ = try guest.messages()
        guard case .failure(let error) = try ControlReply(packet: try second.receive().bytes) else {
            Issue.record("a second start succeeded")
            return
        }
        #expect(error.kind == .wrongState)
    }

    @Test func anAgentThatTookTheAnswerForLateComesAgain() throws {
        let guest = try guest(try OwnedDescriptor.memory([], name: "output"))
        guest.connectAnew()
        guest.sayPart(of: .hello(version: Meeting.version, uptimeMicroseconds: 5))
        guest.connectAnew()
        try guest.start()
        // Once it has spoken, its connection is the only one.
        guest.connectAnew()
        guard case .failed(let error) = try guest.session.run() else {
            Issue.record("a lost agent was not missed")
            return
        }
        #expect("\(error)".contains("closed the connection"))
    }

    @Test func aGuestThatNobodyWillStartEndsWithItsCreator() throws {
        let guest = try guest(try OwnedDescriptor.memory([], name: "output"))
        guest.loseCreator()
        guard case .failed(let error) = try guest.session.run() else {
            Issue.record("it went on")
            return
        }
        #expect(error.description.contains("was making the machine has ended"))
    }

    @Test func aGuestThatIsReadyOutlivesItsCreator() throws {
        let guest = try guest(try OwnedDescriptor.memory([], name: "output"))
        try guest.becomeReady()
        guest.loseCreator()
        let starter = try guest.connect()
        try starter.send(ControlRequest.start(pid: 1).packet)
        #expect(try guest.messages().map(\.message) == [.start])
    }

    @Test func aStreamThatNobodyWaitsForIsRefused() throws {
        let output = try OwnedDescriptor.memory([], name: "output")
        let guest = try guest(output)
        try guest.start()
        let first = guest.open(.output)
        let second = guest.open(.output)
        let stranger = guest.open(.output, of: 9)
        guest.write([0x61], on: second)
        guest.write([0x62], on: stranger)
        guest.write([0x63], on: first)
        _ = try guest.messages()
        #expect(guest.resetPorts == [second, stranger])
        #expect(try text(output) == "c")
    }

    @Test func whatIsNoHeaderOpensNoStream() throws {
        let output = try OwnedDescriptor.memory([], name: "output")
        let guest = try guest(output)
        try guest.start()
        let stream = guest.open(.output, of: 77)
        guest.write(Array(repeating: 0x61, count: 1000), on: stream)
        _ = try guest.messages()
        #expect(guest.resetPorts == [stream])
        #expect(try text(output).isEmpty)
    }

    @Test func aProgramThatJoinsHasItsOwnStreamsAndItsOwnEnd() throws {
        let guest = try guest(try OwnedDescriptor.memory([], name: "output"))
        try guest.start()
        let output = try OwnedDescriptor.memory([], name: "exec")
        let asker = try exec(in: guest, output: output)
        let asked = try #require(try guest.messages().first)
        guard case .exec(let process, _, let terminal) = asked.message else {
            Issue.record("\(asked.message) is no exec")
            return
        }
        #expect(process == 1 && !terminal)
        guest.say(.started, answering: asked.request)
        let stream = guest.open(.output, of: process)
        guest.write(Array("joined".utf8), on: stream)
        guest.close(stream)
        guest.say(.exited(process: process, ProcessExit(.signalled(15))))
        _ = try guest.messages()
        #expect(try ControlReply(packet: try asker.receive().bytes) == .started)
        #expect(try ControlReply(packet: try asker.receive().bytes) == .exited(ProcessExit(.signalled(15))))
        #expect(try asker.receive().bytes.isEmpty)
        #expect(try text(output) == "joined")
    }

    /// Asks for a program.
    private func exec(in guest: SessionGuest, output: borrowing OwnedDescriptor) throws -> PacketSocket {
        let stage = StagePlan(
            id: "a", steps: [], program: Program(arguments: ["b"], environment: [], workingDirectory: "/"))
        var writer = PlanWriter()
        writer.write(SandboxPlan(launch: LaunchPlan(), stage: stage))
        let plan = try OwnedDescriptor.memory(writer.bytes, name: "plan")
        let input = try OwnedDescriptor.open("/dev/null")
        let asker = try guest.connect()
        try asker.send(
            ControlRequest.exec(terminal: false).packet,
            withAll: [plan.number, input.number, output.number, output.number])
        return asker
    }

    @Test func onTheConnectionOfAProgramSignalsAreForTheProgram() throws {
        let guest = try guest(try OwnedDescriptor.memory([], name: "output"))
        try guest.start()
        let asker = try exec(in: guest, output: try OwnedDescriptor.memory([], name: "exec"))
        let asked = try #require(try guest.messages().first)
        guest.say(.started, answering: asked.request)
        try asker.send(ControlRequest.signal(number: 10, all: true).packet)
        #expect(try guest.messages().map(\.message) == [.signal(process: 1, number: 10, all: false)])
        let other = try guest.connect()
        try other.send(ControlRequest.signal(number: 12, all: true).packet)
        #expect(try guest.messages().map(\.message) == [.signal(process: 0, number: 12, all: true)])
    }

    @Test func aMachineThatEndsTakesItsProgramsWithIt() throws {
        let guest = try guest(try OwnedDescriptor.memory([], name: "output"))
        try guest.start()
        let asker = try exec(in: guest, output: try OwnedDescriptor.memory([], name: "exec"))
        let asked = try #require(try guest.messages().first)
        guest.say(.started, answering: asked.request)
        guest.say(.exited(process: 0, ProcessExit(.exited(0))))
        #expect(try guest.session.run() == .exited(ProcessExit(.exited(0))))
        #expect(try ControlReply(packet: try asker.receive().bytes) == .started)
        #expect(try ControlReply(packet: try asker.receive().bytes) == .exited(ProcessExit(.signalled(9))))
    }

    @Test func anExecWithoutItsFilesIsRefused() throws {
        let guest = try guest(try OwnedDescriptor.memory([], name: "output"))
        try guest.start()
        let asker = try guest.connect()
        try asker.send(ControlRequest.exec(terminal: false).packet)
        #expect(try guest.messages().isEmpty)
        guard case .failure = try ControlReply(packet: try asker.receive().bytes) else {
            Issue.record("an exec without files succeeded")
            return
        }
    }

    @Test func whatFailedInTheGuestIsToldToWhoStarts() throws {
        let guest = try guest(try OwnedDescriptor.memory([], name: "output"))
        guest.say(.hello(version: Meeting.version, uptimeMicroseconds: 5))
        let setup = try #require(try guest.messages().first)
        let starter = try guest.connect()
        try starter.send(ControlRequest.start(pid: 1).packet)
        _ = try guest.messages()
        guest.say(.failed(RuntimeError(.programNotFound, "no such program")), answering: setup.request)
        let expected = RuntimeError(.programNotFound, "no such program").during("in the guest")
        #expect(try guest.session.run() == .failed(expected))
        #expect(try ControlReply(packet: try starter.receive().bytes) == .failure(expected))
        // Else the monitor would say it as well.
        #expect(guest.session.isFailureTold)
    }

    @Test func aFailureThatNobodyAskedForIsToldToNobody() throws {
        let guest = try guest(try OwnedDescriptor.memory([], name: "output"))
        try guest.start()
        guest.session.fail(RuntimeError(.guest, "lost"))
        #expect(!guest.session.isFailureTold)
    }

    @Test func anAgentOfAnotherVersionIsRefused() throws {
        let guest = try guest(try OwnedDescriptor.memory([], name: "output"))
        let starter = try guest.connect()
        try starter.send(ControlRequest.start(pid: 1).packet)
        _ = try guest.messages()
        guest.say(.hello(version: 99, uptimeMicroseconds: 5))
        guard case .failed(let error) = try guest.session.run() else {
            Issue.record("another version was taken")
            return
        }
        #expect(error.kind == .guest)
    }

    @Test func theEndWaitsUntilTheOutputIsTaken() throws {
        let pipe = try makePipe()
        let guest = try guest(pipe.writing)
        try guest.start()
        let stream = guest.open(.output)
        let block = [UInt8](repeating: 0x78, count: 50_000)
        for _ in 0..<2 { guest.write(block, on: stream) }
        guest.close(stream)
        guest.say(.exited(process: 0, ProcessExit(.exited(0))))
        _ = try guest.messages()
        #expect(guest.session.outcome == nil)
        var taken = [UInt8](repeating: 0, count: 100_000)
        var count = 0
        while count < 100_000 {
            count += try pipe.reading.read(into: &taken, from: count, subject: "the pipe")
            _ = try guest.messages()
        }
        #expect(guest.session.outcome == .exited(ProcessExit(.exited(0))))
    }
}

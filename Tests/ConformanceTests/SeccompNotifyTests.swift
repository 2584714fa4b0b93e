import Foundation
import TestSupport
import Testing

/// runtime-spec, config-linux.md, "Seccomp", `listenerPath`: the container process state and the descriptor.
@Suite(.requires(.root, .container)) struct SeccompNotifyTests {
    private func bundle() throws -> (TemporaryBundle, socket: String) {
        let bundle = try TemporaryBundle()
        let socket = bundle.path("seccomp.sock")
        bundle.spec.linux.seccomp = [
            "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
            "listenerPath": .string(socket), "listenerMetadata": "the metadata",
            "syscalls": [["names": ["getpriority"], "action": "SCMP_ACT_NOTIFY"]],
        ]
        return (bundle, socket)
    }

    private func listen(_ socket: String, _ answer: String...) throws -> ChildProcess {
        let agent = try ChildProcess([Probe.path.get(), "host-listener", socket] + answer)
        try #require(agent.read(until: "listening\n") != nil, agent.explanation)
        return agent
    }

    @Test func theAgentAnswersTheCall() throws {
        let (bundle, socket) = try bundle()
        let agent = try listen(socket, "errno", "117")
        #expect(try bundle.probe("syscall", "140", "0", "0")["result"] == "EUCLEAN")
        let other = try listen(socket, "value", "4242")
        #expect(try bundle.probe("syscall", "140", "0", "0")["value"] == "4242")
        #expect(agent.read(until: "notified=140") != nil && other.read(until: "notified=140") != nil)
    }

    @Test func theAgentIsToldWhichContainerItIs() throws {
        let (bundle, socket) = try bundle()
        let agent = try listen(socket, "continue", "0")
        #expect(try bundle.probe("syscall", "140", "0", "0")["result"] == "ok")
        let said = try #require(agent.read(until: "notified=140"))
        #expect(Report(said)["descriptors"] == "1")
        let start = try #require(said.range(of: "state="))
        let end = try #require(said.range(of: "notified=", options: .backwards))
        let state = try JSON(parsing: String(said[start.upperBound..<end.lowerBound]))
        #expect(state.ociVersion.text != nil && state.fds == ["seccompFd"])
        #expect(state.metadata == "the metadata" && (state.pid.number ?? 0) > 0)
        #expect(state.state.id == .string(bundle.identifier))
        #expect(state.state.bundle == .string(bundle.directory))
    }

    @Test func anExecIsReportedToTheAgentAsWell() throws {
        let (bundle, socket) = try bundle()
        let first = try listen(socket, "errno", "117")
        try bundle.withRunning { _ throws in
            try #require(first.read(until: "state=") != nil, first.explanation)
            let second = try listen(socket, "errno", "38")
            let outcome = try bundle.exec("/bin/probe", "syscall", "140", "0", "0")
            #expect(Report(outcome.output)["result"] == "ENOSYS", "\(outcome) \(second.explanation)")
        }
    }

    @Test func anAgentThatDoesNotListenIsNamed() throws {
        let (bundle, socket) = try bundle()
        expectRefusal(try bundle.run(), naming: "linux.seccomp.listenerPath", socket)
    }

    @Test func notifyWithoutAListenerPathIsRefused() throws {
        let (bundle, _) = try bundle()
        bundle.spec.linux.seccomp.listenerPath = nil
        bundle.spec.linux.seccomp.listenerMetadata = nil
        expectRefusal(try bundle.run(), naming: "linux.seccomp.listenerPath")
    }

    @Test func notifyOfTheCallThatSendsTheListenerIsRefused() throws {
        let (bundle, _) = try bundle()
        bundle.spec.linux.seccomp.syscalls = [["names": ["write"], "action": "SCMP_ACT_NOTIFY"]]
        expectRefusal(try bundle.run(), naming: "linux.seccomp.syscalls[0]", "write")
    }
}

import Foundation
import TestSupport
import Testing

/// runtime-spec, config.md, `terminal` and `consoleSize`; the console socket of engines.
@Suite(.requires(.root)) struct TerminalTests {
    private func receiver(_ bundle: TemporaryBundle) throws -> (agent: ChildProcess, socket: String) {
        let socket = bundle.path("c.sock")
        let agent = try ChildProcess([Probe.path.get(), "host-console", socket])
        try #require(agent.read(until: "listening\n") != nil, agent.explanation)
        return (agent, socket)
    }

    @Test func theTerminalIsSentToTheConsoleSocket() throws {
        let bundle = try TemporaryBundle { $0.process.terminal = true }
        let (agent, socket) = try receiver(bundle)
        _ = try bundle.create(["/bin/probe", "terminal"], options: ["--console-socket", socket])
        let received = Report(try #require(agent.read(until: "relay\n"), agent.explanation))
        #expect(received["descriptors"] == "1" && received["terminal"] == "1")
        #expect(received["name"]?.hasPrefix("/dev/") == true)
        try bundle.succeed("start", bundle.identifier)
        let said = try #require(agent.read(until: "console="), agent.explanation)
        let seen = Report(said)
        #expect(seen["isatty"] == "1 1 1" && seen["controlling"] == "ok")
        #expect(seen["session"] == seen["pid"])
        #expect(seen["name"]?.hasPrefix("/dev/pts/") == true || seen["name"] == "/dev/console", "\(seen)")
        #expect(agent.read(until: "1") != nil)
        try bundle.succeed("delete", "--force", bundle.identifier)
    }

    @Test func theConsoleSizeIsTheSpecs() throws {
        let bundle = try TemporaryBundle {
            $0.process.terminal = true
            $0.process.consoleSize = ["width": 111, "height": 22]
        }
        let (agent, socket) = try receiver(bundle)
        _ = try bundle.create(["/bin/probe", "terminal"], options: ["--console-socket=\(socket)"])
        try bundle.succeed("start", bundle.identifier)
        #expect(agent.read(until: "relay\n") != nil)
        let said = try #require(agent.read(until: "controlling"), agent.explanation)
        #expect(said.contains("size=111 22"), "\(said)")
        try bundle.succeed("delete", "--force", bundle.identifier)
    }

    @Test func theTerminalBelongsToTheProcessesUser() throws {
        let bundle = try TemporaryBundle {
            $0.process.terminal = true
            $0.process.user = ["uid": 1000, "gid": 1000]
        }
        let (agent, socket) = try receiver(bundle)
        _ = try bundle.create(["/bin/probe", "terminal"], options: ["--console-socket", socket])
        try bundle.succeed("start", bundle.identifier)
        let said = try #require(agent.read(until: "console="), agent.explanation)
        #expect(said.contains("owner=1000 5") && said.contains("mode=620"), "\(said)")
        try bundle.succeed("delete", "--force", bundle.identifier)
    }

    @Test func whatIsTypedReachesTheProgramAndItsKeysAreSignals() throws {
        let bundle = try TemporaryBundle { $0.process.terminal = true }
        let (agent, socket) = try receiver(bundle)
        let script = "trap 'echo got INT' INT; echo up; read line; echo \"read $line\"; while :; do sleep 0.05; done"
        try bundle.withRunning(["/bin/sh", "-c", script], options: ["--console-socket", socket]) { _ throws in
            try #require(agent.read(until: "up") != nil, agent.explanation)
            agent.write("typed\n")
            #expect(agent.read(until: "read typed") != nil, agent.explanation)
            agent.write("\u{3}")
            #expect(agent.read(until: "got INT") != nil, agent.explanation)
        }
    }

    @Test(.requires(.program("script"))) func runUsesTheCallersTerminal() throws {
        let bundle = try TemporaryBundle { $0.process.terminal = true }
        bundle.wrapper = ["script", "--quiet", "--return", "--log-out", "/dev/null", "--command"]
        bundle.spec.process.args = ["/bin/sh", "-c", "probe terminal; exit 5"]
        try bundle.writeConfiguration()
        let command =
            ["stty cols 77 rows 33; exec"] + bundle.command(bundle.making("run")).dropFirst(bundle.wrapper.count)
        let outcome = try ChildProcess.run(bundle.wrapper + [command.joined(separator: " ")])
        #expect(outcome.status == .exited(5), "\(outcome)")
        #expect(outcome.output.contains("isatty=1 1 1") && outcome.output.contains("size=77 33"), "\(outcome)")
    }

    @Test func anExecGetsATerminalOfItsOwn() throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            let (agent, socket) = try receiver(bundle)
            let options = ["--tty", "--detach", "--console-socket", socket]
            let outcome = try bundle.exec("/bin/sh", "-c", "probe terminal; sleep 1", options: options)
            #expect(outcome.succeeded, "\(outcome)")
            #expect(agent.read(until: "relay\n") != nil, agent.explanation)
            #expect(agent.read(until: "isatty=1 1 1") != nil, agent.explanation)
            #expect(agent.read(until: "controlling=ok") != nil, agent.explanation)
        }
    }

    @Test func aTerminalWithoutAnybodyToSendItToIsRefused() throws {
        let bundle = try TemporaryBundle { $0.process.terminal = true }
        try bundle.writeConfiguration()
        let outcome = try bundle.call(bundle.making("create"))
        #expect(outcome.code != 0 && outcome.errors.contains("--console-socket"), "\(outcome)")
    }

    @Test func aConsoleSocketWithoutATerminalIsRefused() throws {
        let bundle = try TemporaryBundle()
        let (_, socket) = try receiver(bundle)
        try bundle.writeConfiguration()
        let outcome = try bundle.call(bundle.making("create", ["--console-socket", socket]))
        #expect(outcome.code != 0 && outcome.errors.contains("process.terminal"), "\(outcome)")
        if outcome.succeeded { try bundle.succeed("delete", "--force", bundle.identifier) }
    }

    @Test func aConsoleSocketThatDoesNotListenIsNamed() throws {
        let bundle = try TemporaryBundle { $0.process.terminal = true }
        try bundle.writeConfiguration()
        let outcome = try bundle.call(bundle.making("create", ["--console-socket", "/no/such.sock"]))
        #expect(outcome.code != 0 && outcome.errors.contains("/no/such.sock"), "\(outcome)")
    }
}

import Foundation
import TestSupport
import Testing

/// runtime-spec, runtime.md, "Lifecycle" and "Operations".
@Suite(.requires(.root)) struct LifecycleTests {
    @Test func aContainerGoesThroughAllItsStates() throws {
        let bundle = try TemporaryBundle { $0.annotations = ["org.example": "kept"] }
        _ = try bundle.create(["/bin/sleep", "1000"])
        var state = try bundle.state()
        #expect(state.status == "created" && state.id == .string(bundle.identifier))
        #expect(state.bundle == .string(bundle.directory) && state.ociVersion.text?.hasPrefix("1.") == true)
        #expect(state.annotations == ["org.example": "kept"])
        let pid = try #require(state.pid.number)
        #expect(kill(pid_t(pid), 0) == 0)
        try bundle.succeed("start", bundle.identifier)
        state = try bundle.state()
        #expect(state.status == "running" && state.pid.number == pid)
        try bundle.succeed("pause", bundle.identifier)
        #expect(try bundle.state().status == "paused")
        try bundle.succeed("resume", bundle.identifier)
        #expect(try bundle.state().status == "running")
        try bundle.succeed("kill", bundle.identifier, "KILL")
        #expect(try bundle.wait(for: "stopped"))
        #expect(try bundle.state().pid.number ?? 0 == 0)
        try bundle.succeed("delete", bundle.identifier)
        #expect(try bundle.call(["state", bundle.identifier]).code != 0)
        #expect(HostInventory(naming: bundle.identifier).isEmpty)
    }

    @Test func theProgramDoesNotRunBeforeStart() throws {
        let bundle = try TemporaryBundle()
        let creator = try bundle.create(["/bin/sh", "-c", "echo it runs; touch /tmp/ran"])
        usleep(300_000)
        #expect(!FileManager.default.fileExists(atPath: "\(bundle.rootfs)/tmp/ran"))
        try bundle.succeed("start", bundle.identifier)
        #expect(creator.read(until: "it runs\n") == "it runs\n")
        #expect(try bundle.wait(for: "stopped"))
        try bundle.succeed("delete", bundle.identifier)
    }

    @Test func aConfigurationThatChangesAfterCreateChangesNothing() throws {
        let bundle = try TemporaryBundle()
        let creator = try bundle.create(["/bin/echo", "as created"])
        try bundle.writeConfiguration("{}")
        try bundle.succeed("start", bundle.identifier)
        #expect(creator.read(until: "\n") == "as created\n")
        try bundle.succeed("delete", "--force", bundle.identifier)
    }

    @Test func aSecondContainerOfTheSameIDIsRefused() throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            let outcome = try bundle.call(bundle.making("create"))
            #expect(outcome.code == 1 && outcome.errors.contains(bundle.identifier))
            #expect(outcome.errors.contains("exist"), "\(outcome)")
            #expect(try bundle.state().status == "running")
        }
    }

    @Test func onlyACreatedContainerCanBeStarted() throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            let outcome = try bundle.call(["start", bundle.identifier])
            #expect(outcome.code == 1 && outcome.errors.contains("running"), "\(outcome)")
        }
    }

    @Test func aRunningContainerIsDeletedByForceOnly() throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            let outcome = try bundle.call(["delete", bundle.identifier])
            #expect(outcome.code == 1 && outcome.errors.contains("running"), "\(outcome)")
            #expect(try bundle.state().status == "running")
            try bundle.succeed("delete", "--force", bundle.identifier)
            #expect(HostInventory(naming: bundle.identifier).isEmpty)
        }
    }

    @Test func aCreatedContainerIsDeletedByForce() throws {
        let bundle = try TemporaryBundle()
        _ = try bundle.create()
        try bundle.succeed("delete", "--force", bundle.identifier)
        #expect(HostInventory(naming: bundle.identifier).isEmpty)
    }

    @Test func deleteByForceOfAContainerThatIsGoneIsQuiet() throws {
        // containerd and podman clean up a second time, after a success.
        let bundle = try TemporaryBundle()
        let outcome = try bundle.call(["delete", "--force", bundle.identifier])
        #expect(outcome.succeeded && outcome.errors.isEmpty, "\(outcome)")
    }

    @Test(arguments: ["KILL", "SIGKILL", "9", "sigkill"]) func aSignalIsNamedInEverySpelling(spelling: String) throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            try bundle.succeed("kill", bundle.identifier, spelling)
            #expect(try bundle.wait(for: "stopped"))
        }
    }

    @Test func killSendsTERMUnlessToldOtherwise() throws {
        let bundle = try TemporaryBundle()
        let script = "trap 'echo got TERM; exit' TERM; trap 'echo got USR1' USR1; echo up; while :; do sleep 0.05; done"
        try bundle.withRunning(["/bin/sh", "-c", script]) { creator throws in
            try #require(creator.read(until: "up\n") != nil)
            try bundle.succeed("kill", bundle.identifier, "USR1")
            #expect(creator.read(until: "got USR1\n") != nil)
            try bundle.succeed("kill", bundle.identifier)
            #expect(creator.read(until: "got TERM\n") != nil)
        }
    }

    @Test func killAllReachesEveryProcess() throws {
        let bundle = try TemporaryBundle { $0.removeNamespace("pid") }
        let script = "sleep 1000 & sleep 1000 & echo up; wait"
        try bundle.withRunning(["/bin/sh", "-c", script]) { creator throws in
            try #require(creator.read(until: "up\n") != nil)
            try bundle.succeed("kill", "--all", bundle.identifier, "KILL")
            #expect(try bundle.wait(for: "stopped"))
            #expect(eventually { HostInventory(naming: bundle.identifier).processes.isEmpty })
        }
    }

    @Test func killOfAContainerThatHasStoppedSaysSo() throws {
        let bundle = try TemporaryBundle()
        _ = try bundle.create(["/bin/true"])
        try bundle.succeed("start", bundle.identifier)
        #expect(try bundle.wait(for: "stopped"))
        let outcome = try bundle.call(["kill", bundle.identifier, "9"])
        let texts = ["process already finished", "container not running", "no such process"]
        #expect(outcome.code == 1 && texts.contains { outcome.errors.contains($0) }, "\(outcome)")
        try bundle.succeed("delete", bundle.identifier)
    }

    @Test func anUnknownSignalIsRefusedByName() throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            let outcome = try bundle.call(["kill", bundle.identifier, "SIGNONSENSE"])
            #expect(outcome.code != 0 && outcome.errors.contains("SIGNONSENSE"), "\(outcome)")
        }
    }

    @Test func withoutAPidNamespaceDeleteByForceEndsEveryProcess() throws {
        let bundle = try TemporaryBundle { $0.removeNamespace("pid") }
        let script = "sleep 1000 & setsid sleep 1000 & echo up; wait"
        try bundle.withRunning(["/bin/sh", "-c", script]) { creator throws in
            try #require(creator.read(until: "up\n") != nil)
            try bundle.succeed("delete", "--force", bundle.identifier)
            #expect(HostInventory(naming: bundle.identifier).isEmpty)
        }
    }

    @Test(arguments: ["", ".", "..", "../x", "a/b", "a b", "ü"]) func anUnsafeIDIsRefused(identifier: String) throws {
        let bundle = try TemporaryBundle()
        try bundle.writeConfiguration()
        let before = try names(in: bundle.stateRoot)
        let outcome = try bundle.call(["create", "--bundle", bundle.directory, "--", identifier])
        #expect(outcome.code != 0 && !outcome.errors.isEmpty, "\(outcome)")
        #expect(try names(in: bundle.stateRoot) == before)
    }

    @Test func theBundleIsTheWorkingDirectoryUnlessGiven() throws {
        let bundle = try TemporaryBundle { $0.process.args = ["/bin/echo", "found"] }
        try bundle.writeConfiguration()
        let command = bundle.command(["run"] + RuntimeUnderTest.current.isolationOptions + [bundle.identifier])
        #expect(try ChildProcess.run(command, directory: bundle.directory).line == "found")
    }

    @Test func listShowsEveryContainerOfTheStateDirectory() throws {
        let bundle = try TemporaryBundle()
        #expect(try bundle.succeed("list", "--quiet").output.isEmpty)
        try bundle.withRunning { _ throws in
            let table = try bundle.succeed("list").output
            #expect(table.contains(bundle.identifier) && table.contains("running") && table.contains(bundle.directory))
            #expect(try bundle.succeed("list", "-q").line == bundle.identifier)
            let listed = try JSON(parsing: try bundle.succeed("list", "--format", "json").output)
            #expect(listed.elements.count == 1 && listed[0].id == .string(bundle.identifier))
            #expect(listed[0].status == "running" && listed[0].bundle == .string(bundle.directory))
            #expect(try listed[0].pid == bundle.state().pid)
        }
    }

    @Test(.requires(.container)) func psListsTheProcessesOfTheContainer() throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning(["/bin/sh", "-c", "sleep 1000 & echo up; wait"]) { creator throws in
            try #require(creator.read(until: "up\n") != nil)
            let pids = try JSON(parsing: try bundle.succeed("ps", "--format", "json", bundle.identifier).output)
            #expect(pids.elements.count == 2)
            #expect(try pids.elements.contains(bundle.state().pid))
            let table = try bundle.succeed("ps", bundle.identifier).output
            #expect(table.contains("PID") && table.contains("sleep 1000"), "\(table)")
        }
    }

    @Test func aPausedContainerStandsStill() throws {
        let bundle = try TemporaryBundle()
        let script = "while :; do echo x >> /tmp/count; sleep 0.02; done"
        try bundle.withRunning(["/bin/sh", "-c", script]) { _ throws in
            let path = "\(bundle.rootfs)/tmp/count"
            func size() -> Int { FileManager.default.contents(atPath: path)?.count ?? 0 }
            try #require(eventually { size() > 4 })
            try bundle.succeed("pause", bundle.identifier)
            let frozen = size()
            usleep(300_000)
            #expect(size() == frozen)
            try bundle.succeed("resume", bundle.identifier)
            #expect(eventually { size() > frozen })
        }
    }

    @Test func aPausedContainerIsDeletedByForce() throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            try bundle.succeed("pause", bundle.identifier)
            try bundle.succeed("delete", "--force", bundle.identifier)
            #expect(HostInventory(naming: bundle.identifier).isEmpty)
        }
    }

    @Test func pauseAndResumeNeedTheRightState() throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            #expect(try bundle.call(["resume", bundle.identifier]).code == 1)
            try bundle.succeed("pause", bundle.identifier)
            #expect(try bundle.call(["pause", bundle.identifier]).code == 1)
            try bundle.succeed("resume", bundle.identifier)
        }
    }

    @Test func theContainersEndIsItsParentsToWaitFor() throws {
        // What conmon and containerd's shim rely on: the first process becomes the caller's child when create ends.
        let bundle = try TemporaryBundle { $0.process.args = ["/bin/sh", "-c", "exit 42"] }
        try bundle.writeConfiguration()
        let create = bundle.command(bundle.making("create", ["--pid-file", bundle.path("pid")])).joined(separator: " ")
        let start = bundle.command(["start", bundle.identifier]).joined(separator: " ")
        let outcome = try ChildProcess.run([Probe.path.get(), "host-subreaper", "sh", "-c", "\(create) && \(start)"])
        let pid = try String(contentsOfFile: bundle.path("pid"), encoding: .utf8)
        #expect(outcome.output.contains("orphan=\(pid) exited 42\n"), "\(outcome)")
        try bundle.succeed("delete", "--force", bundle.identifier)
    }

    @Test func runLeavesNothingAndPassesSignalsOn() throws {
        let bundle = try TemporaryBundle()
        let script = "trap 'echo got INT; exit 3' INT; echo up; while :; do sleep 0.05; done"
        let runner = try bundle.launch(["/bin/sh", "-c", script])
        try #require(runner.read(until: "up\n") != nil, runner.explanation)
        runner.send(SIGINT)
        #expect(runner.read(until: "got INT\n") != nil)
        #expect(runner.finish().status == .exited(3))
        #expect(HostInventory(naming: bundle.identifier).isEmpty)
    }

    @Test func runInTheBackgroundReturnsAtOnce() throws {
        let bundle = try TemporaryBundle()
        let outcome = try bundle.run(["/bin/sleep", "1000"], options: ["--detach", "--pid-file", bundle.path("pid")])
        #expect(outcome.succeeded, "\(outcome)")
        let state = try bundle.state()
        #expect(state.status == "running")
        #expect(try String(contentsOfFile: bundle.path("pid"), encoding: .utf8) == "\(state.pid.number ?? 0)")
        try bundle.succeed("delete", "--force", bundle.identifier)
    }

    @Test func keepLeavesTheStoppedContainer() throws {
        let bundle = try TemporaryBundle()
        #expect(try bundle.run(["/bin/true"], options: ["--keep"]).succeeded)
        #expect(try bundle.state().status == "stopped")
        try bundle.succeed("delete", bundle.identifier)
    }

    @Test func aKilledRunIsCleanedUpByForce() throws {
        let bundle = try TemporaryBundle()
        let runner = try bundle.launch(["/bin/sh", "-c", "echo up; exec sleep 1000"])
        try #require(runner.read(until: "up\n") != nil, runner.explanation)
        runner.send(SIGKILL)
        _ = runner.finish()
        try bundle.succeed("delete", "--force", bundle.identifier)
        #expect(HostInventory(naming: bundle.identifier).isEmpty)
    }

    @Test func theSpecThatSpecPrintsRuns() throws {
        let bundle = try TemporaryBundle()
        let folder = try bundle.folder("fresh")
        #expect(try ChildProcess.run(bundle.command(["spec"]), directory: folder).succeeded)
        var spec = try JSON(parsing: String(contentsOfFile: "\(folder)/config.json", encoding: .utf8))
        #expect(spec.process.args.elements.first == "sh" && spec.root.path == "rootfs")
        spec.process.terminal = false
        spec.linux.cgroupsPath = .string("/\(bundle.identifier)")
        bundle.spec = spec
        #expect(try bundle.run(["/bin/echo", "hello"]).line == "hello")
        // A file that is there already is not overwritten.
        let again = try ChildProcess.run(bundle.command(["spec"]), directory: folder)
        #expect(again.code == 1 && again.errors.contains("config.json"), "\(again)")
    }

    @Test func oneContainerAnswersEveryVerb() throws {
        let bundle = try TemporaryBundle { $0.linux.resources.pids = ["limit": 50] }
        _ = try bundle.create(["/bin/sleep", "1000"])
        try bundle.succeed("start", bundle.identifier)
        #expect(try bundle.exec("/bin/echo", "inside").line == "inside")
        try bundle.succeed("ps", bundle.identifier)
        try bundle.succeed("pause", bundle.identifier)
        try bundle.succeed("resume", bundle.identifier)
        try bundle.succeed("update", "--pids-limit", "40", bundle.identifier)
        if RuntimeUnderTest.current.kind != .crun {
            let events = try JSON(parsing: try bundle.succeed("events", "--stats", bundle.identifier).output)
            #expect(events.type == "stats" && events.data.pids.limit == 40, "\(events)")
        }
        try bundle.succeed("list")
        try bundle.succeed("kill", bundle.identifier, "9")
        #expect(try bundle.wait(for: "stopped"))
        try bundle.succeed("delete", bundle.identifier)
        #expect(HostInventory(naming: bundle.identifier).isEmpty)
    }
}

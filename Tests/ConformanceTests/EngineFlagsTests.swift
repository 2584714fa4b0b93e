import Foundation
import TestSupport
import Testing

/// The command lines that podman, conmon, containerd's shim, cri-o and buildah use: each flag in both spellings.
@Suite(.requires(.root)) struct EngineFlagsTests {
    /// A flag with its value in both spellings.
    private static func both(_ flag: String, _ value: String) -> [[String]] { [[flag, value], ["\(flag)=\(value)"]] }

    @Test(arguments: both("--bundle", "BUNDLE") + [["-b", "BUNDLE"]]) func theBundle(flag: [String]) throws {
        let bundle = try TemporaryBundle()
        bundle.spec.process.args = ["/bin/echo", "ran"]
        try bundle.writeConfiguration()
        let words = flag.map { $0.replacing("BUNDLE", with: bundle.directory) }
        let outcome = try bundle.call(["run"] + RuntimeUnderTest.current.isolationOptions + words + [bundle.identifier])
        #expect(outcome.line == "ran", "\(outcome)")
    }

    @Test(arguments: both("--pid-file", "FILE")) func thePidFileHoldsThePidAndNothingElse(flag: [String]) throws {
        let bundle = try TemporaryBundle()
        let file = bundle.path("pid")
        _ = try bundle.create(options: flag.map { $0.replacing("FILE", with: file) })
        let text = try String(contentsOfFile: file, encoding: .utf8)
        #expect(try text == "\(bundle.state().pid.number ?? 0)")
        try bundle.succeed("delete", "--force", bundle.identifier)
    }

    @Test(arguments: both("--root", "DIR")) func theStateDirectory(flag: [String]) throws {
        let bundle = try TemporaryBundle()
        let folder = bundle.path("elsewhere")
        let words = flag.map { $0.replacing("DIR", with: folder) }
        try bundle.writeConfiguration()
        let creator = try ChildProcess([RuntimeUnderTest.current.path] + words + bundle.making("create"))
        #expect(creator.finishKeepingStreams(timeout: 30) == .exited(0), creator.explanation)
        let listed = try ChildProcess.run([RuntimeUnderTest.current.path] + words + ["list", "-q"])
        #expect(listed.line == bundle.identifier, "\(listed)")
        let deleted = try ChildProcess.run(
            [RuntimeUnderTest.current.path] + words + ["delete", "-f", bundle.identifier])
        #expect(deleted.succeeded, "\(deleted)")
        #expect(try names(in: folder).filter { $0 == bundle.identifier }.isEmpty)
    }

    @Test(arguments: both("--log", "FILE")) func theLogFile(flag: [String]) throws {
        let bundle = try TemporaryBundle { $0.root.path = "nowhere" }
        bundle.globalOptions = flag.map { $0.replacing("FILE", with: bundle.path("log")) } + ["--log-format=json"]
        _ = try bundle.run()
        let lines = try String(contentsOfFile: bundle.path("log"), encoding: .utf8).split(separator: "\n")
        #expect(try JSON(parsing: String(lines.last ?? "")).level == "error")
    }

    @Test func debugWritesMoreToTheLog() throws {
        let quiet = try TemporaryBundle()
        quiet.globalOptions = ["--log", quiet.path("log")]
        #expect(try quiet.run().succeeded)
        let loud = try TemporaryBundle()
        loud.globalOptions = ["--debug", "--log", loud.path("log")]
        let outcome = try loud.run()
        #expect(outcome.succeeded && outcome.errors.isEmpty, "\(outcome)")
        func size(_ bundle: TemporaryBundle) -> Int {
            FileManager.default.contents(atPath: bundle.path("log"))?.count ?? 0
        }
        #expect(size(loud) > size(quiet))
    }

    @Test(arguments: [["--log-format", "json"], ["--log-format=text"], ["--rootless", "auto"], ["--rootless=false"]])
    func aGlobalFlagIsTakenInBothSpellings(flag: [String]) throws {
        let bundle = try TemporaryBundle()
        bundle.globalOptions = flag
        let outcome = try bundle.run(["/bin/echo", "ran"])
        #expect(outcome.line == "ran", "\(outcome)")
    }

    @Test(arguments: both("--format", "json") + [["-f", "json"]]) func theFormatOfPsAndList(flag: [String]) throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            let listed = try bundle.call(["list"] + flag)
            #expect(try JSON(parsing: listed.output).elements.count == 1)
            let processes = try bundle.call(["ps"] + flag + [bundle.identifier])
            #expect(try JSON(parsing: processes.output).elements == [bundle.state().pid])
        }
    }

    @Test(arguments: ["--all", "-a"]) func killAll(flag: String) throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            try bundle.succeed("kill", flag, bundle.identifier, "9")
            #expect(try bundle.wait(for: "stopped"))
        }
    }

    @Test(arguments: ["--force", "-f"]) func deleteByForce(flag: String) throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            try bundle.succeed("delete", flag, bundle.identifier)
            #expect(HostInventory(naming: bundle.identifier).isEmpty)
        }
    }

    @Test func theExactCommandLineOfConmonCreatesAndExecs() throws {
        let bundle = try TemporaryBundle()
        try bundle.writeConfiguration()
        bundle.globalOptions = ["--log-format=json", "--log", bundle.path("oci-log")]
        let create = ["create", "--bundle", bundle.directory, "--pid-file", bundle.path("pid"), "--no-new-keyring"]
        bundle.spec.process.args = ["/bin/sleep", "1000"]
        try bundle.writeConfiguration()
        let creator = try ChildProcess(bundle.command(create + [bundle.identifier]))
        #expect(creator.finishKeepingStreams(timeout: 30) == .exited(0), creator.explanation)
        try bundle.succeed("start", bundle.identifier)
        let process = try bundle.file(
            "process.json",
            #"{"args": ["/bin/sh", "-c", "echo done > /tmp/exec"], "cwd": "/", "user": {"uid": 0, "gid": 0}}"#)
        let exec = ["exec", "--pid-file", bundle.path("exec"), "--process", process, "--detach", bundle.identifier]
        let outcome = try bundle.call(exec)
        #expect(outcome.succeeded, "\(outcome)")
        #expect(eventually { FileManager.default.fileExists(atPath: "\(bundle.rootfs)/tmp/exec") })
        try bundle.succeed("kill", bundle.identifier, "9")
        try bundle.succeed("delete", "--force", bundle.identifier)
    }

    @Test(.requires(.mvrun)) func thePidfdOfTheProcessIsSent() throws {
        let bundle = try TemporaryBundle()
        let socket = bundle.path("pidfd.sock")
        let receiver = try ChildProcess([Probe.path.get(), "host-pidfd-socket", socket])
        try #require(receiver.read(until: "listening\n") != nil)
        _ = try bundle.create(options: ["--pidfd-socket", socket])
        let outcome = receiver.finish(timeout: 10)
        #expect(outcome.output.contains("descriptors=1"), "\(outcome)")
        #expect(try Report(outcome.output)["pid"] == "\(bundle.state().pid.number ?? 0)")
        try bundle.succeed("delete", "--force", bundle.identifier)
    }

    @Test(.requires(.mvrun)) func theSpellingsOfCrunAreTakenToo() throws {
        let bundle = try TemporaryBundle()
        bundle.spec.process.args = ["/bin/echo", "from elsewhere"]
        let file = try bundle.file("other.json", bundle.spec.description)
        let making = ["run", "--bundle", bundle.directory, "--config", file, bundle.identifier]
        #expect(try bundle.call(["--cgroup-manager", "cgroupfs"] + making).line == "from elsewhere")
        #expect(try bundle.call(["--cgroup-manager=disabled"] + making).line == "from elsewhere")
    }

    @Test(.requires(.mvrun)) func withoutACgroupManagerNoCgroupIsMade() throws {
        let bundle = try TemporaryBundle()
        bundle.globalOptions = ["--cgroup-manager", "disabled"]
        let text = try bundle.run(["/bin/cat", "/proc/self/cgroup"]).output
        #expect(!text.isEmpty && !text.contains(bundle.identifier))
    }

    @Test(.requires(Requirement("crun or mvrun") { [.crun, .mvrun].contains(RuntimeUnderTest.current.kind) }))
    func deleteTakesAPattern() throws {
        let first = try TemporaryBundle()
        _ = try first.create()
        let outcome = try first.call(["delete", "--force", "--regex", "^mvt-.*\(first.identifier.suffix(6))$"])
        #expect(outcome.succeeded, "\(outcome)")
        #expect(HostInventory(naming: first.identifier).isEmpty)
    }

    @Test func theVersionIsInTheFirstLineAndTheSpecsBelow() throws {
        let lines = try ChildProcess.run([RuntimeUnderTest.current.path, "--version"]).output.split(separator: "\n")
        #expect(lines.first?.contains(" version ") == true)
        #expect(lines.contains { $0.hasPrefix("spec: 1.") }, "\(lines)")
    }

    @Test(.requires(.mvrun)) func theVersionNamesTheFeaturesAsCrunDoes() throws {
        let lines = try ChildProcess.run([RuntimeUnderTest.current.path, "--version"]).output.split(separator: "\n")
        let words = lines.first { $0.hasPrefix("+") }?.split(separator: " ").map(String.init) ?? []
        #expect(words.contains("+SECCOMP") && words.contains("+CAP"), "\(lines)")
    }

    @Test(
        .requires(Requirement("a host without CRIU") { !Requirement.program("criu").isMet() }),
        arguments: [
            ["checkpoint", "--image-path", "/tmp", "--work-path", "/tmp"],
            ["restore", "--image-path=/tmp", "--detach"],
        ])
    func checkpointAndRestoreWithoutCriuSaySo(arguments: [String]) throws {
        let bundle = try TemporaryBundle()
        if arguments[0] == "restore" {
            try bundle.writeConfiguration()
            let outcome = try bundle.call(arguments + ["--bundle", bundle.directory, bundle.identifier])
            #expect(outcome.code != 0 && outcome.errors.contains("criu"), "\(outcome)")
        } else {
            try bundle.withRunning { _ throws in
                let outcome = try bundle.call(arguments + [bundle.identifier])
                #expect(outcome.code != 0 && outcome.errors.contains("criu"), "\(outcome)")
                #expect(try bundle.state().status == "running")
            }
        }
    }

    @Test(
        .requires(
            Requirement("a host without systemd") { !FileManager.default.fileExists(atPath: "/run/systemd/system") }))
    func systemdCgroupWithoutSystemdSaysSo() throws {
        let bundle = try TemporaryBundle { $0.linux.cgroupsPath = "system.slice:mvt:unit" }
        bundle.globalOptions = ["--systemd-cgroup"]
        expectRefusal(try bundle.run(), naming: "systemd")
    }
}

import Foundation
import TestSupport
import Testing

/// runtime-spec, config.md, "POSIX-platform Hooks".
@Suite(.requires(.root)) struct HooksTests {
    private static let all = [
        "prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
    ]

    /// A hook that runs a shell script; the one for `startContainer` finds its shell inside the root file system.
    private func hook(_ script: String, environment: [String] = [], timeout: Int? = nil) -> JSON {
        var hook: JSON = ["path": "/bin/sh", "args": ["sh", "-c", .string(script)], "env": JSON(environment)]
        if let timeout { hook.timeout = JSON(timeout) }
        return hook
    }

    /// Where a kind of hook can leave a file: inside the container its /tmp is the root file system's.
    private func note(_ kind: String, in bundle: TemporaryBundle) -> (inside: String, outside: String) {
        let outside = "\(bundle.rootfs)/tmp"
        return (kind == "startContainer" ? "/tmp" : outside, outside)
    }

    private func read(_ name: String, in bundle: TemporaryBundle) throws -> String {
        try String(contentsOfFile: "\(bundle.rootfs)/tmp/\(name)", encoding: .utf8)
    }

    @Test func allSixKindsRunInTheOrderOfTheSpec() throws {
        let bundle = try TemporaryBundle()
        for kind in Self.all {
            let log = note(kind, in: bundle).inside
            bundle.spec.hooks[kind] = [hook("echo \(kind) 1 >> \(log)/log"), hook("echo \(kind) 2 >> \(log)/log")]
        }
        let outcome = try bundle.shell("echo program >> /tmp/log")
        #expect(outcome.succeeded, "\(outcome)")
        let lines = try read("log", in: bundle).split(separator: "\n").map(String.init)
        let before = Self.all.prefix(4).flatMap { ["\($0) 1", "\($0) 2"] }
        #expect(Array(lines.prefix(8)) == before, "\(lines)")
        // The program runs at the same time as poststart.
        #expect(Set(lines.dropFirst(8).dropLast(2)) == ["program", "poststart 1", "poststart 2"])
        #expect(Array(lines.suffix(2)) == ["poststop 1", "poststop 2"])
    }

    @Test(arguments: [
        ("prestart", ["creating", "created"]), ("createRuntime", ["creating", "created"]),
        ("createContainer", ["creating", "created"]), ("startContainer", ["created"]), ("poststart", ["running"]),
        ("poststop", ["stopped"]),
    ])
    func aHookGetsTheStateOnItsStandardInput(kind: String, statuses: [String]) throws {
        let bundle = try TemporaryBundle { $0.annotations = ["org.example.key": "a value"] }
        bundle.spec.hooks[kind] = [hook("cat > \(note(kind, in: bundle).inside)/state")]
        #expect(try bundle.shell("sleep 0.1").succeeded)
        let state = try JSON(parsing: read("state", in: bundle))
        #expect(state.ociVersion.text != nil)
        #expect(state.id == .string(bundle.identifier))
        #expect(statuses.map { JSON.string($0) }.contains(state.status), "\(state)")
        #expect(state.bundle == .string(bundle.directory))
        #expect(state.annotations["org.example.key"] == "a value")
        if kind != "poststop" { #expect((state.pid.number ?? 0) > 0) }
    }

    @Test func aHookHasItsArgumentsAndItsEnvironmentAlone() throws {
        let bundle = try TemporaryBundle()
        let log = note("createRuntime", in: bundle).inside
        bundle.spec.hooks.createRuntime = [
            [
                "path": "/bin/sh",
                "args": ["anything", "-c", .string("{ echo \"$0 $1\"; env; } > \(log)/log"), "zero", "one"],
                "env": ["FROM_SPEC=1", "PATH=/usr/bin:/bin"],
            ]
        ]
        #expect(try bundle.run().succeeded)
        let lines = try read("log", in: bundle).split(separator: "\n").map(String.init)
        #expect(lines.first == "zero one" && lines.contains("FROM_SPEC=1"))
        #expect(!lines.contains { $0.hasPrefix("HOME=") || $0.hasPrefix("USER=") })
    }

    @Test(
        .requires(.container),
        arguments: [
            ("prestart", false), ("createRuntime", false), ("createContainer", true), ("startContainer", true),
        ])
    func aHookRunsInTheNamespacesOfItsKind(kind: String, inside: Bool) throws {
        let bundle = try TemporaryBundle()
        bundle.spec.hooks[kind] = [hook("readlink /proc/self/ns/net > \(note(kind, in: bundle).inside)/log")]
        let program = try bundle.run(["/bin/readlink", "/proc/self/ns/net"])
        #expect(program.succeeded, "\(program)")
        let seen = try read("log", in: bundle)
        #expect((seen == program.output) == inside, "\(seen) \(program.output)")
    }

    @Test func createContainerSeesTheHostsFilesBeforeThePivot() throws {
        let bundle = try TemporaryBundle()
        let source = try bundle.folder("outside", ["file": "reached"])
        bundle.spec.hooks.createContainer = [hook("cat \(source)/file > \(bundle.rootfs)/tmp/log")]
        #expect(try bundle.run().succeeded)
        #expect(try read("log", in: bundle) == "reached")
    }

    @Test(.requires(.container)) func createRuntimeRunsWhenTheNamespacesExist() throws {
        let bundle = try TemporaryBundle()
        let script = "read state; pid=${state##*\\\"pid\\\":}; pid=${pid%%[!0-9]*}; readlink /proc/$pid/ns/net"
        bundle.spec.hooks.createRuntime = [hook("cat | tr -d ' \\n' | { \(script); } > \(bundle.rootfs)/tmp/log")]
        let program = try bundle.run(["/bin/readlink", "/proc/self/ns/net"])
        #expect(try read("log", in: bundle) == program.output, "\(program)")
    }

    @Test func noHookRunsAtDeleteOfAContainerThatCreateNeverMade() throws {
        let bundle = try TemporaryBundle { $0.root.path = "nowhere" }
        bundle.spec.hooks.poststop = [hook("touch \(bundle.path("ran"))")]
        _ = try bundle.run()
        _ = try bundle.call(["delete", "--force", bundle.identifier])
        #expect(!FileManager.default.fileExists(atPath: bundle.path("ran")))
    }

    @Test(arguments: ["prestart", "createRuntime", "createContainer", "startContainer"])
    func aFailedHookSaysWhichItWasAndWhatItSaid(kind: String) throws {
        let bundle = try TemporaryBundle()
        bundle.spec.hooks[kind] = [hook("exit 0"), hook("echo first >&2; echo oops >&2; exit 3")]
        let outcome = try bundle.shell("echo the program ran")
        #expect(!outcome.output.contains("the program ran"))
        expectRefusal(outcome, naming: "hooks.\(kind)[1]", "/bin/sh", "3", "oops")
    }

    @Test func aFailedHookIsInTheEnginesLogToo() throws {
        let bundle = try TemporaryBundle()
        bundle.globalOptions = ["--log", bundle.path("log.json"), "--log-format", "json"]
        bundle.spec.hooks.createRuntime = [hook("echo oops >&2; exit 3")]
        _ = try bundle.run()
        let log = try String(contentsOfFile: bundle.path("log.json"), encoding: .utf8)
        let last = try JSON(parsing: String(log.split(separator: "\n").last ?? ""))
        #expect(last.level == "error" && last.msg.text?.contains("oops") == true, "\(log)")
    }

    @Test func aHookThatTakesTooLongIsKilledAndNamed() throws {
        let bundle = try TemporaryBundle()
        bundle.spec.hooks.createRuntime = [hook("exec sleep 30", timeout: 1)]
        let start = Date()
        expectRefusal(try bundle.run(), naming: "hooks.createRuntime[0]", "1 s")
        #expect(Date().timeIntervalSince(start) < 15)
    }

    @Test func aHookThatIsMissingIsNamed() throws {
        let bundle = try TemporaryBundle { $0.hooks.createRuntime = [["path": "/no/such/hook"]] }
        expectRefusal(try bundle.run(), naming: "hooks.createRuntime[0]", "/no/such/hook", "no such file or directory")
    }

    @Test func aRelativeHookPathIsRefused() throws {
        let bundle = try TemporaryBundle { $0.hooks.createRuntime = [["path": "hook"]] }
        expectRefusal(try bundle.run(), naming: "hooks.createRuntime[0].path")
    }

    @Test func aFailedPoststartStopsTheContainer() throws {
        let bundle = try TemporaryBundle()
        bundle.spec.hooks.poststart = [hook("exit 3")]
        _ = try bundle.create(["/bin/sleep", "1000"])
        let outcome = try bundle.call(["start", bundle.identifier])
        #expect(outcome.code == 1 && outcome.errors.contains("hooks.poststart[0]"), "\(outcome)")
        #expect(eventually(timeout: 5) { HostInventory(naming: bundle.identifier).processes.isEmpty })
        try bundle.succeed("delete", "--force", bundle.identifier)
    }

    @Test func aFailedPoststopIsAWarningOnly() throws {
        let bundle = try TemporaryBundle()
        let log = note("poststop", in: bundle).outside
        bundle.spec.hooks.poststop = [hook("exit 3"), hook("echo second > \(log)/log")]
        let outcome = try bundle.run()
        #expect(outcome.succeeded && outcome.errors.contains("poststop"), "\(outcome)")
        #expect(try read("log", in: bundle) == "second\n")
    }

    @Test func aHookDoesNotRunBetweenCreateAndStartButOnTime() throws {
        let bundle = try TemporaryBundle()
        for kind in Self.all {
            bundle.spec.hooks[kind] = [hook("echo \(kind) >> \(note(kind, in: bundle).inside)/log")]
        }
        _ = try bundle.create(["/bin/sleep", "1000"])
        #expect(try read("log", in: bundle) == "prestart\ncreateRuntime\ncreateContainer\n")
        try bundle.succeed("start", bundle.identifier)
        #expect(try read("log", in: bundle).hasSuffix("startContainer\npoststart\n"))
        try bundle.succeed("delete", "--force", bundle.identifier)
        #expect(try read("log", in: bundle).hasSuffix("poststop\n"))
    }
}

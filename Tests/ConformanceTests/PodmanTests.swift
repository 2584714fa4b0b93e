import Foundation
import TestSupport
import Testing

/// podman, whose runtime is the one under test: what a user of it does with a container, whatever keeps that apart.
///
/// `make test-engines` installs podman and runs these in both isolations.
@Suite(.serialized, .requires(.root, .mvrun, .program("podman"), .program("busybox"))) struct PodmanTests {
    /// An engine with a store of its own and an image of busybox, which go with the value.
    private final class Podman {
        private let folder: String
        let options: [String]

        init() throws {
            folder = "/run/mvt-podman-\(ProcessInfo.processInfo.processIdentifier)"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let runtime = try Self.runtime(in: folder)
            options = [
                "--root", "\(folder)/root", "--runroot", "\(folder)/run", "--tmpdir", "\(folder)/tmp",
                "--cgroup-manager", "cgroupfs", "--events-backend", "file", "--runtime", runtime,
            ]
            let root = "\(folder)/busybox"
            try RootFileSystem.make(at: root)
            let made = try ChildProcess.run(
                ["sh", "-c", "tar -C \(root) -c . | \"$@\" import - localhost/busybox:mvrun", "sh", "podman"] + options,
                timeout: 120)
            guard made.succeeded else { throw TestSupportError("podman import: \(made)") }
        }

        deinit {
            _ = try? call("rm", "--all", "--force", "--time", "0")
            _ = try? ChildProcess.run(
                ["sh", "-c", "umount \(folder)/root/overlay 2>/dev/null; rm -rf \(folder)"], timeout: 60)
        }

        /// The name by which an engine asks for a machine is a link's.
        private static func runtime(in folder: String) throws -> String {
            let path = RuntimeUnderTest.current.path
            guard RuntimeUnderTest.current.isolation == .vm else { return path }
            // Beside the programs that mvrun looks for, which it finds by its own path behind the link.
            let link = "\(folder)/mvrun-vm"
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
            return link
        }

        func call(_ words: String...) throws -> Outcome { try call(words) }

        func call(_ words: [String]) throws -> Outcome {
            try ChildProcess.run(["podman"] + options + words, timeout: 180 * RuntimeUnderTest.patience)
        }

        /// `run` with limits that a caller without CAP_SYS_RESOURCE can have.
        func run(_ words: String...) throws -> Outcome { try call(["run"] + PodmanTests.limits + words) }
    }

    /// podman's own cannot be had without CAP_SYS_RESOURCE.
    private static let limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]
    private static let image = "localhost/busybox:mvrun"
    private let podman: Podman
    private var image: String { Self.image }

    init() throws { podman = try Podman() }

    @Test func runShowsOutputAndStatus() throws {
        let said = try podman.run("--rm", image, "sh", "-c", "echo out; echo err >&2; exit 7")
        #expect(said.code == 7 && said.output == "out\n" && said.errors == "err\n", "\(said)")
        let missing = try podman.run("--rm", image, "/no/such/program")
        #expect(missing.code == 127 && missing.errors.contains("/no/such/program"), "\(missing)")
        let user = try podman.run(
            "--rm", "--user", "1000:1000", "--workdir", "/tmp", "--env", "A=b", image, "sh", "-c", "id -u; pwd; echo $A"
        )
        #expect(user.output == "1000\n/tmp\nb\n", "\(user)")
    }

    @Test func aContainerLivesThroughWhatAUserDoes() throws {
        let script = "trap 'echo told; exit 0' TERM; echo up; while :; do sleep 0.1; done"
        let made = try podman.run("--detach", "--name", "web", "--stop-signal", "TERM", image, "sh", "-c", script)
        try #require(made.succeeded, "\(made)")
        #expect(eventually(timeout: 30) { (try? podman.call("logs", "web").output.contains("up")) == true })
        let entered = try podman.call(
            "exec", "--user", "1000", "--env", "A=b", "web", "sh", "-c", "id -u; echo $A; exit 3")
        #expect(entered.code == 3 && entered.output == "1000\nb\n", "\(entered)")
        let missing = try podman.call("exec", "web", "/no/such/program")
        #expect(missing.code == 127, "\(missing)")
        #expect(try podman.call("inspect", "web", "--format", "{{.State.Status}}").line == "running")
        #expect(try podman.call("top", "web").output.contains("PID"))
        #expect(try podman.call("stats", "--no-stream", "web").output.contains("web"))
        try #require(try podman.call("pause", "web").succeeded)
        #expect(try podman.call("ps", "--all", "--format", "{{.Status}}").line.contains("Paused"))
        try #require(try podman.call("unpause", "web").succeeded)
        let stopped = try podman.call("stop", "--time", "20", "web")
        #expect(stopped.succeeded && !stopped.errors.contains("SIGKILL"), "\(stopped)")
        #expect(try podman.call("logs", "web").output.hasSuffix("told\n"))
        #expect(
            try podman.call("inspect", "web", "--format", "{{.State.Status}} {{.State.ExitCode}}").line == "exited 0")
        try #require(try podman.call("restart", "web").succeeded)
        #expect(try podman.call("ps", "--format", "{{.Names}}").line == "web")
        try #require(try podman.call("kill", "--signal", "KILL", "web").succeeded)
        #expect(eventually(timeout: 30) { (try? podman.call("ps", "--quiet").output) == "" })
        #expect(try podman.call("rm", "web").succeeded)
    }

    @Test func volumesAndLimitsHold() throws {
        let folder = NSTemporaryDirectory() + "mvt-volume-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try "host\n".write(toFile: folder + "/file", atomically: true, encoding: .utf8)
        let script =
            "cat /ro/file; echo guest > /rw/made; echo no > /ro/no; echo no > /no; cat /named/kept 2>/dev/null; echo kept > /named/kept"
        let words = [
            "--rm", "--read-only", "--volume", "\(folder):/ro:ro", "--volume", "\(folder):/rw", "--volume",
            "mvt:/named",
        ]
        let first = try podman.call(
            ["run"] + Self.limits + words + [
                image, "sh", "-c", script,
            ])
        #expect(
            first.output == "host\n" && first.errors.components(separatedBy: "Read-only file system").count == 3,
            "\(first)")
        #expect(FileManager.default.contents(atPath: folder + "/made") == Data("guest\n".utf8))
        let second = try podman.run("--rm", "--volume", "mvt:/named", image, "cat", "/named/kept")
        #expect(second.output == "kept\n", "\(second)")
        let limited = try podman.run(
            "--rm", "--memory", "192m", "--pids-limit", "50", image, "sh", "-c",
            "for i in $(seq 80); do sleep 5 & done; wait")
        #expect(limited.errors.contains("fork"), "\(limited)")
    }

    @Test(.requires(.program("ip"), .program("iptables"))) func aPublishedPortAnswers() throws {
        let made = try podman.run(
            "--detach", "--name", "served", "--publish", "18097:80", image, "sh", "-c",
            "echo served > /tmp/index.html; exec /bin/busybox httpd -f -p 80 -h /tmp")
        try #require(made.succeeded, "\(made)")
        func answer() -> String? {
            try? ChildProcess.run(["timeout", "5", "busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:18097/"]).line
        }
        #expect(eventually(timeout: 30) { answer() == "served" })
        #expect(try podman.call("rm", "--force", "--time", "0", "served").succeeded)
        #expect(answer() != "served")
    }

    @Test(.requires(.program("script"))) func aTerminalIsTheUsers() throws {
        let words = ["run", "--rm", "--interactive", "--tty"] + Self.limits + [image]
        let inside = "sh -c 'stty size; test -t 0 && test -t 1; exit $((20 + $?))'"
        let command = (["podman"] + podmanOptions + words).joined(separator: " ") + " " + inside
        let outcome = try ChildProcess.run(
            [
                "script", "--quiet", "--return", "--log-out", "/dev/null", "--command",
                "stty cols 91 rows 33; \(command)",
            ],
            timeout: 180)
        #expect(outcome.code == 20 && outcome.output.contains("33 91"), "\(outcome)")
    }

    private var podmanOptions: [String] { podman.options }

    @Test func anImageIsBuiltInContainers() throws {
        let folder = NSTemporaryDirectory() + "mvt-build-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try "FROM \(image)\nRUN echo built > /made && chown 1000:1000 /made\nCMD [\"cat\", \"/made\"]\n".write(
            toFile: folder + "/Containerfile", atomically: true, encoding: .utf8)
        let built = try podman.call(
            ["build"] + Self.limits + ["--network", "none", "--tag", "localhost/built", folder])
        #expect(built.succeeded, "\(built)")
        let outcome = try podman.run("--rm", "localhost/built")
        #expect(outcome.output == "built\n", "\(outcome)")
    }
}

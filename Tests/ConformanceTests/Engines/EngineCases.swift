import Foundation
import TestSupport
import Testing

/// What a user of an engine does with containers, whatever the engine is and whatever keeps them apart.
struct EngineCases {
    let engine: Engine

    func runShowsOutputAndStatus() throws {
        let said = try engine.run("--rm", engine.image, "sh", "-c", "echo out; echo err >&2; exit 7")
        #expect(said.code == 7 && said.output == "out\n" && said.errors == "err\n", "\(said)")
        let missing = try engine.run("--rm", engine.image, "/no/such/program")
        #expect(missing.code == 127 && missing.errors.contains("/no/such/program"), "\(missing)")
        let user = try engine.run(
            "--rm", "--user", "1000:1000", "--workdir", "/tmp", "--env", "A=b", engine.image, "sh", "-c",
            "id -u; pwd; echo $A"
        )
        #expect(user.output == "1000\n/tmp\nb\n", "\(user)")
    }

    func aContainerLivesThroughWhatAUserDoes() throws {
        let script = "trap 'echo told; exit 0' TERM; echo up; while :; do sleep 0.1; done"
        let made = try engine.run(
            "--detach", "--name", "web", "--stop-signal", "TERM", engine.image, "sh", "-c", script)
        try #require(made.succeeded, "\(made)")
        #expect(eventually(timeout: 30) { (try? engine.call("logs", "web").output.contains("up")) == true })
        let entered = try engine.call(
            "exec", "--user", "1000", "--env", "A=b", "web", "sh", "-c", "id -u; echo $A; exit 3")
        #expect(entered.code == 3 && entered.output == "1000\nb\n", "\(entered)")
        let missing = try engine.call("exec", "web", "/no/such/program")
        // docker says 126 of every exec that fails, and says why on its standard output.
        let reason = missing.output + missing.errors
        #expect([126, 127].contains(missing.code) && reason.contains("/no/such/program"), "\(missing)")
        #expect(try engine.call("inspect", "web", "--format", "{{.State.Status}}").line == "running")
        #expect(try engine.call("top", "web").output.contains("PID"))
        #expect(try engine.call("stats", "--no-stream", "web").output.contains("web"))
        try #require(try engine.call("pause", "web").succeeded)
        #expect(try engine.call("ps", "--all", "--format", "{{.Status}}").line.contains("Paused"))
        try #require(try engine.call("unpause", "web").succeeded)
        let stopped = try engine.call("stop", "--time", "20", "web")
        #expect(stopped.succeeded && !stopped.errors.contains("SIGKILL"), "\(stopped)")
        #expect(try engine.call("logs", "web").output.hasSuffix("told\n"))
        #expect(
            try engine.call("inspect", "web", "--format", "{{.State.Status}} {{.State.ExitCode}}").line == "exited 0")
        try #require(try engine.call("restart", "web").succeeded)
        #expect(try engine.call("ps", "--format", "{{.Names}}").line == "web")
        try #require(try engine.call("kill", "--signal", "KILL", "web").succeeded)
        #expect(eventually(timeout: 30) { (try? engine.call("ps", "--quiet").output) == "" })
        #expect(try engine.call("rm", "web").succeeded)
    }

    func volumesAndLimitsHold() throws {
        let folder = NSTemporaryDirectory() + "mvt-volume-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try "host\n".write(toFile: folder + "/file", atomically: true, encoding: .utf8)
        let script =
            "cat /ro/file; echo guest > /rw/made; echo no > /ro/no; echo no > /no; "
            + "cat /named/kept 2>/dev/null; echo kept > /named/kept"
        let words = [
            "--rm", "--read-only", "--volume", "\(folder):/ro:ro", "--volume", "\(folder):/rw", "--volume",
            "mvt:/named",
        ]
        let first = try engine.call(
            ["run"] + engine.limits + words + [
                engine.image, "sh", "-c", script,
            ])
        #expect(
            first.output == "host\n" && first.errors.components(separatedBy: "Read-only file system").count == 3,
            "\(first)")
        #expect(FileManager.default.contents(atPath: folder + "/made") == Data("guest\n".utf8))
        let second = try engine.run("--rm", "--volume", "mvt:/named", engine.image, "cat", "/named/kept")
        #expect(second.output == "kept\n", "\(second)")
        let limited = try engine.run(
            "--rm", "--memory", "192m", "--pids-limit", "50", engine.image, "sh", "-c",
            "for i in $(seq 80); do sleep 5 & done; wait")
        #expect(limited.errors.contains("fork"), "\(limited)")
    }

    func aPublishedPortAnswers() throws {
        let made = try engine.run(
            "--detach", "--name", "served", "--publish", "\(engine.port):80", engine.image, "sh", "-c",
            "echo served > /tmp/index.html; exec /bin/busybox httpd -f -p 80 -h /tmp")
        try #require(made.succeeded, "\(made)")
        func answer() -> String? {
            try? ChildProcess.run([
                "timeout", "5", "busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:\(engine.port)/",
            ]).line
        }
        #expect(eventually(timeout: 30) { answer() == "served" })
        #expect(try engine.call("kill", "served").succeeded)
        #expect(try engine.call("rm", "--force", "served").succeeded)
        #expect(answer() != "served")
    }

    func aTerminalIsTheUsers() throws {
        let words = ["run", "--rm", "--interactive", "--tty"] + engine.limits + [engine.image]
        // An engine sets the size when the program runs already.
        let inside =
            "sh -c 'n=0; until [ \"$(stty size)\" = \"33 91\" ] || [ $n = 50 ]; do sleep 0.1; n=$((n + 1)); done; "
            + "stty size; test -t 0 && test -t 1; exit $((20 + $?))'"
        let command = (engine.command + words).joined(separator: " ") + " " + inside
        let outcome = try ChildProcess.run(
            [
                "script", "--quiet", "--return", "--log-out", "/dev/null", "--command",
                "stty cols 91 rows 33; \(command)",
            ],
            environment: engine.variables, timeout: 180)
        #expect(outcome.code == 20 && outcome.output.contains("33 91"), "\(outcome)")
    }

    func anImageIsBuiltInContainers() throws {
        let folder = NSTemporaryDirectory() + "mvt-build-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try "FROM \(engine.image)\nRUN echo built > /made && chown 1000:1000 /made\nCMD [\"cat\", \"/made\"]\n".write(
            toFile: folder + "/Containerfile", atomically: true, encoding: .utf8)
        let built = try engine.call(
            ["build"] + engine.limits + [
                "--network", "none", "--tag", "localhost/built", "--file", folder + "/Containerfile", folder,
            ])
        #expect(built.succeeded, "\(built)")
        let outcome = try engine.run("--rm", "localhost/built")
        #expect(outcome.output == "built\n", "\(outcome)")
    }
}

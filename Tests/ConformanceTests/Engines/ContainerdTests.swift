import Foundation
import TestSupport
import Testing

/// containerd's shim for runc, told of the runtime under test, by ctr and without images.
///
/// `make test-engines` installs it and runs these in both isolations.
@Suite(.serialized, .requires(.root, .mvrun, .program("containerd"), .program("ctr"), .program("busybox")))
final class ContainerdTests {
    private final class Containerd: Engine {
        private var daemon: ChildProcess?

        init() throws {
            try super.init(name: "containerd") { folder, _ in ["ctr", "--address", "\(folder)/containerd.sock"] }
            let configuration = """
                version = 2
                root = "\(folder)/root"
                state = "\(folder)/state"
                disabled_plugins = ["io.containerd.grpc.v1.cri"]
                [grpc]
                  address = "\(folder)/containerd.sock"
                """
            try configuration.write(toFile: "\(folder)/config.toml", atomically: true, encoding: .utf8)
            try RootFileSystem.make(at: "\(folder)/busybox")
            try launch()
        }

        private func launch() throws {
            let launch = "exec containerd --config \(folder)/config.toml >> \(folder)/log 2>&1"
            daemon = try ChildProcess(["sh", "-c", launch])
            guard try eventually(timeout: 60, { try call("version").succeeded }) else {
                throw TestSupportError("containerd does not answer")
            }
        }

        /// Kills the daemon, and starts another one.
        func restart() throws {
            daemon?.send(SIGKILL)
            _ = daemon?.finish(timeout: 30)
            try launch()
        }

        deinit {
            daemon?.send(SIGTERM)
            _ = daemon?.finish(timeout: 30)
            let script = "umount -R \(folder)/state 2>/dev/null; rm -rf \(folder)"
            _ = try? ChildProcess.run(["sh", "-c", script], timeout: 60)
        }

        func start(_ options: String..., name: String, _ program: String...) throws -> Outcome {
            let shim = ["--runtime", "io.containerd.runc.v2", "--runc-binary", "\(folder)/\(runtime)"]
            return try call(["run"] + options + shim + ["--rootfs", "\(folder)/busybox", name] + program)
        }
    }

    private let containerd: Containerd

    init() throws { containerd = try Containerd() }

    @Test func runShowsOutputAndStatus() throws {
        let said = try containerd.start("--rm", name: "mvt-said", "/bin/sh", "-c", "echo out; exit 7")
        #expect(said.code == 7 && said.output.hasSuffix("out\n"), "\(said)")
        let missing = try containerd.start("--rm", name: "mvt-missing", "/no/such/program")
        #expect(!missing.succeeded && missing.errors.contains("no such file or directory"), "\(missing)")
    }

    @Test func aTaskLivesThroughWhatAUserDoes() throws {
        let name = "mvt-task"
        try #require(try containerd.start("--detach", name: name, "/bin/sleep", "1000").succeeded)
        let exec = ["task", "exec", "--exec-id", "one", name]
        let entered = try containerd.call(exec + ["/bin/sh", "-c", "echo in; exit 3"])
        #expect(entered.code == 3 && entered.output == "in\n", "\(entered)")
        func status() throws -> String {
            let line = try containerd.call("task", "ls").output.split(separator: "\n").first { $0.hasPrefix(name) }
            return line?.split(separator: " ").last.map(String.init) ?? ""
        }
        try #require(try containerd.call("task", "pause", name).succeeded)
        #expect(try status() == "PAUSED")
        try #require(try containerd.call("task", "resume", name).succeeded)
        #expect(try status() == "RUNNING")
        #expect(try containerd.call("task", "metrics", name).output.contains("memory"))
        #expect(try containerd.call("task", "ps", name).output.contains("PID"))
        try #require(try containerd.call("task", "kill", "--signal", "SIGKILL", name).succeeded)
        #expect(try eventually(timeout: 30) { try status() == "STOPPED" })
        #expect(try containerd.call("task", "rm", name).errors.contains("137"))
        #expect(try containerd.call("container", "rm", name).succeeded)
        #expect(HostInventory(naming: name).isEmpty)
    }

    @Test(.requires(.long)) func aKilledShimIsCleanedUp() throws {
        let name = "mvt-shimless-\(ProcessInfo.processInfo.processIdentifier)"
        try #require(try containerd.start("--detach", name: name, "/bin/sleep", "1000").succeeded)
        let shim = try onHost("pgrep --full '[c]ontainerd-shim.*-id \(name)'").trimmingCharacters(in: .newlines)
        kill(try #require(pid_t(shim)), SIGKILL)
        // containerd notices, and has the runtime delete what the shim had.
        #expect(try eventually(timeout: 60) { try !containerd.call("task", "ls").output.contains("\(name) ") })
        #expect(try containerd.call("container", "rm", name).succeeded)
        #expect(eventually(timeout: 10) { HostInventory(naming: name).isEmpty }, "\(HostInventory(naming: name))")
    }

    @Test func aTaskOutlivesTheDaemon() throws {
        let name = "mvt-lives-\(ProcessInfo.processInfo.processIdentifier)"
        try #require(try containerd.start("--detach", name: name, "/bin/sleep", "1000").succeeded)
        try containerd.restart()
        let exec = ["task", "exec", "--exec-id", "one", name]
        #expect(try containerd.call(exec + ["/bin/sh", "-c", "exit 3"]).code == 3)
        #expect(try containerd.call("task", "rm", "--force", name).succeeded)
        #expect(try containerd.call("container", "rm", name).succeeded)
        #expect(eventually(timeout: 10) { HostInventory(naming: name).isEmpty }, "\(HostInventory(naming: name))")
    }
}

import Foundation
import TestSupport

/// An engine that keeps containers with the runtime under test, with a store of its own and an image of busybox; all of it
/// goes with the value.
class Engine {
    /// Where everything of it is.
    let folder: String
    /// What each command line begins with.
    let command: [String]
    /// The runtime under test, by the name that chooses the isolation.
    let runtime: String
    /// The image.
    let image = "localhost/busybox:mvrun"
    /// Limits that a caller without CAP_SYS_RESOURCE can have; an engine's own are larger.
    let limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]

    init(name: String, command: (_ folder: String, _ runtime: String) -> [String]) throws {
        folder = "/run/mvt-\(name)-\(ProcessInfo.processInfo.processIdentifier)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        runtime = try Self.runtime(in: folder)
        self.command = command(folder, runtime)
    }

    /// Makes the image out of a root file system.
    func importImage() throws {
        let root = "\(folder)/busybox"
        try RootFileSystem.make(at: root)
        let script = "tar -C \(root) -c . | \"$@\" import - \(image)"
        let made = try ChildProcess.run(["sh", "-c", script, "sh"] + command, timeout: 120)
        guard made.succeeded else { throw TestSupportError("\(command[0]) import: \(made)") }
    }

    /// An engine asks for a machine by the program's name, which is a link's.
    private static func runtime(in folder: String) throws -> String {
        let path = RuntimeUnderTest.current.path
        guard RuntimeUnderTest.current.isolation == .vm else { return path }
        let link = "\(folder)/mvrun-vm"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
        return link
    }

    func call(_ words: String...) throws -> Outcome { try call(words) }

    func call(_ words: [String]) throws -> Outcome {
        var environment = ProcessInfo.processInfo.environment
        // The builder that starts containers by the runtime that the engine was told of.
        environment["DOCKER_BUILDKIT"] = "0"
        return try ChildProcess.run(command + words, environment: environment, timeout: 180 * RuntimeUnderTest.patience)
    }

    func run(_ words: String...) throws -> Outcome { try run(words) }

    func run(_ words: [String]) throws -> Outcome { try call(["run"] + limits + words) }
}

/// podman, which has no daemon.
final class Podman: Engine {
    init() throws {
        try super.init(name: "podman") { folder, runtime in
            [
                "podman", "--root", "\(folder)/root", "--runroot", "\(folder)/run", "--tmpdir", "\(folder)/tmp",
                "--cgroup-manager", "cgroupfs", "--events-backend", "file", "--runtime", runtime,
            ]
        }
        try importImage()
    }

    deinit {
        _ = try? call("rm", "--all", "--force", "--time", "0")
        let script = "umount \(folder)/root/overlay 2>/dev/null; rm -rf \(folder)"
        _ = try? ChildProcess.run(["sh", "-c", script], timeout: 60)
    }
}

/// docker, with a daemon and a containerd of its own.
final class Docker: Engine {
    private var daemon: ChildProcess?

    init() throws {
        try super.init(name: "docker") { folder, _ in
            ["/usr/bin/docker", "--host", "unix://\(folder)/docker.sock"]
        }
        let launch = [
            "dockerd", "--data-root", "\(folder)/root", "--exec-root", "\(folder)/exec", "--pidfile", "\(folder)/pid",
            "--host", "unix://\(folder)/docker.sock", "--add-runtime", "tested=\(runtime)", "--default-runtime",
            "tested",
            "--exec-opt", "native.cgroupdriver=cgroupfs",
        ]
        let log = "\(folder)/log"
        daemon = try ChildProcess(["sh", "-c", "exec \"$@\" > \(log) 2>&1", "sh"] + launch)
        guard try eventually(timeout: 60, { try call("info").succeeded }) else {
            throw TestSupportError(
                "dockerd: \((try? String(contentsOfFile: log, encoding: .utf8))?.suffix(2000) ?? "")")
        }
        try importImage()
    }

    deinit {
        let remove = "docker=\"$*\"; ids=$($docker ps --all --quiet); [ -z \"$ids\" ] || $docker rm --force $ids"
        _ = try? ChildProcess.run(["sh", "-c", remove, "sh"] + command, timeout: 60)
        daemon?.send(SIGTERM)
        _ = daemon?.finish(timeout: 30)
        let script = "umount -R \(folder)/root 2>/dev/null; umount -R \(folder)/exec 2>/dev/null; rm -rf \(folder)"
        _ = try? ChildProcess.run(["sh", "-c", script], timeout: 60)
    }
}

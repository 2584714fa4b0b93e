import Foundation
import TestSupport

/// An engine that keeps containers with the runtime under test, with a store of its own and an image of busybox; all of it
/// goes with the value.
///
/// It is configured by the listings of docs/engines.md.
class Engine {
    /// Where everything of it is.
    let folder: String
    /// What each command line begins with.
    let command: [String]
    /// The name that chooses the isolation under test.
    let runtime: String
    /// What is added to its environment.
    var environment: [String: String] = [:]
    /// A port of the host's that no other engine's tests publish on meanwhile.
    let port: Int
    /// The image.
    let image = "localhost/busybox:mvrun"
    /// Limits that a caller without CAP_SYS_RESOURCE can have; an engine's own are larger.
    let limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]

    init(name: String, command: (_ folder: String, _ runtime: String) -> [String]) throws {
        port = 18094 + name.utf8.reduce(0) { ($0 * 31 + Int($1)) % 900 }
        folder = "/run/mvt-\(name)-\(ProcessInfo.processInfo.processIdentifier)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for name in ["mvrun", "mvrun-vm"] {
            try FileManager.default.createSymbolicLink(
                atPath: "\(folder)/\(name)", withDestinationPath: RuntimeUnderTest.current.path)
        }
        runtime = RuntimeUnderTest.current.isolation == .vm ? "mvrun-vm" : "mvrun"
        self.command = command(folder, runtime)
    }

    /// Writes a listing of docs/engines.md into a file of the engine's folder.
    ///
    /// - Returns: the file.
    static func configure(_ name: String, _ language: String, with part: String, in folder: String) throws -> String {
        let path = "\(folder)/\(name)"
        try documented(language, with: part, in: folder).write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    /// Makes the image out of a root file system.
    func importImage() throws {
        let root = "\(folder)/busybox"
        try RootFileSystem.make(at: root)
        let script = "tar -C \(root) -c . | \"$@\" import - \(image)"
        let made = try ChildProcess.run(["sh", "-c", script, "sh"] + command, environment: variables, timeout: 120)
        guard made.succeeded else { throw TestSupportError("\(command[0]) import: \(made)") }
    }

    /// Its environment.
    var variables: [String: String] {
        ProcessInfo.processInfo.environment.merging(environment) { $1 }
    }

    func call(_ words: String...) throws -> Outcome { try call(words) }

    func call(_ words: [String]) throws -> Outcome {
        var environment = variables
        // The builder that starts containers by the runtime that the engine was told of.
        environment["DOCKER_BUILDKIT"] = "0"
        return try ChildProcess.run(command + words, environment: environment, timeout: 180 * RuntimeUnderTest.patience)
    }

    /// What makes a container of a command line, whatever the isolation under test.
    func wordsForContainers(_ words: [String]) -> [String] {
        command.map { $0 == "mvrun-vm" ? "mvrun" : $0 } + words
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
        environment["CONTAINERS_CONF"] = try Self.configure(
            "containers.conf", "toml", with: "engine.runtimes", in: folder)
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
    private(set) var daemon: ChildProcess?
    private let launch: [String]

    init() throws {
        let folder = "/run/mvt-docker-\(ProcessInfo.processInfo.processIdentifier)"
        launch = [
            "dockerd", "--config-file", "\(folder)/daemon.json", "--data-root", "\(folder)/root", "--exec-root",
            "\(folder)/exec", "--pidfile", "\(folder)/pid", "--host", "unix://\(folder)/docker.sock",
            "--default-runtime", RuntimeUnderTest.current.isolation == .vm ? "mvrun-vm" : "mvrun", "--exec-opt",
            "native.cgroupdriver=cgroupfs",
        ]
        try super.init(name: "docker") { folder, _ in
            ["/usr/bin/docker", "--host", "unix://\(folder)/docker.sock"]
        }
        _ = try Self.configure("daemon.json", "json", with: "runtimes", in: folder)
        try start()
        try importImage()
    }

    deinit {
        let remove = "docker=\"$*\"; ids=$($docker ps --all --quiet); [ -z \"$ids\" ] || $docker rm --force $ids"
        _ = try? ChildProcess.run(["sh", "-c", remove, "sh"] + command, timeout: 60)
        stop(SIGTERM)
        let script = "umount -R \(folder)/root 2>/dev/null; umount -R \(folder)/exec 2>/dev/null; rm -rf \(folder)"
        _ = try? ChildProcess.run(["sh", "-c", script], timeout: 60)
    }

    override func wordsForContainers(_ words: [String]) -> [String] {
        command + (words.first == "run" ? ["run", "--runtime", "mvrun"] + words.dropFirst() : words)
    }

    /// Starts the daemon.
    func start() throws {
        // A containerd that ended with its dockerd, and that nobody has waited for, would count as one that runs.
        let file = "\(folder)/exec/containerd/containerd.pid"
        let isZombie = "grep -q '^State:.Z' /proc/$(cat \(file))/status 2>/dev/null"
        _ = try? ChildProcess.run(["sh", "-c", "sleep 1; \(isZombie) && rm \(file)"])
        let log = "\(folder)/log"
        daemon = try ChildProcess(["sh", "-c", "exec \"$@\" >> \(log) 2>&1", "sh"] + launch)
        guard try eventually(timeout: 60, { try call("info").succeeded }) else {
            throw TestSupportError(
                "dockerd: \((try? String(contentsOfFile: log, encoding: .utf8))?.suffix(2000) ?? "")")
        }
    }

    /// Ends the daemon.
    func stop(_ signal: Int32) {
        daemon?.send(signal)
        _ = daemon?.finish(timeout: 30)
        daemon = nil
    }
}

/// A listing of docs/engines.md, whose programs are in a folder rather than in /usr/local/bin.
///
/// - Parameters:
///   - language: the listing's.
///   - part: what it has somewhere, to tell it from others.
///   - folder: where the links are.
func documented(_ language: String, with part: String, in folder: String) throws -> String {
    let text = try String(contentsOfFile: "\(RuntimeUnderTest.repository)/docs/engines.md", encoding: .utf8)
    let listings = text.components(separatedBy: "```\(language)\n").dropFirst().compactMap {
        $0.components(separatedBy: "```").first
    }
    guard let listing = listings.first(where: { $0.contains(part) }) else {
        throw TestSupportError("docs/engines.md has no listing of \(language) with \(part)")
    }
    return listing.replacing("/usr/local/bin/", with: folder + "/")
}

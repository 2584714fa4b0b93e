import Foundation
import TestSupport
import Testing

/// What a user of an engine sets for containers beside what they run: limits, checks, namespaces of others, privileges, devices.
struct EngineSettings {
    let engine: Engine

    private var isMachine: Bool { RuntimeUnderTest.current.isolation == .vm }

    private func run(_ options: String..., script: String) throws -> Outcome {
        try engine.run(["--rm"] + options + [engine.image, "sh", "-c", script])
    }

    /// A file of the cgroup that the first process of a container is in, on the host.
    private func cgroupFile(of name: String, _ controller: String, _ file: (v1: String, v2: String)) throws -> String {
        let pid = try engine.call("inspect", name, "--format", "{{.State.Pid}}").line
        let lines = try onHost("cat /proc/\(pid)/cgroup").split(separator: "\n").map {
            $0.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        }
        let own = lines.first { $0[1].split(separator: ",").contains { $0 == controller } }
        let unified = lines.first { $0[1].isEmpty }
        let path =
            own.map { "/sys/fs/cgroup/\(controller)\($0[2])/\(file.v1)" }
            ?? unified.map { "/sys/fs/cgroup\($0[2])/\(file.v2)" }
        return try onHost("cat '\(path ?? "")'").trimmingCharacters(in: .newlines)
    }

    /// - Parameter interval: how often the engine looks after the container; nil where it is asked to.
    func limitsChangeAndHealthIsChecked(interval: String?) throws {
        let health = ["--health-cmd", "test -e /tmp/well", "--health-interval", interval ?? "disable"]
        let made = try engine.run(
            ["--detach", "--name", "watched", "--cpus", "0.5", "--memory", "192m"] + health + [
                engine.image, "sh", "-c", "touch /tmp/well; while :; do sleep 1; done",
            ])
        try #require(made.succeeded, "\(made)")
        let quota = ("cpu.cfs_quota_us", "cpu.max")
        #expect(["50000", "50000 100000"].contains(try cgroupFile(of: "watched", "cpu", quota)))
        let changed = try engine.call("update", "--cpus", "0.25", "--memory", "160m", "--memory-swap", "-1", "watched")
        #expect(changed.succeeded, "\(changed)")
        #expect(["25000", "25000 100000"].contains(try cgroupFile(of: "watched", "cpu", quota)))
        if !isMachine {
            let limit = try cgroupFile(of: "watched", "memory", ("memory.limit_in_bytes", "memory.max"))
            #expect(limit == "167772160")
        }
        if interval == nil {
            #expect(try engine.call("healthcheck", "run", "watched").succeeded)
            #expect(try engine.call("exec", "watched", "rm", "/tmp/well").succeeded)
            #expect(try engine.call("healthcheck", "run", "watched").code == 1)
        } else {
            func health() throws -> String {
                try engine.call("inspect", "watched", "--format", "{{.State.Health.Status}}").line
            }
            #expect(try eventually(timeout: 60) { try health() == "healthy" })
        }
        let listed = try engine.call("top", "watched").output
        #expect(listed.contains(isMachine ? "mvrun-vmm" : "sleep 1"), "\(listed)")
        let figures = try engine.call("stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", "watched").line
        #expect(figures.hasPrefix("watched ") && !figures.contains(" 0B /"), "\(figures)")
        #expect(try engine.call("rm", "--force", "watched").succeeded)
    }

    /// Namespaces of the host's and of another container's.
    func namespacesOfOthers() throws {
        let links = "readlink /proc/self/ns/ipc; readlink /proc/self/ns/uts; ls /proc | grep -c '^[0-9]*$'"
        let ofHost = try run("--ipc", "host", "--uts", "host", "--pid", "host", script: links)
        let own = try onHost("readlink /proc/self/ns/ipc /proc/self/ns/uts")
        #expect(ofHost.succeeded && ofHost.output.hasPrefix(own) == !isMachine, "\(ofHost)")
        let first = try engine.run(
            "--detach", "--name", "first", "--ipc", "shareable", "--hostname", "shared", engine.image, "sleep", "1000")
        try #require(first.succeeded, "\(first)")
        let ofFirst = try run("--ipc", "container:first", "--pid", "container:first", script: links)
        let ids = try engine.call("exec", "first", "readlink", "/proc/self/ns/ipc").line
        // Two guests number theirs alike.
        #expect(ofFirst.succeeded && (isMachine || ofFirst.output.hasPrefix(ids)), "\(ofFirst)")
        let network = try run("--network", "container:first", script: "hostname; readlink /proc/self/ns/net")
        if isMachine {
            #expect(!network.succeeded, "\(network)")
            #expect(network.errors.contains("another virtual machine has it already"), "\(network)")
        } else {
            let other = try engine.call("exec", "first", "readlink", "/proc/self/ns/net").line
            #expect(network.succeeded && network.output.hasSuffix("\(other)\n"), "\(network)")
        }
        #expect(try engine.call("rm", "--force", "first").succeeded)
        let host = try run("--network", "host", script: "readlink /proc/self/ns/net")
        if isMachine {
            #expect(!host.succeeded && host.errors.contains("the host's network, and a guest cannot"), "\(host)")
        } else {
            #expect(try host.output == onHost("readlink /proc/self/ns/net"), "\(host)")
        }
    }

    /// Capabilities, system calls and labels.
    func privileges() throws {
        let change = "cd /tmp; touch file; chown 1000 file && echo changed; mkdir made && echo made"
        let usual = try run(script: change)
        #expect(usual.output == "changed\nmade\n", "\(usual)")
        let profile = NSTemporaryDirectory() + "mvt-profile-\(UUID().uuidString).json"
        let text = """
            {"defaultAction": "SCMP_ACT_ALLOW",
             "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}
            """
        try text.write(toFile: profile, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: profile) }
        let few = try run("--cap-drop", "ALL", "--security-opt", "seccomp=\(profile)", script: change)
        #expect(few.output.isEmpty, "\(few)")
        #expect(few.errors.components(separatedBy: "Operation not permitted").count == 3, "\(few)")
    }

    /// A device of the host.
    func devices() throws {
        let outcome = try run(
            "--device", "/dev/net/tun:/dev/mine", "--device", "/dev/kvm", script: "ls /dev/mine /dev/kvm")
        if isMachine {
            #expect(!outcome.succeeded && outcome.errors.contains("is a device of the host"), "\(outcome)")
        } else {
            #expect(
                outcome.output == "/dev/kvm\n/dev/mine\n" || outcome.output == "/dev/mine\n/dev/kvm\n", "\(outcome)")
        }
    }
}

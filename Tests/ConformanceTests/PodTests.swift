import Foundation
import TestSupport
import Testing

/// The container that holds a pod's namespaces where the pod's others are virtual machines: as an engine marks it, and made
/// without a machine.
@Suite(.requires(.root, .mvrun)) struct PodTests {
    private func bundle() throws -> TemporaryBundle {
        let bundle = try TemporaryBundle {
            $0.annotations = ["io.kubernetes.cri.container-type": "sandbox"]
            $0.process.args = ["/bin/sh", "-c", "touch /ran; sleep 1000"]
        }
        bundle.globalOptions = []
        return bundle
    }

    /// The arguments of a verb that makes a machine.
    private func making(_ verb: String, _ bundle: TemporaryBundle) throws -> [String] {
        try bundle.writeConfiguration()
        return [verb, "--isolation", "vm", "--bundle", bundle.directory, bundle.identifier]
    }

    @Test func nothingOfItsImageRuns() throws {
        let bundle = try bundle()
        let id = bundle.identifier
        let creator = try ChildProcess(bundle.command(making("create", bundle)))
        try #require(creator.finishKeepingStreams(timeout: 60) == .exited(0), creator.explanation)
        #expect(try bundle.state().status == "created")
        try bundle.succeed("start", id)
        let pid = try #require(try bundle.state().pid.number)
        #expect(
            try eventually {
                try onHost("tr '\\0' ' ' < /proc/\(pid)/cmdline").hasPrefix("/mvrun-vmm --hold")
            })
        for kind in ["net", "ipc", "uts", "pid", "mnt", "user"] {
            let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/\(kind)")
            #expect(try onHost("readlink /proc/\(pid)/ns/\(kind)").trimmingCharacters(in: .newlines) != own)
        }
        #expect(try onHost("grep CapEff /proc/\(pid)/status").hasSuffix("0000000000000000\n"))
        #expect(try onHost("ls /proc/\(pid)/root").split(separator: "\n") == ["mvrun-vmm", "proc"])
        let exec = try bundle.exec("/bin/true")
        #expect(!exec.succeeded && exec.errors.contains("holds the namespaces of a pod"), "\(exec)")
        try bundle.succeed("kill", id, "TERM")
        #expect(try eventually(timeout: 10) { try bundle.state().status == "stopped" })
        try bundle.succeed("delete", id)
        #expect(!FileManager.default.fileExists(atPath: bundle.rootfs + "/ran"))
    }

    @Test func itIsKilledAndPausedAsAnyOther() throws {
        let bundle = try bundle()
        let id = bundle.identifier
        let creator = try ChildProcess(bundle.command(making("create", bundle)))
        try #require(creator.finishKeepingStreams(timeout: 60) == .exited(0), creator.explanation)
        try bundle.succeed("start", id)
        try bundle.succeed("pause", id)
        #expect(try bundle.state().status == "paused")
        try bundle.succeed("resume", id)
        try bundle.succeed("delete", "--force", id)
    }

    @Test func aHookThatWouldRunInItIsRefused() throws {
        let bundle = try bundle()
        bundle.spec.hooks.startContainer = [["path": "/bin/true"]]
        let outcome = try bundle.call(making("create", bundle))
        #expect(!outcome.succeeded && outcome.errors.contains("hooks.startContainer"), "\(outcome)")
    }

    @Test func theNetworkOfTheHostIsRefused() throws {
        let bundle = try bundle()
        bundle.spec.removeNamespace("network")
        let outcome = try bundle.call(making("create", bundle))
        #expect(!outcome.succeeded && outcome.errors.contains("a guest cannot"), "\(outcome)")
    }
}

import Foundation
import TestSupport
import Testing

/// podman, whose runtime is the one under test.
///
/// `make test-engines` installs it and runs these in both isolations.
@Suite(.serialized, .requires(.root, .mvrun, .program("podman"), .program("busybox"))) struct PodmanTests {
    private let engine: Podman
    private var cases: EngineCases { EngineCases(engine: engine) }
    private var settings: EngineSettings { EngineSettings(engine: engine) }
    private var endurance: EngineEndurance { EngineEndurance(engine: engine) }

    init() throws { engine = try Podman() }

    @Test func runShowsOutputAndStatus() throws { try cases.runShowsOutputAndStatus() }
    @Test func aContainerLivesThroughWhatAUserDoes() throws { try cases.aContainerLivesThroughWhatAUserDoes() }
    @Test func volumesAndLimitsHold() throws { try cases.volumesAndLimitsHold() }
    @Test(.requires(.program("ip"), .program("iptables"))) func aPublishedPortAnswers() throws {
        try cases.aPublishedPortAnswers()
    }
    @Test(.requires(.program("script"))) func aTerminalIsTheUsers() throws { try cases.aTerminalIsTheUsers() }
    @Test func anImageIsBuiltInContainers() throws { try cases.anImageIsBuiltInContainers() }

    @Test func limitsChangeAndHealthIsChecked() throws { try settings.limitsChangeAndHealthIsChecked(interval: nil) }
    @Test func namespacesOfOthers() throws { try settings.namespacesOfOthers() }
    @Test func privileges() throws { try settings.privileges() }
    @Test(.requires(.file("/dev/net/tun"), .file("/dev/kvm"))) func devices() throws { try settings.devices() }

    @Test(.requires(.program("ip"), .program("iptables"), .file("/usr/lib/podman/aardvark-dns")))
    func neighboursReachEachOtherByName() throws {
        try EngineNetworks(engine: engine).neighboursReachEachOtherByName(mtu: "mtu", subnet: "10.99.0")
    }

    @Test(.requires(.long, .program("iptables"))) func manyContainersLeaveNothing() throws {
        try endurance.manyContainersLeaveNothing {
            // podman has no daemon; this stops what runs.
            let stopped = try engine.call("system", "migrate")
            #expect(stopped.succeeded, "\(stopped)")
        }
    }
    @Test(.requires(.long)) func aKilledConmonIsCleanedUp() throws {
        try endurance.aKilledProcessIsCleanedUp("conmon") {
            try engine.call("inspect", $0, "--format", "{{.State.ConmonPid}}").line
        } afterwards: {
            try deleteForgotten()
        }
    }
    @Test(.requires(.long)) func aKilledContainerIsCleanedUp() throws {
        try endurance.aKilledProcessIsCleanedUp("the container") {
            try engine.call("inspect", $0, "--format", "{{.State.Pid}}").line
        }
    }
    @Test(.requires(.long)) func aKilledStartIsCleanedUp() throws {
        try endurance.aKilledStartIsCleanedUp(["/mvrun", "/mvrun-vm", "/mvrun-vmm", "conmon"]) { try deleteForgotten() }
    }

    /// Deletes what podman has removed without having the runtime delete it: where its conmon was killed, whatever the runtime.
    private func deleteForgotten() throws {
        let runtime = "\(engine.folder)/mvrun"
        let known = try engine.call("ps", "--all", "--quiet", "--no-trunc").output
        for id in try onHost("\(runtime) list --quiet").split(separator: "\n") where !known.contains(id) {
            // Others may have containers on this host, but not with the names of podman's.
            guard id.utf8.count == 64, try onHost("\(runtime) state \(id)").contains(engine.folder) else { continue }
            try onHost("\(runtime) delete --force \(id)")
        }
    }
}

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
        try EngineNetworks(engine: engine).neighboursReachEachOtherByName()
    }

    @Test(.requires(.program("iptables"))) func manyContainersLeaveNothing() throws {
        try endurance.manyContainersLeaveNothing {
            // podman has no daemon: each container has a process of its own, and it is that which goes.
            let conmon = try engine.call("inspect", "restarted", "--format", "{{.State.ConmonPid}}").line
            try killProcess(conmon)
            #expect(try engine.call("system", "migrate").succeeded)
        }
    }
    @Test func aKilledConmonIsCleanedUp() throws {
        try endurance.aKilledProcessIsCleanedUp("conmon") {
            try engine.call("inspect", $0, "--format", "{{.State.ConmonPid}}").line
        }
    }
    @Test func aKilledContainerIsCleanedUp() throws {
        try endurance.aKilledProcessIsCleanedUp("the container") {
            try engine.call("inspect", $0, "--format", "{{.State.Pid}}").line
        }
    }
    @Test func aKilledStartIsCleanedUp() throws {
        try endurance.aKilledStartIsCleanedUp(["/mvrun", "/mvrun-vm", "/mvrun-vmm", "conmon"])
    }
}

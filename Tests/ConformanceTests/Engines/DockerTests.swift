import Foundation
import TestSupport
import Testing

/// docker, with a daemon whose default runtime is the one under test.
///
/// `make test-engines` installs it and runs these in both isolations.
@Suite(
    .serialized,
    .requires(.root, .mvrun, .program("dockerd"), .file("/usr/bin/docker"), .program("busybox"), .program("iptables")))
struct DockerTests {
    private let engine: Docker
    private var cases: EngineCases { EngineCases(engine: engine) }
    private var settings: EngineSettings { EngineSettings(engine: engine) }
    private var endurance: EngineEndurance { EngineEndurance(engine: engine) }

    init() throws { engine = try Docker() }

    @Test func runShowsOutputAndStatus() throws { try cases.runShowsOutputAndStatus() }
    @Test func aContainerLivesThroughWhatAUserDoes() throws { try cases.aContainerLivesThroughWhatAUserDoes() }
    @Test func volumesAndLimitsHold() throws { try cases.volumesAndLimitsHold() }
    @Test func aPublishedPortAnswers() throws { try cases.aPublishedPortAnswers() }
    @Test(.requires(.program("script"))) func aTerminalIsTheUsers() throws { try cases.aTerminalIsTheUsers() }
    @Test func anImageIsBuiltInContainers() throws { try cases.anImageIsBuiltInContainers() }

    @Test func limitsChangeAndHealthIsChecked() throws { try settings.limitsChangeAndHealthIsChecked(interval: "1s") }
    @Test func namespacesOfOthers() throws { try settings.namespacesOfOthers() }
    @Test func privileges() throws { try settings.privileges() }
    @Test(.requires(.file("/dev/net/tun"), .file("/dev/kvm"))) func devices() throws { try settings.devices() }

    @Test func neighboursReachEachOtherByName() throws {
        try EngineNetworks(engine: engine).neighboursReachEachOtherByName(
            mtu: "com.docker.network.driver.mtu", subnet: "10.97.0")
    }

    @Test(.requires(.long)) func manyContainersLeaveNothing() throws {
        try endurance.manyContainersLeaveNothing {
            engine.stop(SIGTERM)
            try engine.start()
        }
    }
    @Test(.requires(.long)) func aKilledShimIsCleanedUp() throws {
        try endurance.aKilledProcessIsCleanedUp("the shim") {
            let id = try engine.call("inspect", $0, "--format", "{{.Id}}").line
            return try onHost("pgrep --full '[c]ontainerd-shim.*-id \(id)'").trimmingCharacters(in: .newlines)
        }
    }
    @Test(.requires(.long)) func aKilledDaemonIsCleanedUp() throws {
        try endurance.aKilledProcessIsCleanedUp("dockerd") { _ in
            "\(engine.daemon?.pid ?? 0)"
        } repair: {
            engine.stop(SIGKILL)
            try engine.start()
        }
    }
    @Test(.requires(.long)) func aKilledContainerdIsCleanedUp() throws {
        try endurance.aKilledProcessIsCleanedUp("containerd") { _ in
            try onHost("pgrep --full '[c]ontainerd --config \(engine.folder)/'").trimmingCharacters(in: .newlines)
        } repair: {
            // dockerd starts another one.
            guard try eventually(timeout: 60, { try engine.call("exec", "victim", "true").succeeded }) else {
                throw TestSupportError("dockerd does not reach the container again")
            }
        }
    }
}

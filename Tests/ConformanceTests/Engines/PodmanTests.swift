import TestSupport
import Testing

/// podman, whose runtime is the one under test.
///
/// `make test-engines` installs it and runs these in both isolations.
@Suite(.serialized, .requires(.root, .mvrun, .program("podman"), .program("busybox"))) struct PodmanTests {
    private let cases: EngineCases

    init() throws { cases = EngineCases(engine: try Podman()) }

    @Test func runShowsOutputAndStatus() throws { try cases.runShowsOutputAndStatus() }
    @Test func aContainerLivesThroughWhatAUserDoes() throws { try cases.aContainerLivesThroughWhatAUserDoes() }
    @Test func volumesAndLimitsHold() throws { try cases.volumesAndLimitsHold() }
    @Test(.requires(.program("ip"), .program("iptables"))) func aPublishedPortAnswers() throws {
        try cases.aPublishedPortAnswers()
    }
    @Test(.requires(.program("script"))) func aTerminalIsTheUsers() throws { try cases.aTerminalIsTheUsers() }
    @Test func anImageIsBuiltInContainers() throws { try cases.anImageIsBuiltInContainers() }
}

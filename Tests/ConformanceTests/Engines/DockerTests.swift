import TestSupport
import Testing

/// docker, with a daemon whose default runtime is the one under test.
///
/// `make test-engines` installs it and runs these in both isolations.
@Suite(
    .serialized,
    .requires(.root, .mvrun, .program("dockerd"), .file("/usr/bin/docker"), .program("busybox"), .program("iptables")))
struct DockerTests {
    private let cases: EngineCases

    init() throws { cases = EngineCases(engine: try Docker()) }

    @Test func runShowsOutputAndStatus() throws { try cases.runShowsOutputAndStatus() }
    @Test func aContainerLivesThroughWhatAUserDoes() throws { try cases.aContainerLivesThroughWhatAUserDoes() }
    @Test func volumesAndLimitsHold() throws { try cases.volumesAndLimitsHold() }
    @Test func aPublishedPortAnswers() throws { try cases.aPublishedPortAnswers() }
    @Test(.requires(.program("script"))) func aTerminalIsTheUsers() throws { try cases.aTerminalIsTheUsers() }
    @Test func anImageIsBuiltInContainers() throws { try cases.anImageIsBuiltInContainers() }
}

import Plans
import Testing

@testable import Cgroups

@Suite struct OutOfMemoryTests {
    let host: FixtureHierarchy

    init() throws {
        host = try FixtureHierarchy()
    }

    @Test func aContainerThatWasNotKilledMetNoLimit() throws {
        try host.add("/web", ["memory.events": "low 0\nmax 7\noom 0\noom_kill 0\n", "memory.max": "262144\n"])
        let cgroups = ContainerCgroups(records: [host.record(.v2, ["memory"], "/web")])
        #expect(cgroups.outOfMemoryKills == 0)
        #expect(cgroups.limitMet(memoryRefused: false) == nil)
        #expect(
            cgroups.limitMet(memoryRefused: true) == "the memory limit of 256 KiB is too small to start the container")
        #expect(
            ContainerCgroups(records: [host.record(.v2, ["memory"], "/gone")]).limitMet(memoryRefused: false) == nil)
    }

    @Test func theLimitIsNamedInV2() throws {
        try host.add("/web", ["memory.events": "oom 1\noom_kill 2\noom_group_kill 0\n", "memory.max": "262144\n"])
        let cgroups = ContainerCgroups(records: [host.record(.v2, ["memory"], "/web")])
        #expect(cgroups.outOfMemoryKills == 2)
        #expect(
            cgroups.limitMet(memoryRefused: false)
                == "the memory limit of 256 KiB is too small to start the container, the kernel killed it")
    }

    @Test func theLimitIsNamedInV1() throws {
        let files = [
            "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
            "memory.limit_in_bytes": "4194304\n",
        ]
        try host.add("/web", files)
        let cgroups = ContainerCgroups(records: [host.record(.v1, ["memory"], "/web")])
        #expect(
            cgroups.limitMet(memoryRefused: false)
                == "the memory limit of 4 MiB is too small to start the container, the kernel killed it")
    }

    @Test func tooFewTasksAreNamed() throws {
        try host.add("/web", ["pids.events": "max 1\n", "pids.max": "1\n"])
        let cgroups = ContainerCgroups(records: [host.record(.v1, ["pids"], "/web")])
        #expect(cgroups.limitMet(memoryRefused: false) == "the limit of 1 tasks is too small to start the container")
    }

    @Test(
        arguments: [
            (0, "0 bytes"), (1000, "1000 bytes"), (1024, "1 KiB"), (1536, "1536 bytes"), (5 << 30, "5 GiB"),
            (5 << 40, "5120 GiB"),
        ] as [(UInt64, String)])
    func sizesAreReadable(bytes: UInt64, text: String) {
        #expect(readableSize(bytes) == text)
    }
}

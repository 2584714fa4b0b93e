import Diagnostics
import Foundation
import Plans
import Testing

@testable import Cgroups

@Suite struct CgroupCreationTests {
    let host: FixtureHierarchy

    init() throws {
        host = try FixtureHierarchy()
    }

    @Test func aCgroupThatHoldsProcessesIsRefused() throws {
        try host.add("/web", ["cgroup.procs": "12\n13\n", "memory.limit_in_bytes": ""])
        let plan = host.v1("memory", "/web", [CgroupSetting("f", "memory.limit_in_bytes", "1")])
        #expect { try ContainerCgroups(creating: plan) } throws: {
            "\($0)".hasSuffix("the cgroup exists and holds 2 processes")
        }
        #expect(host.text("/web/memory.limit_in_bytes") == "")
    }

    @Test func theRecordTellsHowManyDirectoriesAreOurs() throws {
        try host.add("/pods")
        #expect(try ContainerCgroups(creating: host.v1("pids", "/pods/a/web")).records.map(\.madeDirectories) == [2])
        #expect(try ContainerCgroups(creating: host.v1("pids", "/pods/a/db")).records.map(\.madeDirectories) == [1])
        #expect(try ContainerCgroups(creating: host.v1("pids", "/pods")).records.map(\.madeDirectories) == [0])
    }

    @Test func whatIsPlannedIsWhatIsMade() throws {
        try host.add("/pods")
        for path in ["/pods/a/web", "/pods/a/db", "/pods", "/x/y/z"] {
            let planned = ContainerCgroups(planned: host.v1("pids", path))
            #expect(try ContainerCgroups(creating: host.v1("pids", path)) == planned)
        }
        // A state that was written before anything was made is good for removing what there is.
        try ContainerCgroups(planned: host.v1("pids", "/never/made")).remove()
    }

    @Test func whatWasMadeIsRemovedWhenASettingFails() throws {
        let plan = host.v1("memory", "/a/b", [CgroupSetting("linux.resources.memory.limit", "memory.x", "1")])
        #expect {
            try ContainerCgroups(creating: plan)
        } throws: { error in
            (error as? RuntimeError)?.kind == .unsupported
                && "\(error)".hasSuffix("/a/b: linux.resources.memory.limit: this kernel has no memory.x here")
        }
        #expect(!host.exists("/a"))
    }

    @Test func removalLeavesWhatWasThereBefore() throws {
        try host.add("/pods")
        let cgroups = try ContainerCgroups(creating: host.v1("pids", "/pods/a/web"))
        try host.add("/pods/a/web/inner/most")
        try cgroups.remove()
        #expect(host.exists("/pods"))
        #expect(!host.exists("/pods/a"))
        try cgroups.remove()
        try ContainerCgroups(records: [host.record(.v1, ["pids"], "/pods", made: 0)]).remove()
        #expect(host.exists("/pods"))
    }

    @Test func removalLeavesAParentThatAnotherContainerUses() throws {
        let first = try ContainerCgroups(creating: host.v1("pids", "/pods/web"))
        let second = try ContainerCgroups(creating: host.v1("pids", "/pods/db"))
        try first.remove()
        #expect(host.exists("/pods/db"))
        try second.remove()
        #expect(host.exists("/pods"))
    }

    @Test func removalDoesNotFollowLinks() throws {
        let cgroups = try ContainerCgroups(creating: host.v1("pids", "/web"))
        try host.add("/other/precious")
        try FileManager.default.createSymbolicLink(
            atPath: host.mountPoint + "/web/link", withDestinationPath: host.mountPoint + "/other")
        // A link keeps a plain directory from going; a cgroup cannot have one.
        #expect(throws: RuntimeError.self) { try cgroups.remove(timeoutMilliseconds: 1) }
        #expect(host.exists("/other/precious"))
    }

    @Test func aDeeplyNestedCgroupGoes() throws {
        let cgroups = try ContainerCgroups(creating: host.v1("pids", "/web"))
        var depth = "/web"
        for _ in 0..<300 { depth += "/d" }
        try host.add(depth)
        try host.add("/web/d/d/e/f")
        try cgroups.remove()
        #expect(!host.exists("/web"))
    }

    @Test func emptyCPUSetsAreFilledFromAbove() throws {
        let empty = ["cpuset.cpus": "", "cpuset.mems": "", "cgroup.procs": ""]
        try host.add("", ["cpuset.cpus": "0-3\n", "cpuset.mems": "0\n"])
        try host.add("/pod", empty)
        try host.add("/pod/web", empty)
        _ = try ContainerCgroups(creating: host.v1("cpuset", "/pod/web"))
        #expect(host.text("/pod/cpuset.cpus") == "0-3")
        #expect(host.text("/pod/web/cpuset.cpus") == "0-3")
        #expect(host.text("/pod/web/cpuset.mems") == "0")
    }

    @Test func withoutPrivilegesAnOptionalCgroupMayBeMissing() throws {
        var plan = host.v1("pids", "/web")
        plan.memberships[0].mountPoint = "/sys/kernel"
        #expect(throws: RuntimeError.self) { try ContainerCgroups(creating: plan) }
        plan.memberships[0].isOptional = true
        #expect(try ContainerCgroups(creating: plan).records.isEmpty)
    }

    @Test func theFieldThatAsksForACgroupIsNamedWhereItMayNotBeMade() throws {
        var plan = host.v1("pids", "/web", [CgroupSetting("linux.resources.pids.limit", "pids.max", "7")])
        plan.memberships[0].mountPoint = "/sys/kernel"
        let error = try #require(throws: RuntimeError.self) { try ContainerCgroups(creating: plan) }
        let place = "linux.resources.pids.limit: create cgroup v1 pids at /sys/kernel/web: "
        #expect("\(error)".hasPrefix(place), "\(error)")
    }
}

@Suite struct CgroupSettingsTests {
    let host: FixtureHierarchy

    init() throws {
        host = try FixtureHierarchy()
    }

    @Test func anAlternativeIsTakenWhereTheFileIsMissing() throws {
        try host.add("/web", ["cgroup.procs": "", "blkio.bfq.weight": ""])
        let setting = CgroupSetting(
            "f", "blkio.weight", "5", alternatives: [CgroupWrite("blkio.bfq.weight", "6")])
        _ = try ContainerCgroups(creating: host.v1("blkio", "/web", [setting]))
        #expect(host.text("/web/blkio.bfq.weight") == "6")
        #expect(host.text("/web/blkio.weight") == nil)
    }

    @Test func aMissingFileIsNoErrorWhereTheValueIsTheDefault() throws {
        try host.add("/web", ["cgroup.procs": ""])
        let setting = CgroupSetting("f", "memory.swap.max", "max", tolerance: .missingFile)
        _ = try ContainerCgroups(creating: host.v1("memory", "/web", [setting]))
        let strict = CgroupSetting("f", "memory.swap.max", "5")
        #expect {
            try ContainerCgroups(creating: host.v1("memory", "/web", [strict]))
        } throws: {
            ($0 as? RuntimeError)?.hint?.contains("swapaccount=1") == true
        }
    }

    @Test func aLimitBelowTheUsageIsRefusedWhereThatIsAskedFor() throws {
        try host.add("/web", ["cgroup.procs": "", "memory.max": "max", "memory.current": "4096\n"])
        var setting = CgroupSetting("linux.resources.memory.limit", "memory.max", "4095", usageFile: "memory.current")
        #expect {
            try ContainerCgroups(creating: host.v1("memory", "/web", [setting]))
        } throws: {
            "\($0)".hasSuffix("linux.resources.memory.limit: the limit of 4095 is below the 4096 bytes in use")
        }
        #expect(host.text("/web/memory.max") == "max")
        setting.write.value = "4096"
        _ = try ContainerCgroups(creating: host.v1("memory", "/web", [setting]))
        #expect(host.text("/web/memory.max") == "4096")
    }
}

@Suite struct CgroupControllersTests {
    let host: FixtureHierarchy

    init() throws {
        host = try FixtureHierarchy()
    }

    @Test func theNearestDirectoryThatHasThemAllPassesThemDown() throws {
        try host.add("", ["cgroup.controllers": "cpu memory pids\n", "cgroup.subtree_control": "untouched\n"])
        try host.add("/pod", ["cgroup.controllers": "cpu memory pids\n", "cgroup.subtree_control": "cpu\n"])
        try host.add("/pod/web", ["cgroup.controllers": "cpu\n", "cgroup.procs": ""])
        _ = try ContainerCgroups(creating: host.v2("/pod/web", offers: ["cpu", "memory", "pids"]))
        #expect(host.text("/pod/cgroup.subtree_control") == "+memory +pids")
        #expect(host.text("/cgroup.subtree_control") == "untouched\n")
    }

    @Test func aParentThatHoldsProcessesIsLeftAlone() throws {
        try host.add("", ["cgroup.controllers": "memory\n", "cgroup.subtree_control": "memory\n"])
        try host.add(
            "/pod",
            [
                "cgroup.controllers": "memory pids\n", "cgroup.subtree_control": "untouched\n", "cgroup.procs": "7\n",
                "cgroup.type": "domain\n",
            ])
        try host.add("/pod/web", ["cgroup.controllers": "\n", "cgroup.procs": "", "cgroup.type": "domain\n"])
        _ = try ContainerCgroups(creating: host.v2("/pod/web", offers: ["memory", "pids"]))
        #expect {
            try ContainerCgroups(creating: host.v2("/pod/web", offers: ["memory", "pids"], needs: ["pids"]))
        } throws: {
            "\($0)".contains("/pod: the cgroup itself holds processes, and so cannot give controllers")
        }
        #expect(host.text("/pod/cgroup.subtree_control") == "untouched\n")
    }

    @Test func aControllerThatIsNeededAndNotDelegatedIsAnError() throws {
        try host.add("", ["cgroup.controllers": "cpu memory\n", "cgroup.subtree_control": "cpu memory\n"])
        try host.add("/web", ["cgroup.controllers": "cpu\n", "cgroup.procs": "", "cgroup.type": "domain\n"])
        #expect {
            try ContainerCgroups(creating: host.v2("/web", offers: ["cpu", "memory"], needs: ["memory"]))
        } throws: {
            "\($0)".hasSuffix("the memory controller is not available here")
        }
        _ = try ContainerCgroups(creating: host.v2("/web", offers: ["cpu", "memory"], needs: ["cpu"]))
    }

    @Test func aThreadedCgroupIsNamed() throws {
        try host.add("", ["cgroup.controllers": "memory\n", "cgroup.subtree_control": "memory\n"])
        try host.add("/web", ["cgroup.controllers": "\n", "cgroup.procs": "", "cgroup.type": "domain invalid\n"])
        #expect {
            try ContainerCgroups(creating: host.v2("/web", offers: ["memory"], needs: ["memory"]))
        } throws: {
            "\($0)".contains("cannot be used here, the cgroup's type is \"domain invalid\"")
        }
    }
}

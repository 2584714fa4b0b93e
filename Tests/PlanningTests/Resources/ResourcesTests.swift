import Cgroups
import Diagnostics
import OCI
import Plans
import Testing

@testable import Planning

/// Hosts of three kinds, and what `linux.resources` becomes on them.
enum Host {
    static let v1 = CgroupLayout(
        hierarchies: ["cpu", "cpuset", "memory", "pids", "blkio", "hugetlb", "net_cls", "net_prio", "rdma", "devices"]
            .map { CgroupHierarchy(version: .v1, mountPoint: "/c/\($0)", controllers: [$0], ownPath: "/") })
    static let v2 = CgroupLayout(hierarchies: [unified(["cpu", "cpuset", "memory", "pids", "io", "hugetlb", "rdma"])])
    static let hybrid = CgroupLayout(
        hierarchies: [
            CgroupHierarchy(version: .v1, mountPoint: "/c/memory", controllers: ["memory"], ownPath: "/"),
            unified(["hugetlb"]),
        ])

    static func unified(_ controllers: [String]) -> CgroupHierarchy {
        CgroupHierarchy(version: .v2, mountPoint: "/c/unified", controllers: controllers, ownPath: "/")
    }

    static func plan(_ json: String, on layout: CgroupLayout, unprivileged: Bool = false) throws -> CgroupPlan {
        try CgroupPlan(
            for: try Spec.Resources(Array(json.utf8), named: "resources"), at: .absolute("/web"), on: layout,
            unprivileged: unprivileged)
    }

    /// The writes in their order, as "FILE=VALUE", those for devices left out.
    static func writes(_ json: String, on layout: CgroupLayout) throws -> [String] {
        try plan(json, on: layout).memberships.flatMap(\.settings).map { "\($0.write.file)=\($0.write.value)" }
            .filter { !$0.hasPrefix("devices.") }
    }

    static func failure(_ json: String, on layout: CgroupLayout) -> String {
        do {
            return "no error: \(try writes(json, on: layout))"
        } catch {
            return "\(error)"
        }
    }
}

@Suite struct MemoryTests {
    @Test func whatV2LacksIsAnErrorThatNamesTheField() {
        for (field, value) in [
            ("kernel", "5"), ("kernelTCP", "5"), ("swappiness", "5"), ("disableOOMKiller", "true"),
            ("useHierarchy", "false"),
        ] {
            let text = Host.failure("{\"memory\": {\"\(field)\": \(value)}}", on: Host.v2)
            #expect(text.hasPrefix("linux.resources.memory.\(field): cgroup v2 has no "))
        }
    }

    @Test func swapIsMemoryAndSwapAndSoAtLeastTheLimit() {
        for layout in [Host.v1, Host.v2] {
            #expect(
                Host.failure("{\"memory\": {\"limit\": 10, \"swap\": 9}}", on: layout)
                    == "linux.resources.memory.swap: 9 is less than linux.resources.memory.limit")
        }
        #expect(
            Host.failure("{\"memory\": {\"swap\": 9}}", on: Host.v2)
                == "linux.resources.memory.swap: it needs linux.resources.memory.limit on cgroup v2")
    }

    @Test func swappinessIsAPercentageAndMinusOneIsUnset() throws {
        #expect(
            Host.failure("{\"memory\": {\"swappiness\": 101}}", on: Host.v1)
                == "linux.resources.memory.swappiness: 101 is not in 0 to 100")
        #expect(try Host.writes("{\"memory\": {\"swappiness\": 18446744073709551615}}", on: Host.v2) == [])
    }

    @Test func v1WritesTheLimitBeforeMemoryAndSwap() throws {
        let json = """
            {"memory": {"limit": 100, "swap": 300, "reservation": 50, "kernel": 7, "kernelTCP": 8, "swappiness": 0,
             "disableOOMKiller": true, "useHierarchy": true}}
            """
        #expect(
            try Host.writes(json, on: Host.v1) == [
                "memory.use_hierarchy=1", "memory.limit_in_bytes=100", "memory.memsw.limit_in_bytes=300",
                "memory.soft_limit_in_bytes=50", "memory.kmem.limit_in_bytes=7", "memory.kmem.tcp.limit_in_bytes=8",
                "memory.swappiness=0", "memory.oom_control=1",
            ])
    }

    @Test func v2CountsSwapAlone() throws {
        let json = "{\"memory\": {\"limit\": 100, \"swap\": 300, \"reservation\": 50, \"disableOOMKiller\": false}}"
        #expect(try Host.writes(json, on: Host.v2) == ["memory.swap.max=200", "memory.max=100", "memory.low=50"])
        let none = "{\"memory\": {\"limit\": 100, \"swap\": 100}}"
        #expect(try Host.writes(none, on: Host.v2) == ["memory.swap.max=0", "memory.max=100"])
    }

    @Test func minusOneIsNoLimitAndLiftsThatOfSwapToo() throws {
        let json = "{\"memory\": {\"limit\": -1}}"
        #expect(try Host.writes(json, on: Host.v2) == ["memory.swap.max=max", "memory.max=max"])
        #expect(
            try Host.writes(json, on: Host.v1) == ["memory.limit_in_bytes=-1", "memory.memsw.limit_in_bytes=-1"])
    }

    @Test func zeroIsUnset() throws {
        #expect(try Host.writes("{\"memory\": {\"limit\": 0, \"swap\": 0}}", on: Host.v1) == [])
    }

    @Test func aCheckBeforeTheUpdateIsAskedForInV2() throws {
        let settings = try Host.plan(
            "{\"memory\": {\"limit\": 100, \"swap\": 150, \"checkBeforeUpdate\": true}}", on: Host.v2
        ).memberships[0].settings
        #expect(settings.map(\.usageFile) == ["memory.swap.current", "memory.current"])
    }
}

@Suite struct CPUTests {
    @Test(arguments: [
        ("{\"cpu\": {\"shares\": 1}}", "linux.resources.cpu.shares: 1 is not in the kernel's range, 2 to 262144"),
        (
            "{\"cpu\": {\"shares\": 262145}}",
            "linux.resources.cpu.shares: 262145 is not in the kernel's range, 2 to 262144"
        ),
    ])
    func v1SharesOutsideTheKernelsRangeAreRefused(json: String, text: String) {
        #expect(Host.failure(json, on: Host.v1) == text)
    }

    @Test func v2HasNoRealTimeLimits() {
        #expect(
            Host.failure("{\"cpu\": {\"realtimeRuntime\": 9}}", on: Host.v2)
                == "linux.resources.cpu.realtimeRuntime: cgroup v2 has no real-time limits")
    }

    @Test func v1WritesEachValueIntoItsFile() throws {
        let json = """
            {"cpu": {"shares": 512, "quota": 5000, "period": 10000, "burst": 100, "idle": 1, "realtimePeriod": 7,
             "realtimeRuntime": 3, "cpus": "0-1", "mems": "0"}}
            """
        #expect(
            try Host.writes(json, on: Host.v1) == [
                "cpu.shares=512", "cpu.idle=1", "cpu.cfs_period_us=10000", "cpu.cfs_quota_us=5000",
                "cpu.cfs_burst_us=100", "cpu.rt_period_us=7", "cpu.rt_runtime_us=3", "cpuset.cpus=0-1", "cpuset.mems=0",
            ])
    }

    @Test(arguments: [
        ("\"quota\": 5000, \"period\": 10000", "cpu.max=5000 10000"), ("\"quota\": 5000", "cpu.max=5000 100000"),
        ("\"quota\": -1", "cpu.max=max 100000"), ("\"period\": 10000", "cpu.max=max 10000"),
        ("\"shares\": 1024", "cpu.weight=100"), ("\"idle\": 1", "cpu.idle=1"), ("\"burst\": 8", "cpu.max.burst=8"),
    ])
    func v2HasQuotaAndPeriodInOneFile(members: String, write: String) throws {
        #expect(try Host.writes("{\"cpu\": {\(members)}}", on: Host.v2) == [write])
    }

    @Test(
        arguments: [
            (0, nil), (1, 1), (2, 1), (10, 4), (1024, 100), (2048, 174), (262_144, 10000), (UInt64.max, 10000),
        ] as [(UInt64, UInt64?)])
    func sharesBecomeAWeight(shares: UInt64, weight: UInt64?) {
        #expect(cpuWeight(shares: shares) == weight)
    }
}

@Suite struct OtherControllersTests {
    @Test(arguments: [(-1, "max"), (0, "1"), (20, "20")])
    func theNumberOfTasks(limit: Int, value: String) throws {
        for layout in [Host.v1, Host.v2] {
            #expect(try Host.writes("{\"pids\": {\"limit\": \(limit)}}", on: layout) == ["pids.max=\(value)"])
        }
        #expect(try Host.writes("{\"pids\": {}}", on: Host.v2) == [])
    }

    static let blockIO = """
        {"blockIO": {"weight": 100, "weightDevice": [{"major": 8, "minor": 0, "weight": 1000}],
         "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 5}],
         "throttleWriteIOPSDevice": [{"major": 8, "minor": 16, "rate": 0}]}}
        """

    @Test func v1BlockIOHasAFileForEachLimit() throws {
        #expect(
            try Host.writes(Self.blockIO, on: Host.v1) == [
                "blkio.weight=100", "blkio.weight_device=8:0 1000", "blkio.throttle.read_bps_device=8:0 5",
                "blkio.throttle.write_iops_device=8:16 0",
            ])
    }

    @Test func v2BlockIOHasIOMaxAndTwoKindsOfWeight() throws {
        let settings = try Host.plan(Self.blockIO, on: Host.v2).memberships[0].settings
        #expect(
            settings.map(\.write) == [
                CgroupWrite("io.bfq.weight", "100"), CgroupWrite("io.bfq.weight", "8:0 1000"),
                CgroupWrite("io.max", "8:0 rbps=5"), CgroupWrite("io.max", "8:16 wiops=max"),
            ])
        #expect(settings[0].alternatives == [CgroupWrite("io.weight", "910")])
        #expect(settings[1].alternatives == [CgroupWrite("io.weight", "8:0 10000")])
    }

    @Test func badBlockIOWeightsAreNamed() {
        #expect(
            Host.failure("{\"blockIO\": {\"weight\": 9}}", on: Host.v1)
                == "linux.resources.blockIO.weight: 9 is not in 10 to 1000")
        #expect(
            Host.failure(
                "{\"blockIO\": {\"weightDevice\": [{\"major\": 8, \"minor\": 0, \"leafWeight\": 20}]}}", on: Host.v2
            )
            .hasPrefix("linux.resources.blockIO.weightDevice[0].leafWeight: cgroup v2 has no"))
    }

    @Test func hugePagesAreLimitedInUseAndReserved() throws {
        let json = "{\"hugepageLimits\": [{\"pageSize\": \"2MB\", \"limit\": 4194304}]}"
        #expect(
            try Host.writes(json, on: Host.v1) == [
                "hugetlb.2MB.limit_in_bytes=4194304", "hugetlb.2MB.rsvd.limit_in_bytes=4194304",
            ])
        #expect(
            try Host.writes(json, on: Host.hybrid) == ["hugetlb.2MB.max=4194304", "hugetlb.2MB.rsvd.max=4194304"])
    }

    @Test(arguments: ["2mb", "02MB", "MB", "2", "2MB.x", "../2MB"])
    func aBadPageSizeIsRefused(size: String) {
        let json = "{\"hugepageLimits\": [{\"pageSize\": \"\(size)\", \"limit\": 1}]}"
        #expect(
            Host.failure(json, on: Host.v2).hasPrefix("linux.resources.hugepageLimits[0].pageSize: \"\(size)\" is not"))
    }

    @Test func rdmaIsTheSameInBoth() throws {
        let json = "{\"rdma\": {\"mlx5_1\": {\"hcaHandles\": 3, \"hcaObjects\": 4}, \"x\": {\"hcaObjects\": 1}}}"
        for layout in [Host.v1, Host.v2] {
            #expect(
                try Host.writes(json, on: layout)
                    == ["rdma.max=mlx5_1 hca_handle=3 hca_object=4", "rdma.max=x hca_object=1"])
        }
    }

    @Test func networkClassesAreInV1Alone() throws {
        let json = "{\"network\": {\"classID\": 5, \"priorities\": [{\"name\": \"eth0\", \"priority\": 7}]}}"
        #expect(try Host.writes(json, on: Host.v1) == ["net_cls.classid=5", "net_prio.ifpriomap=eth0 7"])
        #expect(
            Host.failure(json, on: Host.v2)
                == "linux.resources.network.classID: no net_cls controller in any cgroup hierarchy of this host")
    }

    @Test func unifiedIsInV2AloneAndWrittenLast() throws {
        let json = """
            {"unified": {"memory.high": "5", "io.max": "8:0 rbps=1\\n8:16 rbps=2\\n"}, "memory": {"limit": 9}}
            """
        #expect(
            try Host.writes(json, on: Host.v2)
                == ["memory.max=9", "memory.high=5", "io.max=8:0 rbps=1", "io.max=8:16 rbps=2"])
        #expect(try Host.plan(json, on: Host.v2).memberships[0].neededControllers == ["memory", "io"])
        #expect(
            Host.failure(json, on: Host.v1)
                == "linux.resources.unified[\"memory.high\"]: this host has no cgroup v2 hierarchy")
        #expect(
            Host.failure("{\"unified\": {\"misc.max\": \"5\"}}", on: Host.v2)
                == "linux.resources.unified[\"misc.max\"]: no misc controller in any cgroup hierarchy of this host")
    }

    @Test(arguments: ["a/memory.max", "../memory.max", "memory"])
    func aUnifiedKeyIsTheNameOfAFile(key: String) {
        #expect(
            Host.failure("{\"unified\": {\"\(key)\": \"5\"}}", on: Host.v2)
                == "linux.resources.unified[\"\(key)\"]: not the name of a file in a cgroup")
    }
}

@Suite struct CgroupPlanningTests {
    @Test func aControllerThatTheHostLacksIsAnErrorOnlyIfItIsAskedFor() throws {
        #expect(
            Host.failure("{\"pids\": {\"limit\": 5}}", on: Host.hybrid)
                == "linux.resources.pids.limit: no pids controller in any cgroup hierarchy of this host")
        #expect(try Host.writes("{\"pids\": {\"limit\": -1}, \"cpu\": {}}", on: Host.hybrid) == [])
    }

    @Test func aHybridHostGetsEachSettingWhereTheControllerIs() throws {
        let plan = try Host.plan(
            "{\"memory\": {\"limit\": 9}, \"hugepageLimits\": [{\"pageSize\": \"2MB\", \"limit\": 0}]}",
            on: Host.hybrid)
        #expect(plan.memberships.map(\.directory) == ["/c/memory/web", "/c/unified/web"])
        #expect(plan.memberships.map { $0.settings.first?.write.file } == ["memory.limit_in_bytes", "hugetlb.2MB.max"])
        #expect(plan.memberships.map(\.neededControllers) == [[], ["hugetlb"]])
    }

    @Test func withoutPrivilegesACgroupWithoutSettingsIsOptionalAndDevicesAreLeftAlone() throws {
        let plan = try Host.plan(
            "{\"memory\": {\"limit\": 9}, \"devices\": [{\"allow\": false}]}", on: Host.hybrid, unprivileged: true)
        #expect(plan.memberships.map(\.isOptional) == [false, true])
        #expect(plan.memberships.allSatisfy { $0.deviceProgram == nil })
    }

    @Test func anUpdateKeepsWhatItLeavesOut() throws {
        let old = try Spec.Resources(
            Array("{\"cpu\": {\"quota\": 5, \"period\": 10}, \"memory\": {\"limit\": 7}}".utf8), named: "old")
        let update = try Spec.Resources(
            Array("{\"cpu\": {\"period\": 20}, \"memory\": {\"limit\": 0}, \"pids\": {\"limit\": 3}}".utf8),
            named: "new")
        let cgroups = ContainerCgroups(records: [
            CgroupRecord(
                version: .v2, mountPoint: "/c", controllers: ["cpu", "memory", "pids"], path: "/web", madeDirectories: 1
            )
        ])
        let plan = try CgroupPlan(updating: cgroups, to: old.updated(by: update))
        #expect(
            plan.memberships[0].settings.map(\.description) == [
                "cpu.max = 5 20 (linux.resources.cpu.quota)", "memory.max = 7 (linux.resources.memory.limit)",
                "pids.max = 3 (linux.resources.pids.limit)",
            ])
    }
}

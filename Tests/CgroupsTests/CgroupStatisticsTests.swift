import Plans
import Testing

@testable import Cgroups

@Suite struct CgroupStatisticsTests {
    let host: FixtureHierarchy

    init() throws {
        host = try FixtureHierarchy()
    }

    private func statistics(
        _ version: CgroupVersion, _ controllers: [String], _ files: [String: String]
    ) throws -> CgroupStatistics {
        try host.add("/web", files)
        return ContainerCgroups(records: [host.record(version, controllers, "/web")]).statistics()
    }

    @Test func whatCannotBeReadCountsNothing() throws {
        let gone = ContainerCgroups(records: [host.record(.v2, ["memory"], "/gone")])
        #expect(gone.statistics() == CgroupStatistics())
        let odd = try statistics(
            .v2, [], ["memory.current": "x\n", "io.stat": "8:0\nrbytes=1\n8:x rbytes=1\n", "cpu.stat": "a b c\nd\n"])
        #expect(odd == CgroupStatistics())
    }

    @Test func v1TimesAreNanosecondsByProcessorToo() throws {
        let statistics = try statistics(
            .v1, ["cpu", "cpuacct"],
            [
                "cpuacct.usage": "7000\n", "cpuacct.usage_percpu": "3000 4000 \n",
                "cpuacct.usage_all": "cpu user system\n0 1000 2000\n1 4000 0\n", "cpuacct.stat": "user 2\nsystem 3\n",
                "cpu.stat": "nr_periods 9\nnr_throttled 4\nthrottled_time 55\n",
            ])
        #expect(statistics.cpu.total == 7000)
        #expect(statistics.cpu.perCPU == [3000, 4000])
        #expect(statistics.cpu.perCPUUser == [1000, 4000])
        #expect(statistics.cpu.perCPUKernel == [2000, 0])
        #expect(statistics.cpu.user == 20_000_000)
        #expect(statistics.cpu.kernel == 30_000_000)
        #expect(statistics.cpu.periods == 9)
        #expect(statistics.cpu.throttledPeriods == 4)
        #expect(statistics.cpu.throttledTime == 55)
    }

    @Test func v2TimesAreMicrosecondsAndHavePressure() throws {
        let statistics = try statistics(
            .v2, ["cpu"],
            [
                "cpu.stat":
                    "usage_usec 7\nuser_usec 3\nsystem_usec 4\nnr_periods 1\nnr_throttled 1\nthrottled_usec 5\n",
                "cpu.pressure":
                    "some avg10=1.50 avg60=0.25 avg300=0.00 total=12\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=3\n",
            ])
        #expect(statistics.cpu.total == 7000)
        #expect(statistics.cpu.user == 3000)
        #expect(statistics.cpu.throttledTime == 5000)
        #expect(statistics.cpu.pressure?.some.average10 == 1.5)
        #expect(statistics.cpu.pressure?.some.average60 == 0.25)
        #expect(statistics.cpu.pressure?.some.total == 12)
        #expect(statistics.cpu.pressure?.full.total == 3)
    }

    @Test func v1MemoryHasFourKinds() throws {
        let memory = try #require(
            try statistics(
                .v1, ["memory"],
                [
                    "memory.stat": "cache 11\nrss 12\n", "memory.usage_in_bytes": "23\n",
                    "memory.max_usage_in_bytes": "24\n", "memory.limit_in_bytes": "25\n", "memory.failcnt": "26\n",
                    "memory.memsw.usage_in_bytes": "33\n", "memory.kmem.usage_in_bytes": "43\n",
                    "memory.kmem.tcp.usage_in_bytes": "53\n",
                ]
            ).memory)
        #expect(memory.cache == 11)
        #expect(memory.raw.map(\.name) == ["cache", "rss"])
        #expect(memory.usage == CgroupStatistics.Memory.Usage(limit: 25, usage: 23, max: 24, failures: 26))
        #expect([memory.swap, memory.kernel, memory.kernelTCP].map(\.usage) == [33, 43, 53])
    }

    @Test func v2SwapIsReportedTogetherWithMemory() throws {
        var files = [
            "memory.current": "100\n", "memory.max": "400\n", "memory.peak": "300\n", "memory.swap.current": "5\n",
            "memory.swap.max": "50\n", "memory.stat": "anon 1\nfile 60\nkernel 7\n", "memory.events": "low 0\nmax 8\n",
        ]
        let memory = try #require(try statistics(.v2, ["memory"], files).memory)
        #expect(memory.usage == CgroupStatistics.Memory.Usage(limit: 400, usage: 100, max: 300, failures: 8))
        #expect(memory.swap == CgroupStatistics.Memory.Usage(limit: 450, usage: 105))
        #expect(memory.cache == 60)
        #expect(memory.kernel.usage == 7)
        files["memory.max"] = "max\n"
        let unlimited = try #require(try statistics(.v2, ["memory"], files).memory)
        #expect(unlimited.usage.limit == .max)
        #expect(unlimited.swap.limit == .max)
    }

    @Test func anUnlimitedNumberOfTasksIsZero() throws {
        let files = ["pids.current": "3\n", "pids.max": "max\n"]
        #expect(try statistics(.v1, ["pids"], files).pids == CgroupStatistics.PIDs(current: 3, limit: 0))
    }

    @Test func v1BlockIOPrefersTheSchedulersNumbers() throws {
        let throttle = [
            "blkio.throttle.io_service_bytes_recursive": "8:0 Read 5\n8:0 Write 6\n8:0 Total 11\nTotal 11\n",
            "blkio.throttle.io_serviced_recursive": "8:16 Read 1\nTotal 1\n",
        ]
        let plain = try statistics(.v1, ["blkio"], throttle).blockIO
        #expect(plain.serviceBytes.map(\.operation) == ["Read", "Write", "Total"])
        #expect(plain.serviceBytes.map(\.value) == [5, 6, 11])
        #expect(plain.serviced.map(\.minor) == [16])
        let bfq = throttle.merging(["blkio.bfq.io_serviced_recursive": "8:0 Read 9\nTotal 9\n"]) { $1 }
        #expect(try statistics(.v1, ["blkio"], bfq).blockIO.serviced.map(\.value) == [9])
    }

    @Test func v2BlockIOIsBrokenUpByOperation() throws {
        let blockIO = try statistics(
            .v2, ["io"], ["io.stat": "253:1 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n"]
        ).blockIO
        #expect(
            blockIO.serviceBytes.map { "\($0.major):\($0.minor) \($0.operation) \($0.value)" } == [
                "253:1 Read 1", "253:1 Write 2", "253:1 Discard 5",
            ])
        #expect(blockIO.serviced.map(\.value) == [3, 4, 6])
    }

    @Test func hugePagesAreFoundByTheirFiles() throws {
        let v2 = try statistics(
            .v2, ["hugetlb"],
            [
                "hugetlb.2MB.current": "2097152\n", "hugetlb.2MB.rsvd.current": "7\n", "hugetlb.2MB.events": "max 4\n",
                "hugetlb.1GB.current": "0\n",
            ])
        #expect(v2.hugePages.map(\.size) == ["1GB", "2MB"])
        #expect(v2.hugePages.last?.usage == CgroupStatistics.HugePages(usage: 2_097_152, max: 0, failures: 4))
    }

    @Test func aHybridHostCountsNothingTwice() throws {
        try host.add("/a", ["memory.usage_in_bytes": "1\n"])
        try host.add("/b", ["memory.current": "2\n", "cpu.stat": "usage_usec 1\n"])
        let cgroups = ContainerCgroups(records: [
            host.record(.v1, ["memory"], "/a"), host.record(.v1, ["cpuacct"], "/a"), host.record(.v2, [], "/b"),
        ])
        let statistics = cgroups.statistics()
        #expect(statistics.memory?.usage.usage == 1)
        #expect(statistics.cpu.total == 0)
    }

    @Test func listsOfProcessorsAreSpelledOut() {
        #expect(CgroupStatistics.CPUSet.list("0-3,7\n") == [0, 1, 2, 3, 7])
        #expect(CgroupStatistics.CPUSet.list("3-1,x,\n") == [])
    }

    @Test func rdmaDevicesAreNamed() throws {
        let rdma = try statistics(.v2, ["rdma"], ["rdma.current": "mlx5_0 hca_handle=2 hca_object=20\n"]).rdma
        #expect(rdma == [CgroupStatistics.RDMA(device: "mlx5_0", handles: 2, objects: 20)])
    }
}

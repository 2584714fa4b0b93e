import JSON
import Testing

@testable import Cgroups
@testable import Runtime

@Suite struct StatisticsTextTests {
    private func text(_ statistics: CgroupStatistics) -> String {
        var writer = JSONWriter()
        statistics.write(into: &writer)
        return writer.text
    }

    @Test func aContainerWithoutControllersHasEveryPart() {
        #expect(
            text(CgroupStatistics()) == """
                {"cpu":{"usage":{"total":0,"percpu":[],"percpu_kernel":[],"percpu_user":[],"kernel":0,"user":0},\
                "throttling":{"periods":0,"throttledPeriods":0,"throttledTime":0}},"cpuset":{},"memory":{},\
                "pids":{"current":0,"limit":0},"blkio":{"ioServiceBytesRecursive":[],"ioServicedRecursive":[]},\
                "hugetlb":{},"intel_rdt":{},"network_interfaces":null}
                """)
    }

    @Test func numbersStandUnderTheNamesThatRuncPrints() {
        var statistics = CgroupStatistics()
        statistics.cpu.perCPU = [1, 2]
        statistics.cpuSet = CgroupStatistics.CPUSet()
        statistics.cpuSet?.cpus = [0, 3]
        statistics.cpuSet?.values = [("sched_relax_domain_level", -1)]
        statistics.memory = CgroupStatistics.Memory()
        statistics.memory?.usage = CgroupStatistics.Memory.Usage(limit: .max, usage: 4, max: 5, failures: 6)
        statistics.memory?.raw = [("cache", 7)]
        statistics.memory?.pressure = CgroupStatistics.Pressure()
        statistics.memory?.pressure?.some.average10 = 1.5
        statistics.blockIO.serviced = [
            CgroupStatistics.BlockIO.Entry(major: 8, minor: 0, operation: "Read", value: 9)
        ]
        statistics.hugePages = [("2MB", CgroupStatistics.HugePages(usage: 1, max: 2, failures: 3))]
        let text = text(statistics)
        for part in [
            "\"percpu\":[1,2]", "\"cpuset\":{\"cpus\":[0,3],\"mems\":[],\"sched_relax_domain_level\":-1}",
            "\"usage\":{\"limit\":18446744073709551615,\"usage\":4,\"max\":5,\"failcnt\":6}", "\"raw\":{\"cache\":7}",
            "\"psi\":{\"some\":{\"avg10\":1.5,\"avg60\":0.0,\"avg300\":0.0,\"total\":0},\"full\":",
            "\"ioServicedRecursive\":[{\"major\":8,\"minor\":0,\"op\":\"Read\",\"value\":9}]",
            "\"hugetlb\":{\"2MB\":{\"usage\":1,\"max\":2,\"failcnt\":3}}",
        ] {
            #expect(text.contains(part))
        }
    }
}

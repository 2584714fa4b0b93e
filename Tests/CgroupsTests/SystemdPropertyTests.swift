import Diagnostics
import Plans
import Testing

@testable import Cgroups

@Suite struct SystemdPropertyTests {
    /// The lines for settings of the v2 cgroup.
    private func lines(_ writes: (String, String)...) -> [String?] {
        let membership = CgroupMembership(
            version: .v2, mountPoint: "/sys/fs/cgroup", controllers: [], path: "/web",
            settings: writes.map { CgroupSetting("field", $0.0, $0.1) })
        return SystemdProperty.properties(of: CgroupPlan(memberships: [membership])).map(\.line)
    }

    @Test(arguments: [
        ("memory.max", "lots"), ("memory.max", "-1"), ("cpu.max", ""), ("cpu.max", "1000 0"),
        ("cpu.max", "18446744073709551614 1000"), ("cpuset.cpus", "1-0"), ("cpuset.cpus", "0-99999999"),
        ("cpuset.cpus", "a-"), ("io.max", "8:0 rbps=1"), ("cpu.idle", "0"),
    ])
    func whatSystemdHasNoValueForIsLeftOut(file: String, value: String) {
        #expect(lines((file, value)) == [])
    }

    @Test(arguments: [
        ("memory.max", "67108864", "-MemoryMax\tt\t67108864"),
        ("memory.max", "max", "-MemoryMax\tt\t18446744073709551615"),
        ("memory.swap.max", "0", "-MemorySwapMax\tt\t0"),
        ("pids.max", "33", "-TasksMax\tt\t33"),
        ("cpu.idle", "1", "-CPUWeight\tt\t0"),
        ("cpuset.cpus", "0-2,9", "-AllowedCPUs\tay\t7\t2"),
        ("cpuset.mems", "8", "-AllowedMemoryNodes\tay\t0\t1"),
    ])
    func aValueOfTheCgroupBecomesAProperty(file: String, value: String, line: String) {
        #expect(lines((file, value)) == [line])
    }

    @Test(arguments: [
        ("30000 60000", "500000", "60000"), ("max 50000", "18446744073709551615", "50000"),
        ("25500 100000", "260000", "100000"), ("1000", "10000", "100000"),
    ])
    func aQuotaIsRoundedUpToWholePercents(value: String, perSecond: String, period: String) {
        let expected = ["-CPUQuotaPerSecUSec\tt\t\(perSecond)", "-CPUQuotaPeriodUSec\tt\t\(period)"]
        #expect(lines(("cpu.max", value)) == expected)
    }

    @Test func theLaterOfTwoSettingsCounts() {
        #expect(
            lines(("memory.max", "1"), ("pids.max", "2"), ("memory.max", "3")) == [
                "-TasksMax\tt\t2", "-MemoryMax\tt\t3",
            ])
    }

    @Test func aValueThatWouldSplitTheLineHasNoLine() {
        #expect(SystemdProperty("Description", "s", ["a\nMemoryMax\tt\t1"]).line == nil)
    }

    @Test(arguments: [
        ("TimeoutStopUSec", "true"), ("TimeoutStopSec", "uint64 18446744073709551615"), ("KillSignal", "'x'"),
        ("CollectMode", "bare"), ("CollectMode", "'a\\'b'"), ("After", "'a.service'"), ("After", "['a', b]"),
        ("DefaultDependencies", "1"),
    ])
    func anAnnotationOfTheWrongTypeIsNamed(name: String, value: String) {
        let error = #expect(throws: RuntimeError.self) {
            try SystemdProperty(annotation: "org.systemd.property.\(name)", value)
        }
        #expect(error?.message.contains("org.systemd.property.\(name)") == true)
    }

    @Test(arguments: ["MemoryMax", "Slice", "DeviceAllow", "PIDs", "Delegate", "Wants", ""])
    func anAnnotationSetsNothingThatCouldLiftALimit(name: String) throws {
        #expect(try SystemdProperty(annotation: "org.systemd.property.\(name)", "uint64 1") == nil)
    }

    @Test(arguments: [
        ("TimeoutStopUSec", "uint64 90000000", "TimeoutStopUSec\tt\t90000000"),
        ("TimeoutStopSec", "5", "TimeoutStopUSec\tt\t5000000"),
        ("KillSignal", "37", "KillSignal\ti\t37"),
        ("DefaultDependencies", "true", "DefaultDependencies\tb\t1"),
        ("CollectMode", "'inactive-or-failed'", "CollectMode\ts\tinactive-or-failed"),
        ("After", "['crio.service', \"b.service\"]", "After\tas\tcrio.service\tb.service"),
    ])
    func anAnnotationOfAnEnginesIsAProperty(name: String, value: String, line: String) throws {
        #expect(try SystemdProperty(annotation: "org.systemd.property.\(name)", value)?.line == line)
    }
}

import Plans
import Syscalls

extension CgroupStatistics.CPU {
    /// Reads the v1 cpuacct controller.
    mutating func readAccounting(_ cgroup: borrowing OwnedDescriptor) {
        total = cgroup.number("cpuacct.usage") ?? 0
        // One line for each processor, below a line of titles: "0 USER SYSTEM".
        for line in lines(cgroup.text("cpuacct.usage_all")).dropFirst() {
            let columns = line.split(separator: " ").compactMap { UInt64($0) }
            guard columns.count == 3 else { continue }
            perCPUUser.append(columns[1])
            perCPUKernel.append(columns[2])
        }
        perCPU = cgroup.text("cpuacct.usage_percpu").split { $0 == " " || $0 == "\n" }.compactMap { UInt64($0) }
        for (key, value) in keyedValues(cgroup.text("cpuacct.stat")) {
            // In ticks of USER_HZ, which is 100 on every architecture that Linux shows to programs.
            switch key {
            case "user": user = value &* 10_000_000
            case "system": kernel = value &* 10_000_000
            default: continue
            }
        }
    }

    /// Reads cpu.stat of the v1 cpu controller.
    mutating func readThrottling(_ cgroup: borrowing OwnedDescriptor) {
        for (key, value) in keyedValues(cgroup.text("cpu.stat")) {
            switch key {
            case "nr_periods": periods = value
            case "nr_throttled": throttledPeriods = value
            case "throttled_time": throttledTime = value
            default: continue
            }
        }
    }

    /// Reads cpu.stat of a v2 cgroup, which has times even without the cpu controller.
    mutating func readUnified(_ cgroup: borrowing some CgroupSource & ~Copyable) {
        for (key, value) in keyedValues(cgroup.text("cpu.stat")) {
            switch key {
            case "usage_usec": total = value &* 1000
            case "user_usec": user = value &* 1000
            case "system_usec": kernel = value &* 1000
            case "nr_periods": periods = value
            case "nr_throttled": throttledPeriods = value
            case "throttled_usec": throttledTime = value &* 1000
            default: continue
            }
        }
        pressure = CgroupStatistics.Pressure(cgroup.text("cpu.pressure"))
    }
}

extension CgroupStatistics.CPUSet {
    /// Reads the v1 cpuset controller.
    init(_ cgroup: borrowing OwnedDescriptor) {
        cpus = CgroupStatistics.CPUSet.list(cgroup.text("cpuset.cpus"))
        mems = CgroupStatistics.CPUSet.list(cgroup.text("cpuset.mems"))
        for name in [
            "cpu_exclusive", "mem_hardwall", "mem_exclusive", "memory_migrate", "memory_spread_page",
            "memory_spread_slab", "memory_pressure", "sched_load_balance", "sched_relax_domain_level",
        ] {
            values.append((name, Int64(trimmed(cgroup.text("cpuset." + name))) ?? 0))
        }
    }

    /// Reads a list as "0-3,7".
    static func list(_ text: String) -> [UInt16] {
        var numbers: [UInt16] = []
        for part in trimmed(text).split(separator: ",") {
            let ends = part.split(separator: "-").compactMap { UInt16($0) }
            guard let first = ends.first, let last = ends.last, first <= last else { continue }
            numbers += first...last
        }
        return numbers
    }
}

extension CgroupStatistics.Pressure {
    /// Reads a file as "some avg10=0.00 avg60=0.00 avg300=0.00 total=0"; nil where it is missing or empty.
    init?(_ text: String) {
        let lines = lines(text)
        if lines.isEmpty { return nil }
        for line in lines {
            let words = line.split(separator: " ")
            var share = Share()
            for word in words.dropFirst() {
                let pair = word.split(separator: "=")
                guard pair.count == 2 else { continue }
                switch pair[0] {
                case "avg10": share.average10 = Double(pair[1]) ?? 0
                case "avg60": share.average60 = Double(pair[1]) ?? 0
                case "avg300": share.average300 = Double(pair[1]) ?? 0
                case "total": share.total = UInt64(pair[1]) ?? 0
                default: continue
                }
            }
            switch words.first {
            case "some": some = share
            case "full": full = share
            default: continue
            }
        }
    }
}

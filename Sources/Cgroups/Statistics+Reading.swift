import Plans
import Syscalls

extension ContainerCgroups {
    /// What the kernel has counted for the container so far.
    ///
    /// What cannot be read counts nothing: a controller may be missing, and a file may be younger than the kernel.
    package func statistics() -> CgroupStatistics {
        var statistics = CgroupStatistics()
        for record in records {
            guard let cgroup = try? openCgroup(record.directory) else { continue }
            switch record.version {
            case .v1: statistics.read(v1: cgroup, record.controllers)
            case .v2: statistics.read(v2: cgroup, others: records)
            }
        }
        return statistics
    }
}

extension CgroupStatistics {
    /// Reads the files of a v2 cgroup that is elsewhere, as in a guest.
    ///
    /// - Parameter files: their texts by their names; what is missing counts nothing.
    package init(files: [String: String]) {
        self.init()
        let source = CgroupTexts(files: files)
        cpu.readUnified(source)
        memory = Memory(v2: source)
        pids = PIDs(source)
        blockIO = BlockIO(v2: source)
    }

    fileprivate mutating func read(v1 cgroup: borrowing OwnedDescriptor, _ controllers: [String]) {
        for controller in controllers {
            switch controller {
            case "cpuacct": cpu.readAccounting(cgroup)
            case "cpu": cpu.readThrottling(cgroup)
            case "cpuset": cpuSet = CPUSet(cgroup)
            case "memory": memory = Memory(v1: cgroup)
            case "pids": pids = PIDs(cgroup)
            case "blkio": blockIO = BlockIO(v1: cgroup)
            case "hugetlb": hugePages = HugePages.all(in: cgroup, .v1)
            case "rdma": rdma = RDMA.all(cgroup.text("rdma.current"))
            default: continue
            }
        }
    }

    /// Reads a v2 cgroup, without what v1 hierarchies of a hybrid host have counted.
    fileprivate mutating func read(v2 cgroup: borrowing OwnedDescriptor, others: [CgroupRecord]) {
        func isElsewhere(_ controller: String) -> Bool {
            others.contains { $0.version == .v1 && $0.controllers.contains(controller) }
        }
        if !isElsewhere("cpuacct") { cpu.readUnified(cgroup) }
        if !isElsewhere("memory") { memory = Memory(v2: cgroup) }
        if !isElsewhere("pids") { pids = PIDs(cgroup) }
        if !isElsewhere("blkio") { blockIO = BlockIO(v2: cgroup) }
        if !isElsewhere("hugetlb") { hugePages = HugePages.all(in: cgroup, .v2) }
        if !isElsewhere("rdma") { rdma = RDMA.all(cgroup.text("rdma.current")) }
    }
}

extension CgroupStatistics.PIDs {
    /// Reads the pids controller; nil where it is not there.
    fileprivate init?(_ cgroup: borrowing some CgroupSource & ~Copyable) {
        guard let current = cgroup.number("pids.current") else { return nil }
        self.current = current
        limit = cgroup.number("pids.max") ?? 0
    }
}

extension CgroupStatistics.HugePages {
    /// Reads the hugetlb controller, whose files tell the sizes: "hugetlb.2MB.current".
    fileprivate static func all(
        in cgroup: borrowing OwnedDescriptor, _ version: CgroupVersion
    ) -> [(size: String, usage: CgroupStatistics.HugePages)] {
        let suffix = version == .v1 ? ".usage_in_bytes" : ".current"
        let names = ((try? cgroup.entries()) ?? []).sorted()
        return names.compactMap { name in
            guard name.hasPrefix("hugetlb."), name.hasSuffix(suffix), !name.hasSuffix(".rsvd" + suffix) else {
                return nil
            }
            let prefix = String(name.dropLast(suffix.count))
            var usage = CgroupStatistics.HugePages()
            usage.usage = cgroup.number(name) ?? 0
            switch version {
            case .v1:
                usage.max = cgroup.number(prefix + ".max_usage_in_bytes") ?? 0
                usage.failures = cgroup.number(prefix + ".failcnt") ?? 0
            case .v2:
                usage.failures = keyedValue("max", in: cgroup.text(prefix + ".events")) ?? 0
            }
            return (String(prefix.dropFirst(8)), usage)
        }
    }
}

extension CgroupStatistics.RDMA {
    /// Reads lines as "mlx5_0 hca_handle=2 hca_object=2000".
    fileprivate static func all(_ text: String) -> [CgroupStatistics.RDMA] {
        lines(text).compactMap { line in
            let words = line.split(separator: " ")
            guard let device = words.first else { return nil }
            var usage = CgroupStatistics.RDMA(device: String(device), handles: 0, objects: 0)
            for word in words.dropFirst() {
                let pair = word.split(separator: "=")
                guard pair.count == 2, let value = UInt64(pair[1]) else { continue }
                if pair[0] == "hca_handle" { usage.handles = value }
                if pair[0] == "hca_object" { usage.objects = value }
            }
            return usage
        }
    }
}

/// Where the files of a cgroup are read.
protocol CgroupSource: ~Copyable {
    /// A file of the cgroup, or "" where it cannot be read.
    borrowing func text(_ name: String) -> String
}

extension OwnedDescriptor: CgroupSource {
    borrowing func text(_ name: String) -> String {
        guard let bytes = try? readFile(at: self, name, limit: 4 << 20) else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Files of a cgroup that somebody else has read.
private struct CgroupTexts: CgroupSource {
    let files: [String: String]

    func text(_ name: String) -> String { files[name] ?? "" }
}

extension CgroupSource where Self: ~Copyable {
    /// The number that a file of this cgroup holds, or nil.
    borrowing func number(_ name: String) -> UInt64? {
        UInt64(trimmed(text(name)))
    }

    /// The number that a file of this cgroup holds: the largest one for "max", 0 for a missing file.
    borrowing func limit(_ name: String) -> UInt64 {
        let text = trimmed(text(name))
        return text == "max" ? .max : UInt64(text) ?? 0
    }
}

/// The lines of a text.
func lines(_ text: String) -> [Substring] {
    text.utf8.split(separator: 0x0a).map { Substring($0) }
}

/// The lines of a file as "oom_kill 3", in their order.
func keyedValues(_ text: String) -> [(name: String, value: UInt64)] {
    lines(text).compactMap { line in
        let words = line.split(separator: " ")
        guard words.count == 2, let value = UInt64(words[1]) else { return nil }
        return (String(words[0]), value)
    }
}

import Plans
import Syscalls

extension CgroupStatistics.Memory {
    /// Reads the v1 memory controller.
    init(v1 cgroup: borrowing OwnedDescriptor) {
        raw = keyedValues(cgroup.text("memory.stat"))
        cache = raw.first { $0.name == "cache" }?.value ?? 0
        usage = Usage(v1: cgroup, "memory.")
        swap = Usage(v1: cgroup, "memory.memsw.")
        kernel = Usage(v1: cgroup, "memory.kmem.")
        kernelTCP = Usage(v1: cgroup, "memory.kmem.tcp.")
    }

    /// Reads the memory controller of a v2 cgroup; nil where it is not enabled.
    init?(v2 cgroup: borrowing some CgroupSource & ~Copyable) {
        guard let current = cgroup.number("memory.current") else { return nil }
        raw = keyedValues(cgroup.text("memory.stat"))
        cache = raw.first { $0.name == "file" }?.value ?? 0
        let events = keyedValues(cgroup.text("memory.events"))
        usage.usage = current
        usage.limit = cgroup.limit("memory.max")
        // memory.peak is there from Linux 5.19 on.
        usage.max = cgroup.number("memory.peak") ?? 0
        usage.failures = events.first { $0.name == "max" }?.value ?? 0
        // The spec's swap is memory and swap together, as v1 counts it; their common peak is not known.
        let swapLimit = cgroup.limit("memory.swap.max")
        swap.usage = current &+ (cgroup.number("memory.swap.current") ?? 0)
        swap.limit = swapLimit == .max || usage.limit == .max ? .max : usage.limit &+ swapLimit
        kernel.usage = raw.first { $0.name == "kernel" }?.value ?? 0
        pressure = CgroupStatistics.Pressure(cgroup.text("memory.pressure"))
    }
}

extension CgroupStatistics.Memory.Usage {
    fileprivate init(v1 cgroup: borrowing OwnedDescriptor, _ prefix: String) {
        usage = cgroup.number(prefix + "usage_in_bytes") ?? 0
        max = cgroup.number(prefix + "max_usage_in_bytes") ?? 0
        failures = cgroup.number(prefix + "failcnt") ?? 0
        limit = cgroup.number(prefix + "limit_in_bytes") ?? 0
    }
}

import Diagnostics
import OCI
import Plans

// Memory and swap, in bytes; -1 is no limit, and 0 is unset, as runc takes it. runtime-spec, config-linux.md, "Memory".

extension Spec.Resources.Memory {
    /// What is written for the memory controller.
    func settings(_ version: CgroupVersion) throws(RuntimeError) -> [CgroupSetting] {
        if let limit = given(limit), let swap = given(swap), limit > 0, swap > 0, swap < limit {
            throw RuntimeError(
                .invalidBundle, "linux.resources.memory.swap: \(swap) is less than linux.resources.memory.limit",
                hint: "memory.swap limits memory and swap together, so it is at least memory.limit")
        }
        switch version {
        case .v1: return try settingsV1()
        case .v2: return try settingsV2()
        }
    }

    /// Memory and swap together: without a memory limit there is none on swap either, unless one is given.
    private var memoryAndSwap: Int64? {
        given(swap) ?? (given(limit).map { $0 < 0 } == true ? -1 : nil)
    }

    private func settingsV1() throws(RuntimeError) -> [CgroupSetting] {
        var settings: [CgroupSetting] = []
        func add(_ name: String, _ file: String, _ value: Int64, _ tolerance: CgroupSetting.Tolerance = []) {
            let unlimited = value < 0
            settings.append(
                CgroupSetting(
                    "linux.resources.memory." + name, file, unlimited ? "-1" : "\(value)",
                    tolerance: unlimited ? tolerance.union(.missingFile) : tolerance))
        }
        if useHierarchy == true { add("useHierarchy", "memory.use_hierarchy", 1) }
        if useHierarchy == false { add("useHierarchy", "memory.use_hierarchy", 0) }
        // Memory alone may never be above memory and swap: which comes first depends on the old values.
        if let limit = given(limit) { add("limit", "memory.limit_in_bytes", limit, .tooEarly) }
        if let memoryAndSwap { add("swap", "memory.memsw.limit_in_bytes", memoryAndSwap) }
        if let reservation = given(reservation) { add("reservation", "memory.soft_limit_in_bytes", reservation) }
        if let kernel = given(kernel) { add("kernel", "memory.kmem.limit_in_bytes", kernel) }
        if let kernelTCP = given(kernelTCP) { add("kernelTCP", "memory.kmem.tcp.limit_in_bytes", kernelTCP) }
        if let swappiness = try swappinessPercent() { add("swappiness", "memory.swappiness", Int64(swappiness)) }
        if disableOOMKiller == true { add("disableOOMKiller", "memory.oom_control", 1) }
        return settings
    }

    private func settingsV2() throws(RuntimeError) -> [CgroupSetting] {
        let field = "linux.resources.memory."
        if let kernel = given(kernel), kernel > 0 { throw notInV2(field + "kernel", "a limit of kernel memory") }
        if let kernelTCP = given(kernelTCP), kernelTCP > 0 {
            throw notInV2(field + "kernelTCP", "a limit of TCP buffers")
        }
        if try swappinessPercent() != nil { throw notInV2(field + "swappiness", "swappiness") }
        if disableOOMKiller == true { throw notInV2(field + "disableOOMKiller", "switch for the OOM killer") }
        if useHierarchy == false { throw notInV2(field + "useHierarchy", "accounting that leaves children out") }
        let checks = checkBeforeUpdate == true
        var settings: [CgroupSetting] = []
        if let swap = try swapAlone() {
            // Without swap accounting nothing is swapped out on our account, so none and any amount are the same.
            settings.append(
                CgroupSetting(
                    field + "swap", "memory.swap.max", swap < 0 ? "max" : "\(swap)",
                    tolerance: swap <= 0 ? .missingFile : [],
                    usageFile: checks ? "memory.swap.current" : nil))
        }
        if let limit = given(limit) {
            settings.append(
                CgroupSetting(
                    field + "limit", "memory.max", limit < 0 ? "max" : "\(limit)",
                    tolerance: limit < 0 ? .missingFile : [], usageFile: checks ? "memory.current" : nil))
        }
        if let reservation = given(reservation) {
            settings.append(
                CgroupSetting(
                    field + "reservation", "memory.low", reservation < 0 ? "max" : "\(reservation)",
                    tolerance: reservation < 0 ? .missingFile : []))
        }
        return settings
    }

    /// Swap without memory, as v2 counts it; the spec counts both together, as v1 does.
    private func swapAlone() throws(RuntimeError) -> Int64? {
        guard let memoryAndSwap else { return nil }
        if memoryAndSwap < 0 { return -1 }
        guard let limit = given(limit) else {
            throw RuntimeError(
                .invalidBundle, "linux.resources.memory.swap: it needs linux.resources.memory.limit on cgroup v2",
                hint: "memory.swap limits memory and swap together, and cgroup v2 takes the difference")
        }
        return limit < 0 ? memoryAndSwap : memoryAndSwap - limit
    }

    /// The percentage, or nil where it is unset; engines write -1 in 64 bits for that.
    private func swappinessPercent() throws(RuntimeError) -> UInt64? {
        guard let swappiness, swappiness != UInt64.max else { return nil }
        if swappiness <= 100 { return swappiness }
        throw RuntimeError(.invalidBundle, "linux.resources.memory.swappiness: \(swappiness) is not in 0 to 100")
    }

    private func given(_ value: Int64?) -> Int64? {
        value == 0 ? nil : value
    }
}

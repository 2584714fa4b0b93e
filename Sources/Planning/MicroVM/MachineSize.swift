import Diagnostics
import OCI

/// How large a machine is: `vm.hwConfig`, else `linux.resources`, else annotations, else what the host's file says, else 1
/// virtual CPU and 256 MiB.
///
/// Annotations may come from an image, so they never make a machine larger than the limits of config.json say.
struct MachineSize: Equatable {
    /// The virtual CPUs.
    let virtualCPUs: UInt32
    /// The memory.
    let memoryMiB: UInt32

    /// The most virtual CPUs that the monitor makes.
    static let mostCPUs: UInt32 = 32
    /// The least memory that a distribution's kernel boots with.
    static let leastMemoryMiB: UInt32 = 128
    /// The most memory: what fits the monitor's address space and a guest of 39 physical address bits.
    static let mostMemoryMiB: UInt32 = 256 << 10

    /// Reads a configuration.
    ///
    /// - Parameter defaults: for what the configuration leaves open; its place is that of a file named vm.json.
    init(_ spec: Spec, defaults: Spec.VM.HardwareConfiguration? = nil) throws(RuntimeError) {
        virtualCPUs = try Self.virtualCPUs(spec, defaults)
        memoryMiB = try Self.memoryMiB(spec, defaults)
    }

    private static func checked(cpus count: UInt32, of field: String) throws(RuntimeError) -> UInt32 {
        guard (1...mostCPUs).contains(count) else {
            throw RuntimeError(
                .unsupported, "\(field).vcpus: a machine has 1 to \(mostCPUs) virtual CPUs, not \(count)")
        }
        return count
    }

    private static func checked(memory bytes: UInt64, of field: String) throws(RuntimeError) -> UInt32 {
        let wanted = roundedUp(bytes)
        guard (leastMemoryMiB...mostMemoryMiB).contains(wanted) else {
            throw RuntimeError(
                .unsupported,
                "\(field).memory: a machine has \(leastMemoryMiB) to \(mostMemoryMiB) MiB, not \(wanted)")
        }
        return wanted
    }

    private static let bundles = "config.json: vm.hwConfig"
    private static let hosts = "vm.json: hwConfig"

    private static func virtualCPUs(
        _ spec: Spec, _ defaults: Spec.VM.HardwareConfiguration?
    ) throws(RuntimeError) -> UInt32 {
        if let count = spec.vm?.hwConfig?.vcpus { return try checked(cpus: count, of: bundles) }
        if let cpu = spec.linux.resources?.cpu, let quota = cpu.quota, quota > 0 {
            // The kernel's own period, where a quota comes without one.
            let period = Int64(clamping: cpu.period.flatMap { $0 == 0 ? nil : $0 } ?? 100_000)
            let (whole, rest) = quota.quotientAndRemainder(dividingBy: period)
            return UInt32(clamping: min(Int64(mostCPUs), max(1, rest == 0 ? whole : whole + 1)))
        }
        let keys = ["krun.cpus", "io.katacontainers.config.hypervisor.default_vcpus"]
        guard let (key, text) = annotation(spec, keys) else {
            guard let count = defaults?.vcpus else { return 1 }
            return try checked(cpus: count, of: hosts)
        }
        guard let count = UInt32(text), (1...mostCPUs).contains(count) else {
            throw RuntimeError(
                .invalidBundle, "config.json: annotations.\(key): \"\(text)\" is not a number from 1 to \(mostCPUs)")
        }
        return count
    }

    private static func memoryMiB(
        _ spec: Spec, _ defaults: Spec.VM.HardwareConfiguration?
    ) throws(RuntimeError) -> UInt32 {
        if let bytes = spec.vm?.hwConfig?.memory { return try checked(memory: bytes, of: bundles) }
        if let limit = spec.linux.resources?.memory?.limit, limit > 0 {
            let wanted = memoryMiB(forLimit: UInt64(limit))
            guard wanted <= mostMemoryMiB else {
                throw RuntimeError(
                    .unsupported,
                    "config.json: linux.resources.memory.limit: a machine has at most \(mostMemoryMiB) MiB, not \(wanted)"
                )
            }
            return wanted
        }
        let keys = ["krun.ram_mib", "io.katacontainers.config.hypervisor.default_memory"]
        guard let (key, text) = annotation(spec, keys) else {
            guard let bytes = defaults?.memory else { return 256 }
            return try checked(memory: bytes, of: hosts)
        }
        guard let wanted = UInt32(text), (leastMemoryMiB...mostMemoryMiB).contains(wanted) else {
            throw RuntimeError(
                .invalidBundle,
                "config.json: annotations.\(key): \"\(text)\" is not a number of MiB from \(leastMemoryMiB) to \(mostMemoryMiB)"
            )
        }
        return wanted
    }

    /// The memory of a machine whose program may use so many bytes: the guest's kernel needs some for itself, about a
    /// 64th of all for its page structures and 64 MiB for the rest.
    static func memoryMiB(forLimit bytes: UInt64) -> UInt32 {
        let limit = UInt64(roundedUp(bytes))
        let wanted = limit + 64 + limit / 32
        return max(leastMemoryMiB, UInt32(clamping: wanted + wanted % 2))
    }

    /// Whole pages of 2 MiB.
    private static func roundedUp(_ bytes: UInt64) -> UInt32 {
        let pages = bytes / (2 << 20) + (bytes % (2 << 20) == 0 ? 0 : 1)
        return UInt32(clamping: pages.multipliedReportingOverflow(by: 2).partialValue)
    }

    private static func annotation(_ spec: Spec, _ keys: [String]) -> (key: String, value: String)? {
        for key in keys {
            if let value = spec.annotation(key) { return (key, value) }
        }
        return nil
    }
}

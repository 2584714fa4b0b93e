package import Plans

/// A property that systemd is to give a unit; systemd.resource-control(5), org.freedesktop.systemd1(5).
package struct SystemdProperty: Equatable, Sendable {
    /// Its name.
    package let name: String
    /// Its D-Bus type.
    package let signature: String
    /// Its value; of an array each element for itself.
    package let fields: [String]
    /// Whether the unit can do without it, since an older systemd does not know it.
    package let isOptional: Bool

    /// Makes a property.
    package init(_ name: String, _ signature: String, _ fields: [String], isOptional: Bool = false) {
        self.name = name
        self.signature = signature
        self.fields = fields
        self.isOptional = isOptional
    }

    /// The line that mvrun-systemd reads; nil where a field has a character that separates fields or lines.
    package var line: String? {
        let parts = [(isOptional ? "-" : "") + name, signature] + fields
        guard !parts.contains(where: { $0.utf8.contains { $0 < 0x20 } }) else { return nil }
        return parts.joined(separator: "\t")
    }

    /// What systemd is told of the values that a plan writes.
    ///
    /// mvrun writes all of them itself. But systemd writes what it knows of again at times, at `daemon-reload` for one,
    /// and without these it would write its defaults. So every one is optional. Those systemd has no property for stay as
    /// they were written.
    ///
    /// - Parameter plan: the plan; of a setting that it has twice the later counts, as in the cgroup.
    package static func properties(of plan: CgroupPlan) -> [SystemdProperty] {
        var properties: [SystemdProperty] = []
        for membership in plan.memberships where membership.version == .v2 {
            for setting in membership.settings {
                let found = SystemdProperty.properties(of: setting.write)
                properties.removeAll { old in found.contains { $0.name == old.name } }
                properties += found
            }
        }
        return properties
    }

    private static func properties(of write: CgroupWrite) -> [SystemdProperty] {
        let sizes = [
            "memory.max": "MemoryMax", "memory.high": "MemoryHigh", "memory.low": "MemoryLow",
            "memory.min": "MemoryMin", "memory.swap.max": "MemorySwapMax", "pids.max": "TasksMax",
            "cpu.weight": "CPUWeight",
        ]
        if let name = sizes[write.file] {
            return amount(write.value).map { [SystemdProperty(name, "t", ["\($0)"], isOptional: true)] } ?? []
        }
        switch write.file {
        case "cpu.idle":
            // For systemd being idle is a weight; the others are the weight's own affair.
            return write.value == "1" ? [SystemdProperty("CPUWeight", "t", ["0"], isOptional: true)] : []
        case "cpu.max": return quota(write.value)
        case "cpuset.cpus": return bits("AllowedCPUs", write.value)
        case "cpuset.mems": return bits("AllowedMemoryNodes", write.value)
        default: return []
        }
    }

    /// A number of the kernel's, whose "max" is systemd's greatest number.
    private static func amount(_ text: String) -> UInt64? {
        text == "max" ? UInt64.max : UInt64(text)
    }

    /// A quota "30000 100000", or "max 100000", as time for each second and as a period.
    private static func quota(_ text: String) -> [SystemdProperty] {
        let parts = words(text)
        guard let first = parts.first, let quota = amount(first) else { return [] }
        let period = parts.count > 1 ? UInt64(parts[1]) ?? 0 : 100_000
        guard period > 0 else { return [] }
        var perSecond = UInt64.max
        if quota != UInt64.max {
            let (product, overflow) = quota.multipliedReportingOverflow(by: 1_000_000)
            guard !overflow else { return [] }
            // systemd counts whole percents, and must not take away what was granted.
            let percents = (product / period).addingReportingOverflow(product % period == 0 ? 9_999 : 10_000)
            guard !percents.overflow else { return [] }
            perSecond = percents.partialValue / 10_000 * 10_000
        }
        return [
            SystemdProperty("CPUQuotaPerSecUSec", "t", ["\(perSecond)"], isOptional: true),
            SystemdProperty("CPUQuotaPeriodUSec", "t", ["\(period)"], isOptional: true),
        ]
    }

    /// A list "0-2,5" as a bit for each number, the lowest first.
    private static func bits(_ name: String, _ text: String) -> [SystemdProperty] {
        var bytes: [UInt8] = []
        for part in text.utf8.split(whereSeparator: { $0 == 0x2c || $0 == 0x0a || $0 == 0x20 }) {
            let ends = part.split(separator: 0x2d, maxSplits: 1).map { Int(String(Substring($0))) ?? -1 }
            // Linux has at most 8192 processors.
            guard let first = ends.first, let last = ends.last, 0 <= first, first <= last, last < 8192 else {
                return []
            }
            while bytes.count <= last / 8 { bytes.append(0) }
            for number in first...last { bytes[number / 8] |= 1 << (number % 8) }
        }
        return [SystemdProperty(name, "ay", bytes.map { "\($0)" }, isOptional: true)]
    }
}

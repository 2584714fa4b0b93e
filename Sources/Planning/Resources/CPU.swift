import Diagnostics
import Glibc
import OCI
import Plans

// CPU time. runtime-spec, config-linux.md, "CPU".

extension Spec.Resources.CPU {
    /// What is written for the cpu controller.
    func settings(_ version: CgroupVersion) throws(RuntimeError) -> [CgroupSetting] {
        switch version {
        case .v1: try settingsV1()
        case .v2: try settingsV2()
        }
    }

    private func settingsV1() throws(RuntimeError) -> [CgroupSetting] {
        var settings: [CgroupSetting] = []
        if let shares, shares != 0 {
            // The kernel would take another value without a word.
            guard (2...262_144).contains(shares) else {
                throw RuntimeError(
                    .invalidBundle, "linux.resources.cpu.shares: \(shares) is not in the kernel's range, 2 to 262144")
            }
            // The weight of an idle group cannot be changed; `idle` below may end that.
            settings.append(CgroupSetting(field("shares"), "cpu.shares", "\(shares)", tolerance: .tooEarly))
        }
        settings += idleSettings
        // None of the three may ever exceed what the other two and the parent allow.
        if let period, period != 0 {
            settings.append(CgroupSetting(field("period"), "cpu.cfs_period_us", "\(period)", tolerance: .tooEarly))
        }
        if let quota, quota != 0 {
            let value = quota > 0 ? quota : -1
            settings.append(CgroupSetting(field("quota"), "cpu.cfs_quota_us", "\(value)", tolerance: .tooEarly))
        }
        settings += burstSettings(file: "cpu.cfs_burst_us")
        if let realtimePeriod, realtimePeriod != 0 {
            settings.append(
                CgroupSetting(
                    field("realtimePeriod"), "cpu.rt_period_us", "\(realtimePeriod)", tolerance: .tooEarly))
        }
        if let realtimeRuntime, realtimeRuntime != 0 {
            settings.append(CgroupSetting(field("realtimeRuntime"), "cpu.rt_runtime_us", "\(realtimeRuntime)"))
        }
        return settings
    }

    private func settingsV2() throws(RuntimeError) -> [CgroupSetting] {
        if let realtimeRuntime, realtimeRuntime != 0 { throw notInV2(field("realtimeRuntime"), "real-time limits") }
        if let realtimePeriod, realtimePeriod != 0 { throw notInV2(field("realtimePeriod"), "real-time limits") }
        var settings: [CgroupSetting] = []
        if let weight = shares.flatMap(cpuWeight) {
            settings.append(CgroupSetting(field("shares"), "cpu.weight", "\(weight)", tolerance: .tooEarly))
        }
        settings += idleSettings
        let quota = quota ?? 0
        let period = period ?? 0
        if quota != 0 || period != 0 {
            let most = quota > 0 ? "\(quota)" : "max"
            settings.append(
                CgroupSetting(
                    field(quota != 0 ? "quota" : "period"), "cpu.max", "\(most) \(period != 0 ? period : 100_000)",
                    tolerance: .tooEarly))
        }
        return settings + burstSettings(file: "cpu.max.burst")
    }

    private var idleSettings: [CgroupSetting] {
        guard let idle else { return [] }
        return [CgroupSetting(field("idle"), "cpu.idle", "\(idle)", tolerance: idle == 0 ? .missingFile : [])]
    }

    private func burstSettings(file: String) -> [CgroupSetting] {
        guard let burst else { return [] }
        let tolerance: CgroupSetting.Tolerance = burst == 0 ? [.tooEarly, .missingFile] : .tooEarly
        return [CgroupSetting(field("burst"), file, "\(burst)", tolerance: tolerance)]
    }

    private func field(_ name: String) -> String {
        "linux.resources.cpu." + name
    }
}

/// The v2 weight, 1 to 10000, for v1 shares, 2 to 262144; nil for 0, which stands for unset.
///
/// A quadratic curve through the smallest, the usual (1024 is 100) and the largest value, on logarithmic scales: what
/// crun (from 1.23) and runc (from 1.3.2) do. The straight line that both used before made 1024 a weight of 39.
func cpuWeight(shares: UInt64) -> UInt64? {
    switch shares {
    case 0: return nil
    case ...2: return 1
    case 262_144...: return 10000
    default:
        let logarithm = log2(Double(shares))
        let exponent = (logarithm * logarithm + 125 * logarithm) / 612 - 7.0 / 34
        return UInt64(pow(10, exponent).rounded(.up))
    }
}

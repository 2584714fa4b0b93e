import Diagnostics
import OCI
import Plans

// Block devices. runtime-spec, config-linux.md, "Block IO".

extension Spec.Resources.BlockIO {
    /// What is written for the blkio controller, "io" in v2.
    func settings(_ version: CgroupVersion) throws(RuntimeError) -> [CgroupSetting] {
        var settings = try weightSettings(version)
        for (index, device) in weightDevice.enumerated() {
            settings += try device.settings(version, field: "\(field("weightDevice"))[\(index)]")
        }
        let lists = [
            ("throttleReadBpsDevice", throttleReadBpsDevice, "read_bps", "rbps"),
            ("throttleWriteBpsDevice", throttleWriteBpsDevice, "write_bps", "wbps"),
            ("throttleReadIOPSDevice", throttleReadIOPSDevice, "read_iops", "riops"),
            ("throttleWriteIOPSDevice", throttleWriteIOPSDevice, "write_iops", "wiops"),
        ]
        for (name, devices, fileV1, keyV2) in lists {
            for (index, device) in devices.enumerated() {
                let number = "\(device.major):\(device.minor)"
                // A rate of 0 removes the limit in v1; v2 has a word for that.
                let write =
                    switch version {
                    case .v1: CgroupWrite("blkio.throttle.\(fileV1)_device", "\(number) \(device.rate)")
                    case .v2: CgroupWrite("io.max", "\(number) \(keyV2)=\(device.rate == 0 ? "max" : "\(device.rate)")")
                    }
                settings.append(CgroupSetting("\(field(name))[\(index)]", write.file, write.value))
            }
        }
        return settings
    }

    private func weightSettings(_ version: CgroupVersion) throws(RuntimeError) -> [CgroupSetting] {
        var settings: [CgroupSetting] = []
        if let weight = try checkedWeight(weight, field("weight")) {
            settings.append(blockWeight(version, weight, field: field("weight")))
        }
        if let weight = try checkedWeight(leafWeight, field("leafWeight")) {
            if version == .v2 { throw notInV2(field("leafWeight"), "weight against a cgroup's own children") }
            settings.append(CgroupSetting(field("leafWeight"), "blkio.leaf_weight", "\(weight)"))
        }
        return settings
    }

    private func field(_ name: String) -> String {
        "linux.resources.blockIO." + name
    }
}

extension Spec.Resources.WeightDevice {
    fileprivate func settings(_ version: CgroupVersion, field: String) throws(RuntimeError) -> [CgroupSetting] {
        var settings: [CgroupSetting] = []
        let device = "\(major):\(minor) "
        if let weight = try checkedWeight(weight, field + ".weight") {
            settings.append(blockWeight(version, weight, field: field + ".weight", device: device))
        }
        if let weight = try checkedWeight(leafWeight, field + ".leafWeight") {
            if version == .v2 { throw notInV2(field + ".leafWeight", "weight against a cgroup's own children") }
            settings.append(
                CgroupSetting(field + ".leafWeight", "blkio.leaf_weight_device", device + "\(weight)"))
        }
        return settings
    }
}

/// A weight, of all devices or of one.
///
/// The bfq scheduler has files of its own. It alone reads them, but where it is built in they exist, and then nothing
/// else uses weights in v1 from Linux 5.0 on. In v2 io.weight, 1 to 10000, belongs to the io.cost controller.
private func blockWeight(
    _ version: CgroupVersion, _ weight: UInt16, field: String, device: String = ""
) -> CgroupSetting {
    switch version {
    case .v1:
        let suffix = device.isEmpty ? "weight" : "weight_device"
        return CgroupSetting(
            field, "blkio.\(suffix)", device + "\(weight)",
            alternatives: [CgroupWrite("blkio.bfq.\(suffix)", device + "\(weight)")])
    case .v2:
        // From 10...1000 to 1...10000 along a straight line, as crun and runc do.
        let unified = 1 + (Int(weight) - 10) * 9999 / 990
        return CgroupSetting(
            field, "io.bfq.weight", device + "\(weight)",
            alternatives: [CgroupWrite("io.weight", device + "\(unified)")])
    }
}

/// A weight in the spec's range, or nil where it is unset: absent or 0.
private func checkedWeight(_ weight: UInt16?, _ field: String) throws(RuntimeError) -> UInt16? {
    guard let weight, weight != 0 else { return nil }
    if (10...1000).contains(weight) { return weight }
    throw RuntimeError(.invalidBundle, "\(field): \(weight) is not in 10 to 1000")
}

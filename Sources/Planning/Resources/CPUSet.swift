import OCI
import Plans

// Processors and memory nodes to run on. runtime-spec, config-linux.md, "CPU"; the same files in v1 and v2.

extension Spec.Resources.CPU {
    /// What is written for the cpuset controller.
    var processorSettings: [CgroupSetting] {
        var settings: [CgroupSetting] = []
        if let cpus { settings.append(CgroupSetting("linux.resources.cpu.cpus", "cpuset.cpus", cpus)) }
        if let mems { settings.append(CgroupSetting("linux.resources.cpu.mems", "cpuset.mems", mems)) }
        return settings
    }
}

import OCI
import Plans

// Classes and priorities of packets, which v2 does not have. runtime-spec, config-linux.md, "Network".

extension Spec.Resources.Network {
    /// What is written for the net_cls controller.
    var classSettings: [CgroupSetting] {
        guard let classID else { return [] }
        return [
            CgroupSetting(
                "linux.resources.network.classID", "net_cls.classid", "\(classID)",
                tolerance: classID == 0 ? .missingFile : [])
        ]
    }

    /// What is written for the net_prio controller.
    var prioritySettings: [CgroupSetting] {
        priorities.enumerated().map { index, entry in
            CgroupSetting(
                "linux.resources.network.priorities[\(index)]", "net_prio.ifpriomap", "\(entry.name) \(entry.priority)")
        }
    }
}

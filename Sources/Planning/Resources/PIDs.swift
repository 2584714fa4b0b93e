import OCI
import Plans

// The number of tasks. runtime-spec, config-linux.md, "PIDs"; the same file in v1 and v2.

extension Spec.Resources.Pids {
    /// What is written for the pids controller.
    ///
    /// A negative limit is none. 0 is a limit like any other from runtime-spec 1.3 on; the container's first process
    /// could not be born under it, and no process can tell it from 1, which is what runc writes.
    var settings: [CgroupSetting] {
        guard let limit else { return [] }
        return [
            CgroupSetting(
                "linux.resources.pids.limit", "pids.max", limit < 0 ? "max" : "\(max(limit, 1))",
                tolerance: limit < 0 ? .missingFile : [])
        ]
    }
}

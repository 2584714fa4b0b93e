import OCI
import Plans

// RDMA devices. runtime-spec, config-linux.md, "RDMA"; the same file in v1 and v2.

extension Spec.Resources {
    /// What is written for the rdma controller.
    var rdmaSettings: [CgroupSetting] {
        rdma.compactMap { entry in
            var value = entry.key
            if let handles = entry.value.hcaHandles { value += " hca_handle=\(handles)" }
            if let objects = entry.value.hcaObjects { value += " hca_object=\(objects)" }
            if value == entry.key { return nil }
            return CgroupSetting("linux.resources.rdma.\(entry.key)", "rdma.max", value)
        }
    }
}

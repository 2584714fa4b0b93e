package import Cgroups
package import Diagnostics
package import OCI
package import Plans

extension CgroupPlan {
    /// What a container's cgroups are to be: one in each hierarchy of the host, with what its resources ask for.
    ///
    /// - Parameters:
    ///   - resources: `linux.resources`.
    ///   - path: where the cgroups are.
    ///   - layout: the host's hierarchies.
    ///   - unprivileged: whether the runtime has no privileges over the host, being another user than root or in a user
    ///     namespace. Then rules for devices are not enforced: the kernel does not let us, and keeps such a container
    ///     from making devices itself. A cgroup without settings may then be missing.
    package init(
        for resources: Spec.Resources, at path: CgroupsPath, on layout: CgroupLayout, unprivileged: Bool
    ) throws(RuntimeError) {
        self.init(
            memberships: layout.hierarchies.map { hierarchy in
                CgroupMembership(
                    version: hierarchy.version, mountPoint: hierarchy.mountPoint, controllers: hierarchy.controllers,
                    path: path.path(in: hierarchy))
            })
        try add(resources)
        if !unprivileged { try add(DevicePolicy(resources.devices), requested: !resources.devices.isEmpty) }
        for index in memberships.indices where unprivileged {
            memberships[index].isOptional = memberships[index].settings.isEmpty
        }
    }

    /// What is to be changed in the cgroups of a container that exists; rules for devices stay as they are.
    ///
    /// - Parameters:
    ///   - resources: all that the container is to have, see `Spec.Resources.updated(by:)`.
    ///   - cgroups: the container's cgroups.
    package init(updating cgroups: ContainerCgroups, to resources: Spec.Resources) throws(RuntimeError) {
        self.init(
            memberships: cgroups.records.map { record in
                CgroupMembership(
                    version: record.version, mountPoint: record.mountPoint, controllers: record.controllers,
                    path: record.path)
            })
        try add(resources)
    }

    private mutating func add(_ resources: Spec.Resources) throws(RuntimeError) {
        if let cpu = resources.cpu {
            try add("cpu") { version throws(RuntimeError) in try cpu.settings(version) }
            try add("cpuset") { _ throws(RuntimeError) in cpu.processorSettings }
        }
        if let memory = resources.memory {
            try add("memory") { version throws(RuntimeError) in try memory.settings(version) }
        }
        if let pids = resources.pids { try add("pids") { _ throws(RuntimeError) in pids.settings } }
        if let blockIO = resources.blockIO {
            try add("blkio") { version throws(RuntimeError) in try blockIO.settings(version) }
        }
        if !resources.hugepageLimits.isEmpty {
            try add("hugetlb") { version throws(RuntimeError) in try resources.hugePageSettings(version) }
        }
        if let network = resources.network {
            try add("net_cls") { _ throws(RuntimeError) in network.classSettings }
            try add("net_prio") { _ throws(RuntimeError) in network.prioritySettings }
        }
        if !resources.rdma.isEmpty { try add("rdma") { _ throws(RuntimeError) in resources.rdmaSettings } }
        try addUnified(resources)
    }

    /// Adds the settings of one controller where that controller is.
    ///
    /// - Parameters:
    ///   - controller: its v1 name.
    ///   - settings: what to write by the interface of the given version.
    private mutating func add(
        _ controller: String, _ settings: (CgroupVersion) throws(RuntimeError) -> [CgroupSetting]
    ) throws(RuntimeError) {
        let unifiedName = controller == "blkio" ? "io" : controller
        guard
            let index = memberships.firstIndex(where: { $0.version == .v1 && $0.controllers.contains(controller) })
                ?? memberships.firstIndex(where: { $0.version == .v2 && $0.controllers.contains(unifiedName) })
        else {
            let isUnified = memberships.allSatisfy { $0.version == .v2 }
            let missing = try settings(isUnified ? .v2 : .v1).first { !$0.tolerance.contains(.missingFile) }
            guard let missing else { return }
            throw noController(isUnified ? unifiedName : controller, for: missing.field)
        }
        let added = try settings(memberships[index].version)
        memberships[index].settings += added
        if memberships[index].version == .v2, !added.isEmpty {
            memberships[index].neededControllers.append(unifiedName)
        }
    }

    private mutating func addUnified(_ resources: Spec.Resources) throws(RuntimeError) {
        guard let first = resources.unified.first else { return }
        guard let index = memberships.firstIndex(where: { $0.version == .v2 }) else {
            throw RuntimeError(
                .unsupported, "linux.resources.unified[\"\(first.key)\"]: this host has no cgroup v2 hierarchy",
                hint: "on cgroup v1 use the other fields of linux.resources")
        }
        let (settings, controllers) = try resources.unifiedSettings()
        for controller in controllers where !memberships[index].controllers.contains(controller) {
            let field = settings.first { $0.write.file.hasPrefix(controller + ".") }?.field ?? "linux.resources.unified"
            throw noController(controller, for: field)
        }
        memberships[index].settings += settings
        for controller in controllers where !memberships[index].neededControllers.contains(controller) {
            memberships[index].neededControllers.append(controller)
        }
    }

    private mutating func add(_ policy: DevicePolicy, requested: Bool) throws(RuntimeError) {
        if let index = memberships.firstIndex(where: { $0.version == .v1 && $0.controllers.contains("devices") }) {
            memberships[index].settings += try policy.settingsV1()
        } else if let index = memberships.firstIndex(where: { $0.version == .v2 }) {
            if !policy.allowsEverything { memberships[index].deviceProgram = policy.program() }
        } else if requested, !policy.allowsEverything {
            throw noController("devices", for: "linux.resources.devices")
        }
    }
}

private func noController(_ controller: String, for field: String) -> RuntimeError {
    RuntimeError(
        .unsupported, "\(field): no \(controller) controller in any cgroup hierarchy of this host",
        hint: "remove \(field), or enable the kernel's \(controller) controller")
}

/// The error for a field that only v1 can honour.
func notInV2(_ field: String, _ what: String) -> RuntimeError {
    RuntimeError(.unsupported, "\(field): cgroup v2 has no \(what)", hint: "remove \(field)")
}

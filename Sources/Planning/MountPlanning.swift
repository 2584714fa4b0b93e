import Cgroups
import Diagnostics
import OCI
import Plans
import Syscalls

/// Turns `mounts` into steps, and collects the trees that the launcher opens for them.
struct MountPlanning {
    private let bundle: Bundle
    private let namespaces: NamespacePlan
    private let options: PlanOptions
    private var spec: Spec { bundle.spec }
    /// The trees, in the order of their positions.
    private(set) var trees: [LauncherTree] = []

    init(bundle: Bundle, namespaces: NamespacePlan, options: PlanOptions) {
        self.bundle = bundle
        self.namespaces = namespaces
        self.options = options
    }

    /// A step for each mount, and those that mvrun adds.
    mutating func steps() throws(RuntimeError) -> [MountStep] {
        var steps: [MountStep] = []
        for index in spec.mounts.indices { steps.append(try step(index)) }
        return steps + options.extraMounts
    }

    private mutating func step(_ index: Int) throws(RuntimeError) -> MountStep {
        let mount = spec.mounts[index]
        let parsed = MountOptions(mount.options)
        var step = MountStep(
            index: index, destination: clean(mount.destination), kind: try kind(mount, parsed, index: index))
        if case .bind = step.kind { step.attributes = bindAttributes(parsed) }
        step.recursiveAttributes = MountStep.Attributes(
            set: parsed.recursiveSet.rawValue,
            clear: parsed.recursiveClear.rawValue | accessTimeMask(parsed.recursiveSet.rawValue))
        step.propagation = parsed.propagation.map(\.flags)
        step.copiesUp = parsed.copiesUp && mount.type == "tmpfs"
        step.destinationNoFollow = parsed.destinationNoFollow
        return step
    }

    private mutating func kind(
        _ mount: Spec.Mount, _ parsed: MountOptions, index: Int
    ) throws(RuntimeError) -> MountStep.Kind {
        if parsed.isBind || mount.type == "bind" {
            return bind(mount, parsed, index: index)
        }
        let flags = parsed.flags.subtracting([.bind, .recursive]).rawValue
        let data = labelled(parsed.data.joined(separator: ","), type: mount.type ?? "")
        if parsed.flags.contains(.remount) { return .remount(flags: flags, data: data) }
        if mount.type == "cgroup" || mount.type == "cgroup2" { return cgroup(flags: flags) }
        return .fileSystem(
            type: mount.type ?? "", source: mount.source ?? mount.type ?? "", flags: flags, data: data)
    }

    /// An SELinux context for file systems that take one (`linux.mountLabel`).
    private func labelled(_ data: String, type: String) -> String {
        guard let label = spec.linux.mountLabel, !label.isEmpty, type == "tmpfs" || type == "devpts" || type == "mqueue"
        else { return data }
        return (data.isEmpty ? "" : data + ",") + "context=\"\(label)\""
    }

    private mutating func bind(_ mount: Spec.Mount, _ parsed: MountOptions, index: Int) -> MountStep.Kind {
        let source = mount.source ?? ""
        let path = bundle.hostPath(source)
        let recursive = parsed.flags.contains(.recursive) || mount.options.contains("rbind")
        let isMapped = parsed.idMapped != .no || !mount.uidMappings.isEmpty
        // A path that only the host's root can reach is opened outside, before the user namespace takes that away.
        guard isMapped || (namespaces.has(.user) && options.isPrivileged) else {
            return .bind(.path(path), recursive: recursive)
        }
        trees.append(
            LauncherTree(
                path: path, recursive: recursive, userMappings: mount.uidMappings.map(IDMapping.init),
                groupMappings: mount.gidMappings.map(IDMapping.init),
                mapsRecursively: parsed.idMapped == .recursive,
                mapsAsContainer: isMapped && mount.uidMappings.isEmpty, field: "mounts[\(index)]"))
        return .bind(.launcher(trees.count - 1), recursive: recursive)
    }

    /// mount(2)'s flags of a bind mount as attributes: what was not said is inherited from the source.
    private func bindAttributes(_ parsed: MountOptions) -> MountStep.Attributes {
        let set = attributes(parsed.flags)
        let cleared = attributes(parsed.cleared) & ~set
        return MountStep.Attributes(set: set, clear: cleared | accessTimeMask(set | cleared))
    }

    /// A policy for access times replaces another only where the old one is cleared in the same call, mount_setattr(2).
    private func accessTimeMask(_ set: UInt64) -> UInt64 {
        let policies = MountAttributes.accessTimes.rawValue
        return set & policies != 0 ? policies : 0
    }

    private func attributes(_ flags: MountFlags) -> UInt64 {
        let table: [(MountFlags, MountAttributes)] = [
            (.readOnly, .readOnly), (.noSetUserID, .noSetUserID), (.noDevices, .noDevices),
            (.noExecution, .noExecution), (.noAccessTimes, .noAccessTimes),
            (.strictAccessTimes, .strictAccessTimes), (.noDirectoryAccessTimes, .noDirectoryAccessTimes),
            (.noSymlinks, .noSymlinks),
        ]
        return table.reduce(0) { flags.contains($1.0) ? $0 | $1.1.rawValue : $0 }
    }

    /// A destination without `.`, `..` and doubled slashes; a relative one starts at the root.
    private func clean(_ destination: String) -> String {
        var parts: [String] = []
        for part in destination.pathComponents {
            switch part {
            case ".": continue
            case "..": _ = parts.popLast()
            default: parts.append(part)
            }
        }
        return rootedPath(parts)
    }

    /// The hierarchies as the container is to see them.
    private func cgroup(flags: UInt64) -> MountStep.Kind {
        let hierarchies = options.layout.hierarchies
        let own = namespaces.new.contains(.cgroup) || namespaces.has(.cgroup)
        func hostPath(_ hierarchy: CgroupHierarchy) -> String {
            let membership = options.cgroups?.memberships.first { $0.mountPoint == hierarchy.mountPoint }
            return membership?.directory ?? hierarchy.mountPoint + hierarchy.ownPath
        }
        if hierarchies.count == 1, let unified = hierarchies.first, unified.version == .v2 {
            return .cgroup(
                MountStep.CgroupMount(
                    ownNamespace: own, unified: hostPath(unified), hierarchies: [], flags: flags))
        }
        let parts = hierarchies.map { hierarchy in
            let place = hierarchy.mountPoint
            let slash = place.utf8.lastIndex(of: 0x2f)
            let directory = slash.map { String(place[place.utf8.index(after: $0)...]) } ?? place
            let isNamed = hierarchy.controllers.contains { $0.hasPrefix("name=") }
            return MountStep.CgroupMount.Hierarchy(
                directory: directory,
                data: hierarchy.version == .v2
                    ? "" : (isNamed ? "none," : "") + hierarchy.controllers.joined(separator: ","),
                links: hierarchy.version == .v1 && hierarchy.controllers.count > 1
                    ? hierarchy.controllers.filter { $0 != directory } : [],
                hostPath: hostPath(hierarchy), type: hierarchy.version == .v1 ? "cgroup" : "cgroup2")
        }
        return .cgroup(MountStep.CgroupMount(ownNamespace: own, unified: nil, hierarchies: parts, flags: flags))
    }
}

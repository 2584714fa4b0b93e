import OCI
import Plans

/// Which namespaces are made and which are joined, and by whom.
struct NamespacePlan {
    /// The kinds that are made.
    let new: Set<NamespaceKind>
    /// The namespaces that are joined.
    let joins: [NamespaceJoin]

    /// Sorts `linux.namespaces`.
    init(_ linux: Spec.Linux) {
        var new: Set<NamespaceKind> = []
        var joins: [NamespaceJoin] = []
        for (index, namespace) in linux.namespaces.enumerated() {
            guard let kind = NamespaceKind(name: namespace.type.rawValue) else { continue }
            if let path = namespace.path, !path.isEmpty {
                joins.append(NamespaceJoin(kind: kind, path: path, field: "linux.namespaces[\(index)].path"))
            } else {
                new.insert(kind)
            }
        }
        self.new = new
        self.joins = joins
    }

    /// Whether the container has a namespace of a kind for itself or with others, and not the caller's.
    func has(_ kind: NamespaceKind) -> Bool {
        new.contains(kind) || joins.contains { $0.kind == kind }
    }

    /// The kinds that a clone makes.
    ///
    /// A cgroup namespace must see the container's cgroup as its root and a time namespace
    /// wants its offsets first, so the stage makes these two.
    var cloneFlags: UInt64 {
        new.subtracting([.cgroup, .time]).reduce(0) { $0 | $1.cloneFlag }
    }

    /// Whether the stage must join before namespaces are made, in a child.
    ///
    /// A joined pid namespace only takes children; what is made below a joined user namespace must belong to it; and a
    /// namespace of the host can only be joined before a new user namespace takes the privilege to do so away.
    var forks: Bool {
        joins.contains { $0.kind == .pid || $0.kind == .user } || (new.contains(.user) && !joins.isEmpty)
    }

    /// Says in a launch plan who makes what.
    func fill(_ launch: inout LaunchPlan, _ linux: Spec.Linux) {
        launch.namespaces = cloneFlags
        launch.namespacesByStage = forks
        guard new.contains(.user) else { return }
        launch.userMappings = linux.uidMappings.map(IDMapping.init)
        launch.groupMappings = linux.gidMappings.map(IDMapping.init)
    }
}

extension IDMapping {
    /// A mapping of the spec's.
    init(_ mapping: Spec.IDMapping) {
        self.init(containerID: mapping.containerID, hostID: mapping.hostID, size: mapping.size)
    }
}

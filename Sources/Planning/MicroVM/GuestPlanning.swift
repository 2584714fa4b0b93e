import Cgroups
import Diagnostics
package import OCI
import Plans

/// The guest's half: the bundle as a container of the guest's kernel.
struct GuestPlanning {
    let bundle: Bundle
    let shares: MicroVMShares
    let options: PlanOptions

    /// Where the guest has its one cgroup hierarchy, and in it the workload's cgroup.
    private static let cgroups = (mountPoint: "/sys/fs/cgroup", path: "/workload")

    /// The plan that the agent gets.
    func plan() throws(RuntimeError) -> GuestPlan {
        var inside = PlanOptions(id: options.id, isPrivileged: true)
        inside.noNewKeyring = options.noNewKeyring
        inside.hookState = options.hookState
        inside.seccomp = options.seccomp
        inside.extraEnvironment = options.extraEnvironment
        inside.layout = CgroupLayout(hierarchies: [
            CgroupHierarchy(version: .v2, mountPoint: Self.cgroups.mountPoint, controllers: [], ownPath: "/")
        ])
        inside.cgroups = CgroupPlan(memberships: [
            CgroupMembership(
                version: .v2, mountPoint: Self.cgroups.mountPoint, controllers: [], path: Self.cgroups.path)
        ])
        let spec = guestSpec()
        var sandbox = try ContainerIsolation.plan(
            bundle.replacing(spec: spec, rootPath: shares.guestRoot), options: inside)
        // The guest's network is the container's: nobody else brings its loopback device up.
        sandbox.stage.steps.insert(.loopbackUp, at: 0)
        var plan = GuestPlan(
            sandbox: sandbox, memoryLimit: bundle.spec.linux.resources?.guestMemoryLimit,
            processLimit: bundle.spec.linux.resources?.guestProcessLimit)
        plan.hasShares = !shares.shares.isEmpty
        plan.rootDisk = bundle.spec.rootDisk
        return plan
    }

    /// The configuration as the guest is to see it.
    private func guestSpec() -> Spec {
        var spec = bundle.spec
        for point in Spec.Hooks.Point.allCases where point != .startContainer { spec.hooks[point] = [] }
        // The monitor has these, with the labels of the host.
        spec.process?.apparmorProfile = nil
        spec.process?.selinuxLabel = nil
        spec.linux.mountLabel = nil
        spec.linux.memoryPolicy = nil
        spec.linux.cgroupsPath = nil
        spec.linux.resources = nil
        // Ids of the guest are those of the monitor's user namespace: the file server sees to that.
        spec.linux.uidMappings = []
        spec.linux.gidMappings = []
        // All that keeps the program from the agent, whether it was asked for or not; the network is the guest's own.
        let own: [Spec.Namespace.Kind] = [.mount, .pid, .ipc, .uts, .cgroup]
        let time = spec.linux.namespace(.time).map { _ in [Spec.Namespace(.time)] } ?? []
        spec.linux.namespaces = own.map { Spec.Namespace($0) } + time
        for index in spec.mounts.indices { rebase(&spec.mounts[index], index) }
        spec.vm = nil
        return spec
    }

    private func rebase(_ mount: inout Spec.Mount, _ index: Int) {
        if mount.isEngineSharedMemory {
            mount.type = "tmpfs"
            mount.source = "shm"
            mount.options = ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]
        } else if let path = shares.guestPath(ofMount: index) {
            mount.source = path
            // The host maps the ids.
            mount.uidMappings = []
            mount.gidMappings = []
            mount.options.removeAll { $0 == "idmap" || $0 == "ridmap" }
        }
    }
}

extension Spec {
    /// The disk that holds the root file system; nil where `root.path` does.
    var rootDisk: MachineDisk? {
        vm?.image?.path == nil ? nil : MachineDisk(readOnly: root.readonly)
    }
}

extension PlanOptions {
    /// The kinds of namespaces that a workload in a guest has, CLONE_NEW* flags: those that an exec has to enter.
    package static func guestNamespaces(_ spec: Spec) -> UInt64 {
        let kinds: [NamespaceKind] = [.mount, .pid, .ipc, .uts, .cgroup]
        let time = spec.linux.namespace(.time) == nil ? 0 : NamespaceKind.time.cloneFlag
        return kinds.reduce(time) { $0 | $1.cloneFlag }
    }
}

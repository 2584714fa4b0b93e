package import Cgroups
package import Plans

/// What a plan depends on beside the bundle: the command line, the state directory, the host.
package struct PlanOptions: Sendable {
    /// The container's id.
    package var id: String
    /// Whether this process is the superuser of the machine; otherwise it maps only what it is allowed to.
    package var isPrivileged: Bool
    /// Enter the root by moving it, since it is on a file system that pivot_root(2) refuses.
    package var noPivot = false
    /// Keep the caller's session keyring.
    package var noNewKeyring = false
    /// Descriptors 3 to 2+n go to the program.
    package var preservedDescriptors = 0
    /// LISTEN_FDS, where the caller had it.
    package var listenDescriptors: Int?
    /// Another command starts the container, through the start socket.
    package var startsLater = false
    /// The runtime does something with the network, where hooks of the runtime would.
    package var awaitsNetworks = false
    /// The state that hooks get, see `StagePlan.hookState`.
    package var hookState = ""
    /// The host's cgroup hierarchies; empty without.
    package var layout = CgroupLayout(hierarchies: [])
    /// The container's cgroups; nil where it stays in the caller's.
    package var cgroups: CgroupPlan?
    /// The compiled `linux.seccomp`.
    package var seccomp: SeccompFilter?
    /// Mounts that mvrun adds, behind those of config.json.
    package var extraMounts: [MountStep] = []
    /// Environment that mvrun adds.
    package var extraEnvironment: [String] = []

    /// Plans with no option for a container.
    package init(id: String, isPrivileged: Bool) {
        self.id = id
        self.isPrivileged = isPrivileged
    }
}

/// One thing that the stage does on the way to the program.
///
/// Steps are performed in the order in which they stand.
///
/// A step says what is wanted (mask this path), not which calls do it: what depends on the place, such as whether a path
/// exists and is a directory, is decided where the step runs; what depends on the spec was decided by the planner.
package enum SetupStep: Equatable, Sendable {
    /// Enter namespaces that exist.
    case joinNamespaces([NamespaceJoin])
    /// Enter these namespaces (CLONE_NEW* flags) of the process that the launcher was given.
    case joinProcess(kinds: UInt64)
    /// Make the namespaces that must come after the joined ones, and a child that goes on in them.
    case fork(namespaces: UInt64, mapped: Bool)
    /// Make a time namespace with these offsets and enter it.
    case newTimeNamespace([ClockOffset])
    /// Make a cgroup namespace rooted at the cgroup the stage is in.
    case newCgroupNamespace
    /// Leave the caller's session and terminal.
    case newSession
    /// Join a session keyring of the container's own.
    case newKeyring(name: String)
    /// sethostname(2).
    case hostname(String)
    /// setdomainname(2).
    case domainname(String)
    /// Bring the loopback device of a new network namespace up.
    case loopbackUp
    /// Give every mount of the new mount namespace this propagation, so that nothing leaks to the host.
    case propagation(UInt64)
    /// Bind the root file system to itself, which makes it a mount that can become the root.
    case prepareRoot(path: String)
    /// Make an empty root in memory; the directory of the host that it covers does not change.
    case emptyRoot(at: String)
    /// A mount.
    case mount(MountStep)
    /// Make what is missing of these places in a tree of the root, as the tree's own links lead there, and make the tree
    /// read-only afterwards: whoever uses it as a root file system cannot make them any more.
    case mountPoints(in: String, [MountPoint])
    /// Device nodes under /dev; in a user namespace they are bound from the host, since mknod(2) is not allowed there.
    case devices([DeviceStep], bind: Bool)
    /// /dev/fd, /dev/stdin, /dev/stdout, /dev/stderr, /dev/core and /dev/ptmx.
    case defaultLinks
    /// Make a pseudoterminal of the container's own devpts, hand its master to the launcher, and use it as stdio.
    case terminal(rows: UInt16, columns: UInt16, bindConsole: Bool)
    /// Wait while the launcher runs the hooks of the runtime's namespaces.
    case awaitHooks
    /// Run hooks here.
    case hooks([HookStep])
    /// Make the prepared root the root and drop the host's.
    case enterRoot(EnterRoot)
    /// Change the propagation of the root mount.
    case rootPropagation(UInt64)
    /// Remount the root read-only.
    case readOnlyRoot
    /// Set kernel parameters.
    case sysctl([KernelParameter])
    /// Make paths unreadable.
    case maskPaths([String])
    /// Make paths read-only.
    case readOnlyPaths([String])
    /// personality(2).
    case personality(UInt64)
    /// set_mempolicy(2).
    case memoryPolicy(mode: Int32, nodes: [UInt64])
    /// ioprio_set(2).
    case ioPriority(Int32)
    /// sched_setattr(2).
    case scheduler(SchedulerAttributes)
    /// sched_setaffinity(2), a bit for each CPU.
    case affinity([UInt8])
    /// The label that the exec gives to the program.
    case securityLabel(SecurityLabel)
    /// Make the working directory where it is missing.
    case makeDirectory(String)
    /// Set the resource limits, or wait while the launcher does: raising one takes a privilege of the initial user namespace,
    /// which the stage may be outside of. Before the ids change, since afterwards this takes one too (prlimit(2)).
    case limits([ResourceLimit])
    /// Find the program, and say so now if it is missing.
    case findProgram
    /// Set the no_new_privs bit.
    case noNewPrivileges
    /// User, groups, umask.
    case identity(Identity, keepCapabilities: Bool)
    /// The five capability sets.
    case capabilities(CapabilitySets)
    /// Drop from the bounding set what the program must not gain; while the stage may still do so.
    case boundingSet(UInt64)
    /// Install a seccomp filter.
    case seccomp(SeccompFilter)
    /// Enter the working directory.
    case workingDirectory(String)

    /// How the root changes.
    package enum EnterRoot: UInt8, Sendable {
        /// pivot_root(2).
        case pivot
        /// mount(2) with MS_MOVE and chroot(2): for a root that is on a ramfs.
        case move
        /// chroot(2) alone: without a mount namespace.
        case change
    }

    /// A place that something is to be mounted on.
    package struct MountPoint: Equatable, Sendable {
        /// Where, absolute inside the tree.
        package var path: String
        /// Whether a file is to be mounted there rather than a directory.
        package var isFile: Bool

        /// Describes a place.
        package init(path: String, isFile: Bool) {
            self.path = path
            self.isFile = isFile
        }
    }

    /// One kernel parameter, sysctl(8).
    package struct KernelParameter: Equatable, Sendable {
        /// The name with dots, as in net.ipv4.ip_forward.
        package var name: String
        /// The file below /proc/sys.
        package var path: String
        /// The value.
        package var value: String

        /// Names a parameter.
        package init(name: String, path: String, value: String) {
            self.name = name
            self.path = path
            self.value = value
        }
    }

    /// A label of a security module.
    package enum SecurityLabel: Equatable, Sendable {
        /// An AppArmor profile, for the next exec.
        case appArmor(String)
        /// An SELinux label, for the next exec.
        case seLinux(String)
    }
}

extension SetupStep: CustomStringConvertible {
    /// What the step does, as a phrase for `mvrun plan` and for errors.
    package var description: String {
        switch self {
        case .joinNamespaces(let joins):
            "join " + joins.map { "the \($0.kind.name) namespace \($0.path)" }.joined(separator: ", ")
        case .joinProcess: "join the container's namespaces"
        case .fork(let kinds, _):
            kinds == 0 ? "go on in a child of the joined pid namespace" : "make namespaces below the joined ones"
        case .newTimeNamespace: "make a time namespace"
        case .newCgroupNamespace: "make a cgroup namespace"
        case .newSession: "start a session"
        case .newKeyring(let name): "join the session keyring \(name)"
        case .hostname(let name): "set the host name to \(name)"
        case .domainname(let name): "set the domain name to \(name)"
        case .loopbackUp: "bring the loopback device up"
        case .propagation: "keep mounts from spreading to the host"
        case .prepareRoot(let path): "prepare root.path \(path)"
        case .emptyRoot: "make an empty root in memory"
        case .mount(let step): step.description + (step.index.map { " (mounts[\($0)])" } ?? "")
        case .mountPoints(let tree, let points): "make \(points.count) mount points in \(tree), then make it read-only"
        case .devices(let devices, _): "make \(devices.count) device nodes"
        case .defaultLinks: "make the links of /dev"
        case .terminal: "open a terminal"
        case .awaitHooks: "wait for the runtime's hooks"
        case .hooks(let hooks): "run \(hooks.count) \(hooks.first?.list ?? "") hooks"
        case .enterRoot: "enter the root"
        case .rootPropagation: "set the root's propagation"
        case .readOnlyRoot: "make the root read-only"
        case .sysctl(let parameters): "set \(parameters.map(\.name).joined(separator: ", "))"
        case .maskPaths(let paths): "mask \(paths.joined(separator: ", "))"
        case .readOnlyPaths(let paths): "make \(paths.joined(separator: ", ")) read-only"
        case .personality: "set the personality"
        case .memoryPolicy: "set the memory policy"
        case .ioPriority: "set the I/O priority"
        case .scheduler: "set the scheduler"
        case .affinity: "set the CPU affinity"
        case .securityLabel: "set the security label"
        case .makeDirectory(let path): "make the directory \(path)"
        case .limits(let limits): "set \(limits.map(\.name).joined(separator: ", "))"
        case .findProgram: "find the program"
        case .noNewPrivileges: "set no_new_privs"
        case .identity(let identity, _): "become user \(identity.userID), group \(identity.groupID)"
        case .capabilities: "set the capabilities"
        case .boundingSet: "limit the capability bounding set"
        case .seccomp: "install the seccomp filter"
        case .workingDirectory(let path): "enter the working directory \(path)"
        }
    }
}

extension Spec {
    /// The values of `linux.rootfsPropagation`, mount_namespaces(7); also options of a mount.
    package enum Propagation: String, SpecificationName {
        case shared, slave, `private`, unbindable
        case rshared, rslave, rprivate, runbindable

        /// What an error calls one of these.
        package static let noun = "a mount propagation"

        /// Whether the mounts below follow.
        package var isRecursive: Bool {
            switch self {
            case .shared, .slave, .private, .unbindable: false
            case .rshared, .rslave, .rprivate, .runbindable: true
            }
        }

        /// The flags of mount(2).
        package var flags: UInt64 {
            let kind: UInt64 =
                switch self {
                case .unbindable, .runbindable: 1 << 17
                case .private, .rprivate: 1 << 18
                case .slave, .rslave: 1 << 19
                case .shared, .rshared: 1 << 20
                }
            return isRecursive ? kind | 1 << 14 : kind
        }
    }
}

extension Spec.Namespace {
    /// The kinds of namespaces(7).
    package enum Kind: String, SpecificationName {
        case pid, network, mount, ipc, uts, user, cgroup, time

        /// What an error calls one of these.
        package static let noun = "a namespace type"

        /// The flag of clone(2), linux/sched.h.
        package var flag: UInt64 {
            switch self {
            case .pid: 0x2000_0000
            case .network: 0x4000_0000
            case .mount: 0x0002_0000
            case .ipc: 0x0800_0000
            case .uts: 0x0400_0000
            case .user: 0x1000_0000
            case .cgroup: 0x0200_0000
            case .time: 0x0000_0080
            }
        }

        /// The name of the namespace's file in /proc/PID/ns.
        package var fileName: String {
            switch self {
            case .network: "net"
            case .mount: "mnt"
            case .pid, .ipc, .uts, .user, .cgroup, .time: rawValue
            }
        }
    }
}

extension Spec.Device {
    /// What mknod(2) makes.
    package enum Kind: String, SpecificationName {
        case character = "c"
        case unbuffered = "u"
        case block = "b"
        case fifo = "p"

        /// What an error calls one of these.
        package static let noun = "a device type"
    }
}

extension Spec.Resources.DeviceRule {
    /// Which devices a rule is about.
    package enum Kind: String, SpecificationName {
        case all = "a"
        case character = "c"
        case block = "b"

        /// What an error calls one of these.
        package static let noun = "a device type"
    }
}

extension Spec.MemoryPolicy {
    /// The modes of set_mempolicy(2).
    package enum Mode: String, SpecificationName {
        case `default` = "MPOL_DEFAULT"
        case preferred = "MPOL_PREFERRED"
        case bind = "MPOL_BIND"
        case interleave = "MPOL_INTERLEAVE"
        case local = "MPOL_LOCAL"
        case preferredMany = "MPOL_PREFERRED_MANY"
        case weightedInterleave = "MPOL_WEIGHTED_INTERLEAVE"

        /// What an error calls one of these.
        package static let noun = "a memory policy"

        /// The kernel's number, linux/mempolicy.h.
        package var number: Int32 {
            switch self {
            case .default: 0
            case .preferred: 1
            case .bind: 2
            case .interleave: 3
            case .local: 4
            case .preferredMany: 5
            case .weightedInterleave: 6
            }
        }
    }

    /// The flags of set_mempolicy(2).
    package enum Flag: String, SpecificationName {
        case numaBalancing = "MPOL_F_NUMA_BALANCING"
        case relativeNodes = "MPOL_F_RELATIVE_NODES"
        case staticNodes = "MPOL_F_STATIC_NODES"

        /// What an error calls one of these.
        package static let noun = "a flag of a memory policy"

        /// The kernel's bit, linux/mempolicy.h.
        package var bit: Int32 {
            switch self {
            case .numaBalancing: 1 << 13
            case .relativeNodes: 1 << 14
            case .staticNodes: 1 << 15
            }
        }
    }
}

extension Spec.Personality {
    /// The execution domains of personality(2) that the spec knows.
    package enum Domain: String, SpecificationName {
        case linux = "LINUX"
        case linux32 = "LINUX32"

        /// What an error calls one of these.
        package static let noun = "an execution domain"

        /// The kernel's number, linux/personality.h.
        package var number: UInt32 {
            switch self {
            case .linux: 0
            case .linux32: 8
            }
        }
    }
}

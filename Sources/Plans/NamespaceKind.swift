/// The eight kinds of namespaces, namespaces(7).
package enum NamespaceKind: UInt8, CaseIterable, Sendable {
    /// Process ids.
    case pid
    /// Network devices, addresses, routes.
    case network
    /// Mounts.
    case mount
    /// System V IPC and POSIX message queues.
    case ipc
    /// Host and domain name.
    case uts
    /// User and group ids.
    case user
    /// The root of the cgroup hierarchies.
    case cgroup
    /// Monotonic and boot time clocks.
    case time

    /// The kind's flag for clone3(2), unshare(2) and setns(2).
    package var cloneFlag: UInt64 {
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

    /// The kind's name in runtime-spec, config-linux.md, "Namespaces".
    package var name: String {
        switch self {
        case .pid: "pid"
        case .network: "network"
        case .mount: "mount"
        case .ipc: "ipc"
        case .uts: "uts"
        case .user: "user"
        case .cgroup: "cgroup"
        case .time: "time"
        }
    }

    /// The kind's file under /proc/PID/ns.
    package var procName: String {
        switch self {
        case .network: "net"
        case .mount: "mnt"
        default: name
        }
    }

    /// The kind that runtime-spec calls `name`.
    package init?(name: String) {
        guard let kind = NamespaceKind.allCases.first(where: { $0.name == name }) else { return nil }
        self = kind
    }
}

/// A namespace that exists and is to be entered.
package struct NamespaceJoin: Equatable, Sendable {
    /// Its kind, which is compared with what the path leads to.
    package var kind: NamespaceKind
    /// Where it is found.
    package var path: String
    /// The JSON path, for errors.
    package var field: String

    /// Names a namespace.
    package init(kind: NamespaceKind, path: String, field: String) {
        self.kind = kind
        self.path = path
        self.field = field
    }
}

/// One line of a user namespace's map, user_namespaces(7).
package struct IDMapping: Equatable, Sendable {
    /// The first id inside.
    package var containerID: UInt32
    /// The first id outside.
    package var hostID: UInt32
    /// How many ids.
    package var size: UInt32

    /// Makes one line.
    package init(containerID: UInt32, hostID: UInt32, size: UInt32) {
        self.containerID = containerID
        self.hostID = hostID
        self.size = size
    }
}

/// The offset of one clock of a time namespace, time_namespaces(7).
package struct ClockOffset: Equatable, Sendable {
    /// "monotonic" or "boottime".
    package var clock: String
    /// Whole seconds, which may be negative.
    package var seconds: Int64
    /// Nanoseconds, 0 to 999,999,999.
    package var nanoseconds: UInt32

    /// Makes an offset.
    package init(clock: String, seconds: Int64, nanoseconds: UInt32) {
        self.clock = clock
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }
}

/// One mount of the sandbox: what, where, and with which attributes.
package struct MountStep: Equatable, Sendable {
    /// Where a bind mount's tree comes from.
    package enum Source: Equatable, Sendable {
        /// A path that the stage opens itself, before it leaves the host's root.
        case path(String)
        /// A detached mount that the launcher opened, by its position in the launcher's table: the stage may not be
        /// allowed to reach the path (a user namespace), or the mount is mapped to other ids.
        case launcher(Int)
    }

    /// What is mounted.
    package enum Kind: Equatable, Sendable {
        /// A new file system, mount(2).
        case fileSystem(type: String, source: String, flags: UInt64, data: String)
        /// A tree that exists, open_tree(2).
        case bind(Source, recursive: Bool)
        /// The cgroup hierarchies as the container is to see them.
        case cgroup(CgroupMount)
        /// Other attributes for what is mounted at the destination.
        case remount(flags: UInt64, data: String)
    }

    /// How a cgroup mount is made: it depends on what hierarchies the host has.
    package struct CgroupMount: Equatable, Sendable {
        /// A v1 hierarchy, its directory name under the mount, and the names that link to it (cpu → cpu,cpuacct).
        package struct Hierarchy: Equatable, Sendable {
            /// The directory, as in "cpu,cpuacct".
            package var directory: String
            /// The data of mount(2) that selects the hierarchy, as in "cpu,cpuacct" or "none,name=systemd".
            package var data: String
            /// Other names for the directory.
            package var links: [String]
            /// The container's cgroup on the host, bound where there is no cgroup namespace.
            package var hostPath: String
            /// "cgroup" or "cgroup2".
            package var type: String

            /// Describes one hierarchy.
            package init(directory: String, data: String, links: [String], hostPath: String, type: String) {
                self.directory = directory
                self.data = data
                self.links = links
                self.hostPath = hostPath
                self.type = type
            }
        }

        /// Whether the container has a cgroup namespace of its own, so that hierarchies are mounted, not bound.
        package var ownNamespace: Bool
        /// Where there is just the unified hierarchy: the container's cgroup on the host.
        package var unified: String?
        /// Otherwise, one directory each.
        package var hierarchies: [Hierarchy]
        /// Flags of mount(2).
        package var flags: UInt64

        /// Describes a cgroup mount.
        package init(ownNamespace: Bool, unified: String?, hierarchies: [Hierarchy], flags: UInt64) {
            self.ownNamespace = ownNamespace
            self.unified = unified
            self.hierarchies = hierarchies
            self.flags = flags
        }
    }

    /// Attributes for mount_setattr(2), on the mount itself or on everything under it.
    package struct Attributes: Equatable, Sendable {
        /// MOUNT_ATTR_* to set.
        package var set: UInt64
        /// MOUNT_ATTR_* to clear.
        package var clear: UInt64

        /// Makes a change; by default none.
        package init(set: UInt64 = 0, clear: UInt64 = 0) {
            self.set = set
            self.clear = clear
        }

        /// Whether nothing changes.
        package var isEmpty: Bool { return self.set == 0 && self.clear == 0 }
    }

    /// The entry of config.json's `mounts`, for errors; nil for a mount that mvrun adds.
    package var index: Int?
    /// The destination inside the root, absolute and without `.` and `..`.
    package var destination: String
    /// What is mounted.
    package var kind: Kind
    /// For a bind mount, what changes on the mount itself.
    package var attributes: Attributes
    /// What changes on the mount and on all mounts under it (rro, rnosuid and so on).
    package var recursiveAttributes: Attributes
    /// Propagation changes in order, each a MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE, with MS_REC where recursive.
    package var propagation: [UInt64]
    /// tmpcopyup: the content of the destination is copied into the new tmpfs.
    package var copiesUp: Bool
    /// The destination's last component is mounted on itself, not followed, should it be a symbolic link.
    package var destinationNoFollow: Bool

    /// Makes a step without attributes.
    package init(index: Int?, destination: String, kind: Kind) {
        self.index = index
        self.destination = destination
        self.kind = kind
        attributes = Attributes()
        recursiveAttributes = Attributes()
        propagation = []
        copiesUp = false
        destinationNoFollow = false
    }
}

extension MountStep: CustomStringConvertible {
    /// As in "mount proc at /proc".
    package var description: String {
        switch kind {
        case .fileSystem(let type, _, _, _): "mount \(type) at \(destination)"
        case .bind(.path(let source), _): "bind \(source) at \(destination)"
        case .bind(.launcher, _): "bind a tree of the host at \(destination)"
        case .cgroup: "mount the cgroups at \(destination)"
        case .remount: "remount \(destination)"
        }
    }
}

/// A device node of the container.
package struct DeviceStep: Equatable, Sendable {
    /// The kind of node, mknod(2).
    package enum Kind: UInt8, Sendable {
        /// A character device.
        case character
        /// A block device.
        case block
        /// A FIFO.
        case fifo
    }

    /// Where, absolute inside the root.
    package var path: String
    /// What.
    package var kind: Kind
    /// The major number.
    package var major: UInt32
    /// The minor number.
    package var minor: UInt32
    /// Permission bits.
    package var mode: UInt32
    /// Owner.
    package var userID: UInt32
    /// Group.
    package var groupID: UInt32
    /// The entry's JSON path; nil for a default device.
    package var field: String?

    /// Describes a node.
    package init(
        path: String, kind: Kind, major: UInt32, minor: UInt32, mode: UInt32, userID: UInt32, groupID: UInt32,
        field: String?
    ) {
        self.path = path
        self.kind = kind
        self.major = major
        self.minor = minor
        self.mode = mode
        self.userID = userID
        self.groupID = groupID
        self.field = field
    }
}

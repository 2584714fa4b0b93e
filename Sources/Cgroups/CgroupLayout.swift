package import Diagnostics
package import Plans
import Syscalls

/// One mounted hierarchy of this host.
package struct CgroupHierarchy: Equatable, Sendable {
    /// Its interface.
    package let version: CgroupVersion
    /// Where it is mounted.
    package let mountPoint: String
    /// What it is for: in v1 as "cpu", "cpuacct" or "name=systemd", in v2 the controllers its root offers.
    package let controllers: [String]
    /// Our own cgroup in it, as a path below the mount point.
    package let ownPath: String

    /// Makes a hierarchy.
    package init(version: CgroupVersion, mountPoint: String, controllers: [String], ownPath: String) {
        self.version = version
        self.mountPoint = mountPoint
        self.controllers = controllers
        self.ownPath = ownPath
    }
}

/// The cgroup hierarchies of this host: all v1, v2 alone, or hybrid.
///
/// Each controller is taken where it is. A hybrid host may have some in v1 hierarchies and some in the v2 one.
package struct CgroupLayout: Equatable, Sendable {
    /// Every mounted hierarchy, in the order of /proc/self/cgroup.
    package let hierarchies: [CgroupHierarchy]

    /// Makes a layout.
    package init(hierarchies: [CgroupHierarchy]) {
        self.hierarchies = hierarchies
    }

    /// Makes a layout out of what the kernel says.
    ///
    /// - Parameters:
    ///   - ownCgroups: the text of /proc/self/cgroup.
    ///   - mountInfo: the text of /proc/self/mountinfo.
    ///   - unifiedControllers: the words of cgroup.controllers in a v2 mount point; asked for one that is found.
    package init(
        ownCgroups: String, mountInfo: String, unifiedControllers: (_ mountPoint: String) -> [String]
    ) {
        let mounts = CgroupMount.parse(mountInfo)
        hierarchies = OwnCgroup.parse(ownCgroups).compactMap { own in
            guard let mount = CgroupMount.best(of: mounts, for: own) else { return nil }
            return CgroupHierarchy(
                version: own.version, mountPoint: mount.mountPoint,
                controllers: own.version == .v1 ? own.names : unifiedControllers(mount.mountPoint),
                ownPath: mount.pathBelow(own.path))
        }
    }

    /// The layout of this host, as this process sees it.
    ///
    /// Where no v1 hierarchy exists and /sys/fs/cgroup is the v2 one, /proc/self/mountinfo is not read: on a host with
    /// a thousand containers that file takes milliseconds.
    package static func current() throws(RuntimeError) -> CgroupLayout {
        try during("find the cgroup hierarchies") {
            // One read(2) takes a file of procfs that is written at once, as this one, whole (single_open in fs/seq_file.c).
            let ownCgroups = try readStart("/proc/self/cgroup", count: 65536)
            let own = OwnCgroup.parse(ownCgroups)
            if own.count == 1, own[0].version == .v2,
                let directory = try? OwnedDescriptor.open("/sys/fs/cgroup", [.path, .directory]),
                try directory.fileSystemType() == cgroup2FileSystem
            {
                let hierarchy = CgroupHierarchy(
                    version: .v2, mountPoint: "/sys/fs/cgroup", controllers: offeredControllers(at: "/sys/fs/cgroup"),
                    ownPath: own[0].path)
                return CgroupLayout(hierarchies: [hierarchy])
            }
            return CgroupLayout(
                ownCgroups: ownCgroups, mountInfo: try readText("/proc/self/mountinfo", limit: 64 << 20),
                unifiedControllers: offeredControllers)
        }
    }

    /// The hierarchy that has a controller, or nil.
    ///
    /// - Parameter controller: the controller by its v1 name; "blkio" is "io" in v2. "devices" and "freezer" are no
    ///   controllers in v2 but are always there.
    package func hierarchy(of controller: String) -> CgroupHierarchy? {
        if let v1 = hierarchies.first(where: { $0.version == .v1 && $0.controllers.contains(controller) }) { return v1 }
        guard let v2 = unified else { return nil }
        if controller == "devices" || controller == "freezer" { return v2 }
        return v2.controllers.contains(controller == "blkio" ? "io" : controller) ? v2 : nil
    }

    /// The v2 hierarchy, or nil.
    package var unified: CgroupHierarchy? {
        hierarchies.first { $0.version == .v2 }
    }
}

/// CGROUP2_SUPER_MAGIC of linux/magic.h.
let cgroup2FileSystem = 0x6367_7270

private func offeredControllers(at mountPoint: String) -> [String] {
    guard let text = try? readStart(mountPoint + "/cgroup.controllers", count: 4096) else { return [] }
    return words(text)
}

/// The words of a text that spaces and line ends separate.
func words(_ text: String) -> [String] {
    text.utf8.split { $0 == 0x20 || $0 == 0x0a }.map { String(Substring($0)) }
}

/// One line of /proc/self/cgroup.
private struct OwnCgroup {
    let version: CgroupVersion
    let names: [String]
    let path: String

    /// Reads lines as "4:cpu,cpuacct:/user", "1:name=systemd:/" and "0::/user.slice".
    static func parse(_ text: String) -> [OwnCgroup] {
        text.utf8.split(separator: 0x0a).compactMap { line in
            let parts = line.split(separator: 0x3a, maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { return nil }
            return OwnCgroup(
                version: parts[1].isEmpty ? .v2 : .v1,
                names: parts[1].split(separator: 0x2c).map { String(Substring($0)) },
                path: String(Substring(parts[2])))
        }
    }
}

/// A mount of a cgroup hierarchy in /proc/self/mountinfo.
private struct CgroupMount {
    let version: CgroupVersion
    /// Which directory of the hierarchy is the root of the mount.
    let root: String
    let mountPoint: String
    /// The options of the file system, among them the controllers of a v1 hierarchy.
    let options: [Substring]

    /// Reads the lines whose file system is cgroup or cgroup2; proc_pid_mountinfo(5).
    static func parse(_ text: String) -> [CgroupMount] {
        text.utf8.split(separator: 0x0a).compactMap { line in
            let fields = line.split(separator: 0x20)
            // 36 35 98:0 ROOT MOUNTPOINT OPTIONS [TAG...] - TYPE SOURCE SUPEROPTIONS
            guard fields.count >= 10, let dash = fields[6...].firstIndex(where: { $0.elementsEqual([0x2d]) }),
                fields.count > dash + 3
            else { return nil }
            let type = Substring(fields[dash + 1])
            guard type == "cgroup" || type == "cgroup2" else { return nil }
            return CgroupMount(
                version: type == "cgroup" ? .v1 : .v2, root: unescape(fields[3]), mountPoint: unescape(fields[4]),
                options: fields[dash + 3].split(separator: 0x2c).map { Substring($0) })
        }
    }

    /// Undoes the octal escapes of space, tab, line end and backslash.
    private static func unescape(_ text: Substring.UTF8View) -> String {
        guard text.contains(0x5c) else { return String(Substring(text)) }
        var bytes: [UInt8] = []
        var rest = text[...]
        while let byte = rest.popFirst() {
            if byte == 0x5c, let code = UInt8(String(Substring(rest.prefix(3))), radix: 8) {
                bytes.append(code)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The mount to use for a hierarchy: one under /sys/fs/cgroup rather than one that somebody bound elsewhere.
    static func best(of mounts: [CgroupMount], for own: OwnCgroup) -> CgroupMount? {
        let fitting = mounts.filter { mount in
            mount.version == own.version && own.names.allSatisfy { mount.options.contains(Substring($0)) }
        }
        return fitting.first { $0.mountPoint.hasPrefix("/sys/fs/cgroup") } ?? fitting.first
    }

    /// Where a path of the hierarchy is below the mount point.
    ///
    /// In a container without a cgroup namespace the mount shows a part of the hierarchy only, while /proc/self/cgroup
    /// tells the path from the hierarchy's root. What the mount does not show is taken as its root.
    func pathBelow(_ path: String) -> String {
        if root == "/" { return path.hasPrefix("/..") ? "/" : path }
        if path == root { return "/" }
        return path.hasPrefix(root + "/") ? String(path.dropFirst(root.count)) : "/"
    }
}

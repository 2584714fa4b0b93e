import Foundation
import Glibc

/// What the host has that bears a container's name: processes, mounts, cgroups and state.
///
/// A process counts when its command line, its cgroup or a mount in its namespace bears the name, so that a half-made
/// container is found however far it came.
package struct HostInventory: CustomStringConvertible {
    /// Processes, by ID, with their command lines.
    package private(set) var processes: [(pid: pid_t, command: String)] = []
    /// Mount points in this process' mount namespace.
    package private(set) var mounts: [String] = []
    /// Cgroup directories, outermost first.
    package private(set) var cgroups: [String] = []
    /// State directories.
    package private(set) var states: [String] = []

    /// Takes stock of what bears a name.
    package init(naming name: String) {
        for pid in Self.processIDs() where pid != getpid() {
            let folder = "/proc/\(pid)"
            let command = Self.text("\(folder)/cmdline").replacing("\0", with: " ")
            let found =
                command.contains(name) || Self.text("\(folder)/cgroup").contains(name)
                || Self.text("\(folder)/mountinfo").contains("\(name)/")
            if found, !Self.isZombie(pid) { processes.append((pid, command)) }
        }
        mounts = MountTable.current().entries.map(\.point).filter { $0.contains(name) }
        for hierarchy in MountTable.current().entries where hierarchy.type.hasPrefix("cgroup") {
            cgroups += Self.folders(under: hierarchy.point, naming: name, depth: 4)
        }
        let state = NSTemporaryDirectory() + "\(name)/state"
        // The runtime may keep files of its own in its root, such as a lock, but nothing with the container's name.
        states = ((try? FileManager.default.contentsOfDirectory(atPath: state)) ?? []).filter { $0.contains(name) }
    }

    /// Whether there is nothing.
    package var isEmpty: Bool { processes.isEmpty && mounts.isEmpty && cgroups.isEmpty && states.isEmpty }

    /// What there is; empty for nothing.
    package var description: String {
        let parts =
            processes.map { "process \($0.pid) (\($0.command))" } + mounts.map { "mount \($0)" }
            + cgroups.map { "cgroup \($0)" } + states.map { "state \($0)" }
        return parts.joined(separator: ", ")
    }

    /// Removes what can be removed by force, so that one fault does not make others.
    package func remove() {
        for process in processes { kill(process.pid, SIGKILL) }
        for mount in mounts.reversed() { _ = umount2(mount, Int32(MNT_DETACH)) }
        for cgroup in cgroups.reversed() {
            _ = eventually(timeout: 1) { rmdir(cgroup) == 0 || errno == ENOENT }
        }
    }

    /// All processes of the machine.
    package static func processIDs() -> [pid_t] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap(pid_t.init)
    }

    /// The namespaces that any process of the machine is in.
    package static func namespaces() -> Set<String> {
        var found: Set<String> = []
        for pid in processIDs() where !isZombie(pid) {
            for kind in ["mnt", "pid", "net", "ipc", "uts", "user", "cgroup", "time"] {
                if let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/ns/\(kind)") {
                    found.insert(link)
                }
            }
        }
        return found
    }

    private static func isZombie(_ pid: pid_t) -> Bool {
        text("/proc/\(pid)/status").contains("State:\tZ")
    }

    private static func text(_ path: String) -> String {
        (FileManager.default.contents(atPath: path)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    private static func folders(under path: String, naming name: String, depth: Int) -> [String] {
        guard depth > 0, let names = try? FileManager.default.contentsOfDirectory(atPath: path) else { return [] }
        return names.flatMap { entry -> [String] in
            let full = "\(path)/\(entry)"
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: full, isDirectory: &isFolder), isFolder.boolValue else {
                return []
            }
            return (full.contains(name) ? [full] : []) + folders(under: full, naming: name, depth: depth - 1)
        }
    }
}

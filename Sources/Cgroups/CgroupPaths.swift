package import Diagnostics
import Plans

/// What `linux.cgroupsPath` asks for; runtime-spec, config-linux.md, "Cgroups Path".
package enum CgroupsPath: Equatable, Sendable {
    /// A path below the mount point of each hierarchy, without `.`, `..` and empty components.
    case absolute(String)
    /// A path below the runtime's own place, without a leading slash.
    case relative(String)

    /// Reads the field.
    ///
    /// Absent or empty, the container's id is taken as a relative path, as runc does. `..` does not lead out.
    ///
    /// - Parameters:
    ///   - text: the field's value.
    ///   - id: the container's id.
    /// - Throws: `.invalidBundle` for systemd's form `slice:prefix:name`, which is for another driver.
    package init(_ text: String?, id: String) throws(RuntimeError) {
        guard let text, !text.isEmpty else {
            self = .relative(id)
            return
        }
        if !text.utf8.contains(0x2f), text.utf8.count(where: { $0 == 0x3a }) == 2 {
            throw RuntimeError(
                .invalidBundle, "linux.cgroupsPath: \"\(text)\" is systemd's form slice:prefix:name, not a path",
                hint: "pass --systemd-cgroup, or let the engine use its cgroupfs driver")
        }
        let clean = CgroupsPath.components(text).joined(separator: "/")
        self = text.utf8.first == 0x2f ? .absolute("/" + clean) : .relative(clean)
    }

    /// Where the container's cgroup is in a hierarchy: a path below its mount point.
    ///
    /// A relative path starts at our own cgroup in v1. In v2 it starts beside our own cgroup: that one holds processes,
    /// at least this one, and a cgroup with processes cannot give controllers to its children ("no internal
    /// processes", cgroups(7)).
    package func path(in hierarchy: CgroupHierarchy) -> String {
        switch self {
        case .absolute(let path): return path
        case .relative(let path):
            var base = CgroupsPath.components(hierarchy.ownPath)
            if hierarchy.version == .v2 { _ = base.popLast() }
            return "/" + (base + [path]).filter { !$0.isEmpty }.joined(separator: "/")
        }
    }

    /// The components of a path with `.` and `..` resolved; `..` at the root stays there.
    private static func components(_ path: String) -> [String] {
        var components: [String] = []
        for part in path.utf8.split(separator: 0x2f) {
            let name = String(Substring(part))
            switch name {
            case ".": continue
            case "..": _ = components.popLast()
            default: components.append(name)
            }
        }
        return components
    }
}

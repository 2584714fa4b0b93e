package import Diagnostics

/// The unit that systemd is asked for in place of a path: `linux.cgroupsPath` in the form `slice:prefix:name`.
package struct SystemdScope: Equatable, Sendable {
    /// The slice in which the unit is, as "system.slice".
    package let slice: String
    /// The unit: a scope, or a slice where the name ends so.
    package let unit: String

    /// Reads the field.
    ///
    /// - Parameters:
    ///   - cgroupsPath: the field's value; absent or empty stands for `:mvrun:ID`.
    ///   - id: the container's id.
    ///   - user: whether it is a user's systemd that is asked, whose default slice is user.slice.
    package init(cgroupsPath: String?, id: String, user: Bool) throws(RuntimeError) {
        var parts = ["", "mvrun", id]
        if let cgroupsPath, !cgroupsPath.isEmpty {
            parts = cgroupsPath.utf8.split(separator: 0x3a, omittingEmptySubsequences: false)
                .map { String(Substring($0)) }
        }
        guard parts.count == 3, !parts[2].isEmpty, !(cgroupsPath ?? "").utf8.contains(0x2f) else {
            throw RuntimeError(
                .invalidBundle, "linux.cgroupsPath: \"\(cgroupsPath ?? "")\" is not of the form slice:prefix:name",
                hint: "with --systemd-cgroup the path names a systemd unit; leave the option out for a plain path")
        }
        slice = parts[0].isEmpty ? (user ? "user.slice" : "system.slice") : parts[0]
        _ = try SystemdScope.expand(slice)
        if parts[2].hasSuffix(".slice") {
            unit = parts[2]
        } else {
            unit = (parts[1].isEmpty ? "" : parts[1] + "-") + parts[2] + ".scope"
        }
    }

    /// Where the unit's cgroup is: in every hierarchy the same path below the mount point.
    ///
    /// - Parameter managerPath: the cgroup of the systemd that is asked: "" for the system's, for a user's the
    ///   ControlGroup property of its manager.
    package func path(below managerPath: String = "") throws(RuntimeError) -> String {
        managerPath + (try SystemdScope.expand(slice)) + "/" + unit
    }

    /// A slice's path: the dashes of its name tell the slices around it; systemd.slice(5).
    ///
    /// "a-b.slice" is "/a.slice/a-b.slice", and "-.slice" is the root, "".
    static func expand(_ slice: String) throws(RuntimeError) -> String {
        if slice == "-.slice" { return "" }
        let name = slice.dropLast(6)
        let parts = name.utf8.split(separator: 0x2d, omittingEmptySubsequences: false)
        guard slice.hasSuffix(".slice"), !slice.utf8.contains(0x2f), !parts.contains(where: { $0.isEmpty }) else {
            throw RuntimeError(.invalidBundle, "linux.cgroupsPath: \"\(slice)\" is not the name of a systemd slice")
        }
        var path = ""
        var prefix = ""
        for part in parts {
            prefix += (prefix.isEmpty ? "" : "-") + String(Substring(part))
            path += "/\(prefix).slice"
        }
        return path
    }
}

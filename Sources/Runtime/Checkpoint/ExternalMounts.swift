import Diagnostics
import OCI
import Syscalls

/// The mounts of a container that come from outside, which CRIU has to be told of: it saves a name for each, and asks at
/// the restore what is behind that name.
struct ExternalMounts {
    /// Where each is inside, and the name it is saved under.
    private(set) var dumped: [(destination: String, name: String)] = []

    /// The name under which masks are saved: whatever path it hides, behind each of them is the null device.
    private static let mask = "/dev/null"

    /// Finds those that a container has.
    ///
    /// - Parameters:
    ///   - spec: what it was made from.
    ///   - mountInfo: the text of its /proc/PID/mountinfo.
    init(of spec: Spec, mountInfo: String) {
        let bound = Set(Self.sources(spec, notify: "").map(\.name))
        let masked = Set(spec.linux.maskedPaths.map(plain))
        for line in mountInfo.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count > 6, let dash = fields.firstIndex(of: "-"), dash + 1 < fields.count else { continue }
            let destination = String(fields[4])
            if bound.contains(destination) {
                dumped.append((destination, destination))
            } else if masked.contains(destination), fields[dash + 1] != "tmpfs" {
                dumped.append((destination, Self.mask))
            }
        }
    }

    /// What is behind each name on this host.
    ///
    /// - Parameters:
    ///   - spec: what the container is made from.
    ///   - notify: the directory of the notification socket.
    static func sources(_ spec: Spec, notify: String) -> [(name: String, source: String)] {
        var found: [(name: String, source: String)] = [(mask, "/dev/null")]
        for mount in spec.mounts where mount.type == "bind" || MountOptions(mount.options).isBind {
            found.append((plain(mount.destination), mount.source ?? ""))
        }
        // Without the right to make device nodes they are bound from the host.
        let devices = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"]
        for path in devices + spec.linux.devices.map(\.path) where !found.contains(where: { $0.name == path }) {
            found.append((path, path))
        }
        found.append((NotifyProxy.destination, notify))
        return found
    }
}

/// A path inside without dots and doubled slashes, as /proc/PID/mountinfo has it.
private func plain(_ path: String) -> String {
    var parts: [String] = []
    for part in path.pathComponents where part != "." {
        if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    return rootedPath(parts)
}

import Diagnostics
import Glibc
import Plans
import Syscalls

/// Writes the maps of a process's new user namespace, user_namespaces(7).
///
/// With the privilege to do so the files are written; without, newuidmap(1) and newgidmap(1) do it, which know from
/// /etc/subuid what the user may map. A map of just the own id needs neither.
///
/// - Parameters:
///   - process: the process, in the namespace.
///   - users: the map of users.
///   - groups: the map of groups.
func writeIDMaps(of process: Int32, users: [IDMapping], groups: [IDMapping]) throws(RuntimeError) {
    let privileged = geteuid() == 0
    try during("linux.uidMappings") {
        if privileged {
            try writeFile(text(users), to: "/proc/\(process)/uid_map")
            return
        }
        if isOwn(users, geteuid()) {
            try writeFile(text(users), to: "/proc/\(process)/uid_map")
        } else {
            try runMapper("newuidmap", process, users)
        }
    }
    try during("linux.gidMappings") {
        if privileged {
            try writeFile(text(groups), to: "/proc/\(process)/gid_map")
            return
        }
        if isOwn(groups, getegid()) {
            // Without a privilege a group may only be mapped once setgroups is denied for good.
            try writeFile("deny", to: "/proc/\(process)/setgroups")
            try writeFile(text(groups), to: "/proc/\(process)/gid_map")
        } else {
            try runMapper("newgidmap", process, groups)
        }
    }
}

/// A map of one id, the caller's own.
private func isOwn(_ mappings: [IDMapping], _ id: UInt32) -> Bool {
    mappings.count == 1 && mappings[0].size == 1 && mappings[0].hostID == id
}

private func text(_ mappings: [IDMapping]) -> String {
    mappings.map { "\($0.containerID) \($0.hostID) \($0.size)\n" }.joined()
}

private func runMapper(_ name: String, _ process: Int32, _ mappings: [IDMapping]) throws(RuntimeError) {
    var arguments = [name, "\(process)"]
    for mapping in mappings {
        arguments += ["\(mapping.containerID)", "\(mapping.hostID)", "\(mapping.size)"]
    }
    let said: String
    do {
        let pipe = try makePipe()
        let input = try OwnedDescriptor.open("/dev/null")
        let pid = try spawnProcess(
            name, arguments: arguments, environment: nil, input: input, output: pipe.writing, errors: pipe.writing)
        let output = pipe.keepReading()
        let bytes = try output.readAll(limit: 65536, subject: name)
        guard let ended = try waitForChild(pid), ended.end != .exited(0) else { return }
        said = lastLines(3, of: bytes)
    } catch let error where error.errno == .noEntry {
        throw RuntimeError(
            .unsupported, "\(name) is not installed: executable file not found in $PATH",
            hint: "install the package uidmap, and give the user ids in /etc/subuid and /etc/subgid")
    } catch {
        throw RuntimeError(error)
    }
    throw RuntimeError(
        .system, "\(arguments.joined(separator: " ")): \(said)",
        hint: "the ids must be the user's own in /etc/subuid and /etc/subgid")
}

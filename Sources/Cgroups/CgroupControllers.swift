import Diagnostics
import Plans
import Syscalls

/// Makes the controllers of the v2 hierarchy available in a cgroup: each directory above it must name them in its
/// cgroup.subtree_control; Documentation/admin-guide/cgroup-v2.rst, "Enabling and Disabling".
///
/// All that the hierarchy offers are enabled, because engines read statistics that exist only then. It is an error only
/// for those that the settings need.
///
/// - Parameters:
///   - membership: the cgroup.
///   - directory: its directory.
func enableControllers(
    for membership: CgroupMembership, in directory: borrowing OwnedDescriptor
) throws(RuntimeError) {
    let wanted = membership.controllers.filter(known.contains)
    var available: [String] = []
    do {
        available = words(try directory.smallFile("cgroup.controllers"))
        if wanted.allSatisfy(available.contains) { return }
        let refusal = try enable(wanted, above: membership)
        available = words(try directory.smallFile("cgroup.controllers"))
        guard let missing = membership.neededControllers.first(where: { !available.contains($0) }) else { return }
        throw explain(refusal, missing, in: directory)
    } catch let error as RuntimeError {
        throw error
    } catch let error as SystemError {
        throw RuntimeError(error)
    } catch {
        throw RuntimeError(.system, "\(error)")
    }
}

/// Those that limit or account something a container can ask for; perf_event and the like need no enabling.
private let known = ["cpu", "cpuset", "memory", "io", "pids", "hugetlb", "rdma", "misc"]

/// Enables controllers in the directories above a cgroup, from the nearest one that has them all.
///
/// - Returns: the last refusal and where it happened, or nil.
private func enable(
    _ wanted: [String], above membership: CgroupMembership
) throws(SystemError) -> (directory: String, error: SystemError)? {
    var path = membership.path
    var above: [String] = []
    while let slash = path.utf8.lastIndex(of: 0x2f) {
        path = String(path[..<slash])
        above.append(membership.mountPoint + path)
        let offered = words(try openCgroup(membership.mountPoint + path).smallFile("cgroup.controllers"))
        if wanted.allSatisfy(offered.contains) { break }
    }
    var refusal: (String, SystemError)?
    for path in above.reversed() {
        let directory = try openCgroup(path)
        let enabled = words(try directory.smallFile("cgroup.subtree_control"))
        let missing = wanted.filter { !enabled.contains($0) }
        if missing.isEmpty { continue }
        if holdsProcesses(directory) { return (path, SystemError("write", "cgroup.subtree_control", .busy)) }
        // All at once is one write; if any of them is refused none is enabled, so then one by one.
        if (try? directory.set("cgroup.subtree_control", missing.map { "+" + $0 }.joined(separator: " "))) != nil {
            continue
        }
        for controller in missing {
            do throws(SystemError) {
                try directory.set("cgroup.subtree_control", "+" + controller)
            } catch {
                refusal = (path, error)
            }
        }
    }
    return refusal
}

/// Whether a cgroup other than the root of all holds processes, so that it must not give controllers to its children.
///
/// The kernel refuses that for some controllers only. The others, cpu and pids among them, would make the cgroup the root
/// of a threaded domain, in which a container has no place: harm to somebody else's cgroup, and of no use to us.
private func holdsProcesses(_ directory: borrowing OwnedDescriptor) -> Bool {
    guard (try? directory.smallFile("cgroup.type")) != nil else { return false }
    return (try? directory.smallFile("cgroup.procs"))?.isEmpty == false
}

/// Says why a controller that is needed is not available.
private func explain(
    _ refusal: (directory: String, error: SystemError)?, _ controller: String,
    in directory: borrowing OwnedDescriptor
) -> RuntimeError {
    if let type = try? trimmed(directory.smallFile("cgroup.type")), type != "domain" {
        return RuntimeError(
            .unsupported, "the \(controller) controller cannot be used here, the cgroup's type is \"\(type)\"",
            hint: "a cgroup above it is threaded, or holds processes; choose another linux.cgroupsPath")
    }
    guard let refusal else {
        return RuntimeError(
            .unsupported, "the \(controller) controller is not available here",
            hint: "it is not delegated to this part of the hierarchy (see cgroup.controllers)")
    }
    let message = "enable the \(controller) controller in \(refusal.directory)"
    switch refusal.error.errno {
    case .busy:
        return RuntimeError(
            .system, "\(message): the cgroup itself holds processes, and so cannot give controllers to its children",
            errno: .busy, hint: "move them into a child cgroup, or choose another linux.cgroupsPath")
    case .accessDenied, .notPermitted, .readOnly:
        return RuntimeError(
            .system, "\(message): \(refusal.error.errno)", errno: refusal.error.errno,
            hint: "this part of the hierarchy is not delegated to you")
    default:
        return RuntimeError(.system, "\(message): \(refusal.error.errno)", errno: refusal.error.errno)
    }
}

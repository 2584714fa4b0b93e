import Plans
import Syscalls

/// Fills cpuset.cpus and cpuset.mems of a v1 cpuset from its parent: while they are empty, as they are in a new one, no
/// process can enter it (ENOSPC).
///
/// - Parameters:
///   - membership: the cpuset; what its settings contain is not inherited.
///   - made: how many directories of its path are new.
///   - directory: the cpuset's directory.
func inheritCPUSet(
    _ membership: CgroupMembership, made: Int, in directory: borrowing OwnedDescriptor
) throws(SystemError) {
    guard made > 0, let slash = membership.path.utf8.lastIndex(of: 0x2f) else {
        _ = try CPUSetValues(at: membership.path, below: membership.mountPoint)
        return
    }
    let parent = try CPUSetValues(at: String(membership.path[..<slash]), below: membership.mountPoint)
    let files = membership.settings.map(\.write.file)
    if !files.contains("cpuset.cpus") { try directory.set("cpuset.cpus", parent.cpus) }
    if !files.contains("cpuset.mems") { try directory.set("cpuset.mems", parent.mems) }
}

private struct CPUSetValues {
    var cpus: String
    var mems: String

    /// Reads the values of a cpuset, and fills those that are empty from its parent, which gets the same treatment.
    init(at path: String, below mountPoint: String) throws(SystemError) {
        let directory = try openCgroup(mountPoint + path)
        cpus = trimmed(try directory.smallFile("cpuset.cpus"))
        mems = trimmed(try directory.smallFile("cpuset.mems"))
        guard cpus.isEmpty || mems.isEmpty, let slash = path.utf8.lastIndex(of: 0x2f) else { return }
        let parent = try CPUSetValues(at: String(path[..<slash]), below: mountPoint)
        if cpus.isEmpty {
            cpus = parent.cpus
            try directory.set("cpuset.cpus", cpus)
        }
        if mems.isEmpty {
            mems = parent.mems
            try directory.set("cpuset.mems", mems)
        }
    }
}

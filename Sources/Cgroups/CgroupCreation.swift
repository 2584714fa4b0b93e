package import Diagnostics
package import Plans
import Syscalls

/// The cgroups of one container, one in each hierarchy.
///
/// A value that the container's state keeps: every operation opens what it needs.
package struct ContainerCgroups: Equatable, Sendable {
    /// One for each hierarchy.
    package var records: [CgroupRecord]

    /// Wraps what the container's state has kept.
    package init(records: [CgroupRecord]) {
        self.records = records
    }

    /// What making the cgroups of a plan would leave to be removed, found without making anything.
    ///
    /// The container's state is written with this before anything is made, so that whatever happens in between,
    /// `delete --force` finds all that is there.
    package init(planned plan: CgroupPlan) {
        records = plan.memberships.map { membership in
            var directory = membership.directory
            var missing = 0
            while directory.utf8.count > membership.mountPoint.utf8.count, !exists(directory),
                let slash = directory.utf8.lastIndex(of: 0x2f)
            {
                missing += 1
                directory = String(directory[..<slash])
            }
            return CgroupRecord(
                version: membership.version, mountPoint: membership.mountPoint, controllers: membership.controllers,
                path: membership.path, madeDirectories: missing)
        }
    }

    /// Makes the cgroups and writes their settings; no process is in them yet.
    ///
    /// If anything fails, what was made is removed again.
    ///
    /// - Parameter plan: where they are and what is written.
    package init(creating plan: CgroupPlan) throws(RuntimeError) {
        records = []
        do throws(RuntimeError) {
            for membership in plan.memberships {
                guard let record = try makeDirectories(membership) else { continue }
                records.append(record)
                try during("set up \(membership)") {
                    try prepare(membership, made: record.madeDirectories)
                }
            }
        } catch {
            // The first failure is the one to report; a directory that will not go is an empty one.
            try? remove()
            throw error
        }
    }

    /// The v2 cgroup, or nil.
    package var unified: CgroupRecord? {
        records.first { $0.version == .v2 }
    }

    /// The v1 cgroup of a controller, or nil.
    package func v1(_ controller: String) -> CgroupRecord? {
        records.first { $0.version == .v1 && $0.controllers.contains(controller) }
    }
}

/// Makes the directory of a cgroup and those above it that are missing.
///
/// - Returns: nil where the plan lets us do without it, and the kernel does not let us make it.
private func makeDirectories(_ membership: CgroupMembership) throws(RuntimeError) -> CgroupRecord? {
    do throws(SystemError) {
        return CgroupRecord(
            version: membership.version, mountPoint: membership.mountPoint, controllers: membership.controllers,
            path: membership.path,
            madeDirectories: try makeDirectories(membership.directory, below: membership.mountPoint))
    } catch {
        let refusals: [Errno] = [.accessDenied, .notPermitted, .readOnly]
        if membership.isOptional, refusals.contains(error.errno) { return nil }
        var failure = RuntimeError(error).during("create \(membership)")
        // Without what asks for the cgroup its user might do without it.
        let field = membership.settings.first?.field ?? membership.deviceProgram?.field
        if let field, refusals.contains(error.errno) { failure = failure.during(field) }
        if error.errno == .readOnly || error.errno == .accessDenied {
            failure.hint = "is the cgroup file system writable here, and is this part of it delegated to you?"
        }
        throw failure
    }
}

/// Makes a directory and those above it that are missing, and tells how many it made.
///
/// The last is tried first: the others are there nearly always.
private func makeDirectories(_ directory: String, below mountPoint: String) throws(SystemError) -> Int {
    var above = 0
    // Another runtime may remove an empty parent between our making it and using it, but not for ever.
    for attempt in 0... {
        do {
            try makeDirectory(directory, mode: 0o755)
            return above + 1
        } catch  where error.errno == .exists {
            return 0
        } catch  where error.errno == .noEntry && attempt < 8 {
            guard let slash = directory.utf8.lastIndex(of: 0x2f) else { throw error }
            let parent = String(directory[..<slash])
            guard parent.utf8.count > mountPoint.utf8.count else { throw error }
            above = try makeDirectories(parent, below: mountPoint)
        }
    }
    return 0
}

/// Makes a new directory ready for processes, and writes the settings.
private func prepare(_ membership: CgroupMembership, made: Int) throws(RuntimeError) {
    let isCPUSet = membership.version == .v1 && membership.controllers.contains("cpuset")
    guard made == 0 || isCPUSet || membership.deviceProgram != nil || !membership.settings.isEmpty else { return }
    let directory = try during("open its directory") { try openCgroup(membership.directory) }
    if made == 0 { try requireEmpty(directory) }
    if isCPUSet {
        try during("inherit processors and memory nodes") {
            try inheritCPUSet(membership, made: made, in: directory)
        }
    }
    if membership.version == .v2 { try enableControllers(for: membership, in: directory) }
    try apply(membership.settings, in: directory)
    if let program = membership.deviceProgram { try attach(program, to: directory) }
}

/// Refuses a cgroup that somebody else's processes are in: our limits would be theirs, and our kill would kill them.
private func requireEmpty(_ directory: borrowing OwnedDescriptor) throws(RuntimeError) {
    let processes: String
    do {
        processes = try directory.smallFile("cgroup.procs")
    } catch {
        // A threaded cgroup has no cgroup.procs to read (EOPNOTSUPP); entering it will tell.
        return
    }
    let count = words(processes).count
    if count > 0 {
        throw RuntimeError(
            .alreadyExists, "the cgroup exists and holds \(count) process\(count == 1 ? "" : "es")",
            hint: "does another container have the same linux.cgroupsPath?")
    }
}

extension ContainerCgroups {
    /// Writes the settings of a plan into cgroups that exist, as `update` does.
    ///
    /// - Parameter plan: the settings; its memberships are matched with the container's cgroups by their directories.
    package func apply(_ plan: CgroupPlan) throws(RuntimeError) {
        for membership in plan.memberships where !membership.settings.isEmpty || membership.deviceProgram != nil {
            guard records.contains(where: { $0.directory == membership.directory }) else { continue }
            try during("update \(membership)") {
                let directory = try openCgroup(membership.directory)
                if membership.version == .v2 { try enableControllers(for: membership, in: directory) }
                try Cgroups.apply(membership.settings, in: directory)
                if let program = membership.deviceProgram { try attach(program, to: directory) }
            }
        }
    }
}

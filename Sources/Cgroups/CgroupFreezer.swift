package import Diagnostics
import Plans
import Syscalls

extension ContainerCgroups {
    /// The cgroup by which processes are stopped, and whether by the v2 interface.
    ///
    /// v2 has it in every cgroup, from Linux 5.2 on; v1 has a hierarchy for it.
    private var freezer: (record: CgroupRecord, file: String)? {
        if let unified, exists(unified.directory + "/cgroup.freeze") { return (unified, "cgroup.freeze") }
        return v1("freezer").map { ($0, "freezer.state") }
    }

    /// Stops every process of the container, and returns when all stand still.
    ///
    /// - Parameter timeoutMilliseconds: how long to wait for that; when it is over, they run again and it is an error.
    package func freeze(timeoutMilliseconds: Int = 2000) throws(RuntimeError) {
        guard let (record, file) = freezer else { throw noFreezer() }
        try during("freeze \(record)") {
            let directory = try openCgroup(record.directory)
            var waited = 0
            var pause = 1
            repeat {
                // A v1 freezer gives up on a process that is just forking, and wants to be told again;
                // Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst.
                try directory.set(file, record.version == .v1 ? "FROZEN" : "1")
                if try isFrozen(directory, record.version) { return }
                sleep(milliseconds: pause)
                waited += pause
                pause = min(pause * 2, 50)
            } while waited < timeoutMilliseconds
            try directory.set(file, record.version == .v1 ? "THAWED" : "0")
            throw RuntimeError(
                .system, "its processes do not all stop within \(timeoutMilliseconds) ms",
                hint: "one may be waiting for a disk or network file system that does not answer")
        }
    }

    /// Tells every process of the container to stop, and does not wait until all stand still.
    ///
    /// For what holds a thread of the kernel, as a virtual machine of Linux before 6.14 does (kvm-nx-lpage-recovery): such a
    /// thread never freezes, so v2 never reports the cgroup as frozen, though all others of it are.
    package func requestFreeze() throws(RuntimeError) {
        guard let (record, file) = freezer else { throw noFreezer() }
        try during("freeze \(record)") {
            try openCgroup(record.directory).set(file, record.version == .v1 ? "FROZEN" : "1")
        }
    }

    /// Whether the processes of the container were told to stop, whether all of them have or not.
    package var isFreezeRequested: Bool {
        guard let (record, file) = freezer, let directory = try? openCgroup(record.directory),
            let text = try? trimmed(directory.smallFile(file))
        else { return false }
        return record.version == .v1 ? text != "THAWED" : text == "1"
    }

    /// Lets the processes of the container run on.
    package func thaw() throws(RuntimeError) {
        guard let (record, file) = freezer else { throw noFreezer() }
        try during("thaw \(record)") {
            try openCgroup(record.directory).set(file, record.version == .v1 ? "THAWED" : "0")
        }
    }

    /// Whether the processes of the container stand still, by our freezing or by that of a cgroup above.
    package var isFrozen: Bool {
        guard let (record, _) = freezer, let directory = try? openCgroup(record.directory) else { return false }
        return (try? isFrozen(directory, record.version)) ?? false
    }

    private func isFrozen(_ directory: borrowing OwnedDescriptor, _ version: CgroupVersion) throws(SystemError) -> Bool
    {
        switch version {
        case .v1: trimmed(try directory.smallFile("freezer.state")) == "FROZEN"
        case .v2: keyedValue("frozen", in: try directory.smallFile("cgroup.events")) == 1
        }
    }

    private func noFreezer() -> RuntimeError {
        RuntimeError(
            .unsupported, "no freezer in any cgroup hierarchy the container is in",
            hint: "it needs the v1 freezer controller, or cgroup v2 on Linux 5.2 or newer")
    }
}

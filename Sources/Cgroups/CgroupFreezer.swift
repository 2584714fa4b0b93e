package import Diagnostics
import Plans
import Syscalls

extension ContainerCgroups {
    /// The cgroup by which processes are stopped, and what is written into which of its files.
    private struct Freezer {
        let record: CgroupRecord
        let file: String
        let frozen: String
        let thawed: String
    }

    /// v2 has it in every cgroup, from Linux 5.2 on; v1 has a hierarchy for it.
    private var freezer: Freezer? {
        if let unified, exists(unified.directory + "/cgroup.freeze") {
            return Freezer(record: unified, file: "cgroup.freeze", frozen: "1", thawed: "0")
        }
        return v1("freezer").map { Freezer(record: $0, file: "freezer.state", frozen: "FROZEN", thawed: "THAWED") }
    }

    /// Stops every process of the container, and returns when all stand still.
    ///
    /// - Parameter timeoutMilliseconds: how long to wait for that; when it is over, they run again and it is an error.
    package func freeze(timeoutMilliseconds: Int = 2000) throws(RuntimeError) {
        guard let freezer else { throw noFreezer() }
        try during("freeze \(freezer.record)") {
            let directory = try openCgroup(freezer.record.directory)
            var waited = 0
            var pause = 1
            repeat {
                // A v1 freezer gives up on a process that is just forking, and wants to be told again;
                // Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst.
                try directory.set(freezer.file, freezer.frozen)
                if try isFrozen(directory, freezer.record.version) { return }
                sleep(milliseconds: pause)
                waited += pause
                pause = min(pause * 2, 50)
            } while waited < timeoutMilliseconds
            try directory.set(freezer.file, freezer.thawed)
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
        guard let freezer else { throw noFreezer() }
        try during("freeze \(freezer.record)") {
            try openCgroup(freezer.record.directory).set(freezer.file, freezer.frozen)
        }
    }

    /// Whether the processes of the container were told to stop, whether all of them have or not.
    package var isFreezeRequested: Bool {
        guard let freezer, let directory = try? openCgroup(freezer.record.directory),
            let text = try? directory.smallFile(freezer.file)
        else { return false }
        // v1 says FREEZING in between.
        return trimmed(text) != freezer.thawed
    }

    /// Lets the processes of the container run on.
    package func thaw() throws(RuntimeError) {
        guard let freezer else { throw noFreezer() }
        try during("thaw \(freezer.record)") {
            try openCgroup(freezer.record.directory).set(freezer.file, freezer.thawed)
        }
    }

    /// Whether the processes of the container stand still, by our freezing or by that of a cgroup above.
    package var isFrozen: Bool {
        guard let record = freezer?.record, let directory = try? openCgroup(record.directory) else { return false }
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

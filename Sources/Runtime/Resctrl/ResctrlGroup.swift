package import Diagnostics
package import OCI
import Syscalls

/// The group of resctrl that a container is to be in, and what is written into it; `linux.intelRdt`.
package struct ResctrlGroup: Equatable, Sendable {
    /// The file system.
    package let resctrl: Resctrl
    /// The group's directory.
    package let directory: String
    /// The directory of the container's own monitoring group; nil without one.
    package let monitoring: String?
    /// Whether it is the container's alone, and is removed with it: where no closID is given.
    package let isOwn: Bool
    /// The lines that a group which is there already has to have.
    private let compared: [String]
    /// The lines that are written into any.
    private let written: [String]

    /// Finds the group that a configuration names; nothing changes by it.
    ///
    /// - Throws: that a group without allocations has to be there, and is not.
    package init(_ rdt: Spec.IntelRdt, id: String, in resctrl: Resctrl) throws(RuntimeError) {
        self.resctrl = resctrl
        isOwn = rdt.closID == nil
        let name = rdt.closID ?? id
        directory = name == "/" ? resctrl.root : "\(resctrl.root)/\(name)"
        monitoring = rdt.enableMonitoring ? "\(directory)/mon_groups/\(id)" : nil
        compared = [rdt.l3CacheSchema, rdt.memBwSchema].compactMap(\.self)
        written = rdt.schemata
        // Directories of resctrl that are no groups.
        if ["info", "mon_groups", "mon_data"].contains(name) {
            throw RuntimeError(.invalidBundle, "linux.intelRdt.closID: \"\(name)\" cannot be the name of a group")
        }
        if !isOwn, compared.isEmpty, written.isEmpty, !exists(directory) {
            throw RuntimeError(
                .notFound, "linux.intelRdt.closID: there is no group \(directory) (no such file or directory)",
                hint: "make it before, or say what it gets by l3CacheSchema, memBwSchema or schemata")
        }
    }

    /// Makes the directory of the group.
    ///
    /// - Returns: whether it was not there before.
    package func makeDirectory() throws(RuntimeError) -> Bool {
        if directory == resctrl.root { return false }
        do {
            try Syscalls.makeDirectory(directory, mode: 0o755)
            return true
        } catch {
            if error.errno == .exists { return false }
            throw resctrl.refusal(error, "linux.intelRdt.closID: make the group")
        }
    }

    /// Gives the group its allocations, and makes the monitoring group.
    ///
    /// - Parameter isNew: whether the group was made for this container; one that was there is compared.
    package func setUp(isNew: Bool) throws(RuntimeError) {
        if !isNew, !isOwn, !compared.isEmpty {
            let present = try during("linux.intelRdt.closID: read the group's allocations") {
                try readText(directory + "/schemata")
            }
            for line in compared where !Schemata(present).contains(line) {
                throw RuntimeError(
                    .alreadyExists,
                    "linux.intelRdt: the group \(directory) is there and does not have \"\(line)\" but "
                        + "\"\(present.split(separator: "\n").map { $0.drop { $0 == " " } }.joined(separator: ", "))\"",
                    hint: "take another closID, or leave the schemas out to be in that group as it is")
            }
        } else {
            try write(compared)
        }
        try write(written)
        guard let monitoring else { return }
        do {
            try Syscalls.makeDirectory(monitoring, mode: 0o755)
        } catch {
            throw resctrl.refusal(error, "linux.intelRdt.enableMonitoring: make the monitoring group")
        }
    }

    private func write(_ lines: [String]) throws(RuntimeError) {
        for line in lines {
            do {
                try writeFile(line + "\n", to: directory + "/schemata")
            } catch {
                throw resctrl.refusal(error, "linux.intelRdt: set \"\(line)\"")
            }
        }
    }
}

extension ContainerRecord {
    /// Moves a process, and so all that it starts from then on, into the container's group of resctrl.
    package func enterResctrlGroup(_ pid: Int32) throws(RuntimeError) {
        for directory in [resctrlGroup, resctrlMonitoring].compactMap(\.self) {
            try during("linux.intelRdt: enter \(directory)") { try writeFile("\(pid)\n", to: directory + "/tasks") }
        }
    }

    /// Removes what of resctrl is the container's own; what is gone already is no error.
    package func removeResctrlGroups() throws(RuntimeError) {
        let own = [resctrlMonitoring, ownsResctrlGroup ? resctrlGroup : nil].compactMap(\.self)
        for directory in own {
            do {
                try removeDirectory(directory)
            } catch {
                if error.errno != .noEntry { throw RuntimeError(error).during("remove the resctrl group") }
            }
        }
    }
}

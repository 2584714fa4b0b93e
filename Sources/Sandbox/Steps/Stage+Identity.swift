import CLinux
import Diagnostics
import Glibc
import Plans
import Syscalls

extension Stage {
    /// Becomes a user.
    ///
    /// - Parameters:
    ///   - identity: user, groups, umask.
    ///   - keepCapabilities: permitted capabilities survive, for a later step that sets them.
    func become(_ identity: Identity, keepCapabilities: Bool) throws {
        if let groups = identity.additionalGroups { try setGroups(groups) }
        if identity.userID != 0 { giveStandardStreams(to: identity.userID) }
        try Credentials.setGroup(identity.groupID)
        if keepCapabilities && identity.userID != 0 { try ProcessControl.setKeepCapabilities(true) }
        do {
            try Credentials.setUser(identity.userID)
        } catch {
            guard error.errno == .invalidArgument else { throw error }
            throw RuntimeError(
                .invalidBundle, "process.user.uid \(identity.userID) is not mapped in the user namespace")
        }
        setUmask(identity.umask ?? 0o022)
        // The parent death signal and the dumpable flag are reset by the change of ids; the latter must stay off.
        try ProcessControl.setDumpable(false)
        if let path = pendingDirectory { try changeToDirectory(path) }
    }

    private func setGroups(_ groups: [UInt32]) throws(SystemError) {
        do {
            try Credentials.setGroups(groups)
        } catch {
            // A user namespace whose setgroups is denied has no groups to drop either.
            guard groups.isEmpty, error.errno == .notPermitted else { throw error }
        }
    }

    /// Gives the standard streams to the program's user, who could not open /dev/stdout again otherwise.
    private func giveStandardStreams(to user: UInt32) {
        for stream: Int32 in 0...2 {
            let file = OwnedDescriptor(owning: stream)
            if let status = try? file.status(), status.userID != user,
                status.kind != .characterDevice || status.representedDevice != clx_makedev(1, 3)
            {
                // Not every file can change hands (a read-only file system, a foreign user namespace), nor needs to.
                try? file.changeOwner(user: user, group: status.groupID)
            }
            _ = file.release()
        }
    }

    /// Drops from the bounding set what the program must not gain.
    func limitBoundingSet(to set: UInt64) throws(SystemError) {
        for capability in 0..<64 where set & (1 << UInt64(capability)) == 0 {
            do {
                try Capabilities.dropFromBoundingSet(capability)
            } catch {
                // The kernel knows fewer capabilities than 64: the first unknown one ends the set.
                if error.errno == .invalidArgument { return }
                throw error
            }
        }
    }

    /// Sets the capability sets.
    ///
    /// What this process may not grant is left out with a warning (runtime-spec, config.md,
    /// "capabilities").
    func apply(_ sets: CapabilitySets) throws {
        let mine = try Capabilities.permitted()
        let granted = sets.permitted & mine
        let refused = (sets.permitted | sets.effective | sets.inheritable) & ~mine
        if refused != 0 {
            try send(.warning("capabilities that this host cannot grant are left out: \(names(of: refused))"))
        }
        try Capabilities.set(
            effective: sets.effective & granted, permitted: granted, inheritable: sets.inheritable & mine)
        let ambient = sets.ambient & granted & sets.inheritable
        for capability in 0..<64 where ambient & (1 << UInt64(capability)) != 0 {
            try Capabilities.raiseAmbient(capability)
        }
    }

    private func names(of capabilities: UInt64) -> String {
        Capabilities.names.indices.filter { capabilities & (1 << UInt64($0)) != 0 }.map { Capabilities.names[$0] }
            .joined(separator: ", ")
    }

    /// Installs a seccomp filter.
    ///
    /// The launcher copies the listener of one that has it, and sees to it that somebody answers before this process goes
    /// on: the calls that follow may be asked about already.
    func install(_ filter: SeccompFilter) throws {
        let number = try Scheduling.installSeccomp(filter.instructions, flags: filter.flags)
        guard filter.notifies else { return }
        try channel.sendUnderFilter(StageMessage.seccompListener(number: number).packet)
        guard case .goOn = try receive() else { endWithoutLauncher() }
    }

    /// Sets the label that the next exec gives, through the host's procfs: a container's procfs can be fake.
    func labelExec(_ label: SetupStep.SecurityLabel) throws {
        let processes = try openHostProcesses()
        switch label {
        case .appArmor(let profile):
            try during("process.apparmorProfile \"\(profile)\"") {
                do {
                    try writeFile("exec \(profile)", at: processes.file, to: "self/attr/apparmor/exec")
                } catch let error as SystemError where error.errno == .noEntry {
                    try writeFile("exec \(profile)", at: processes.file, to: "self/attr/exec")
                }
            }
        case .seLinux(let label):
            try during("process.selinuxLabel \"\(label)\"") {
                try writeFile(label, at: processes.file, to: "self/attr/exec")
            }
        }
    }
}

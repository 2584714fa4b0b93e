import CCapability
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
    func limitBoundingSet(to set: UInt64) throws(RuntimeError) {
        for capability in 0..<64 where set & (1 << UInt64(capability)) == 0 {
            guard cap_drop_bound(cap_value_t(capability)) != 0 else { continue }
            let errno = Errno.current
            // The kernel knows fewer capabilities than 64: the first unknown one ends the set.
            if errno == .invalidArgument { return }
            throw RuntimeError(SystemError("prctl", "PR_CAPBSET_DROP \(capability)", errno))
        }
    }

    /// Sets the capability sets.
    ///
    /// What this process may not grant is left out with a warning (runtime-spec, config.md,
    /// "capabilities").
    func apply(_ sets: CapabilitySets) throws {
        let mine = try permittedCapabilities()
        let granted = sets.permitted & mine
        let refused = (sets.permitted | sets.effective | sets.inheritable) & ~mine
        if refused != 0 {
            try send(.warning("capabilities that this host cannot grant are left out: \(names(of: refused))"))
        }
        guard let state = unsafe cap_init() else { throw SystemError("cap_init", "", .current) }
        defer { unsafe _ = cap_free(UnsafeMutableRawPointer(state)) }
        unsafe set(CAP_PERMITTED, granted, in: state)
        unsafe set(CAP_EFFECTIVE, sets.effective & granted, in: state)
        unsafe set(CAP_INHERITABLE, sets.inheritable & mine, in: state)
        try syscall("capset", on: "") { unsafe cap_set_proc(state) }
        for capability in 0..<64 where sets.ambient & granted & sets.inheritable & (1 << UInt64(capability)) != 0 {
            try syscall("prctl", on: "PR_CAP_AMBIENT_RAISE \(capability)") {
                cap_set_ambient(cap_value_t(capability), CAP_SET)
            }
        }
        let lost = sets.ambient & ~(granted & sets.inheritable)
        if lost != 0 && lost & ~refused != 0 {
            try send(
                .warning(
                    "ambient capabilities that are not permitted and inheritable are left out: \(names(of: lost))"))
        }
    }

    /// SAFETY: `state` is a live capability state of the caller's; libcap copies the values.
    private func set(_ flag: cap_flag_t, _ capabilities: UInt64, in state: cap_t) {
        let values = (0..<41).filter { capabilities & (1 << UInt64($0)) != 0 }.map { cap_value_t($0) }
        unsafe _ = cap_set_flag(state, flag, Int32(values.count), values, CAP_SET)
    }

    /// The permitted set of this process.
    private func permittedCapabilities() throws(SystemError) -> UInt64 {
        guard let state = unsafe cap_get_proc() else { throw SystemError("capget", "", .current) }
        defer { unsafe _ = cap_free(UnsafeMutableRawPointer(state)) }
        var result: UInt64 = 0
        for capability in 0..<41 {
            var value = CAP_CLEAR
            if unsafe cap_get_flag(state, cap_value_t(capability), CAP_PERMITTED, &value) == 0, value == CAP_SET {
                result |= 1 << UInt64(capability)
            }
        }
        return result
    }

    private func names(of capabilities: UInt64) -> String {
        var names: [String] = []
        for capability in 0..<64 where capabilities & (1 << UInt64(capability)) != 0 {
            guard let name = unsafe cap_to_name(cap_value_t(capability)) else { continue }
            unsafe names.append(String(cString: name).uppercased())
            unsafe _ = cap_free(name)
        }
        return names.joined(separator: ", ")
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
        let directory = try openProcSelf()
        switch label {
        case .appArmor(let profile):
            try during("process.apparmorProfile \"\(profile)\"") {
                do {
                    try writeFile("exec \(profile)", at: directory.file, to: "attr/apparmor/exec")
                } catch let error as SystemError where error.errno == .noEntry {
                    try writeFile("exec \(profile)", at: directory.file, to: "attr/exec")
                }
            }
        case .seLinux(let label):
            try during("process.selinuxLabel \"\(label)\"") {
                try writeFile(label, at: directory.file, to: "attr/exec")
            }
        }
    }
}

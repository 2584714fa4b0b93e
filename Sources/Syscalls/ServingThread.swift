import CLinux
import Glibc

/// What a thread that serves files has for itself: working directory, umask, ids for file systems, and capabilities.
///
/// To be made, and used, on that thread alone. Its working directory is /proc/self/fd from then on.
package final class ServingThread {
    /// The directory /proc/self/fd.
    package let descriptors: ServedFile
    private let ownUser = geteuid()
    private let ownGroup = getegid()
    private let permitted: UInt32
    private var effective: UInt32
    private var umaskInForce: UInt32

    /// Prepares the calling thread.
    ///
    /// - Parameter descriptors: the directory /proc/self/fd.
    package init(descriptors: ServedFile) throws(SystemError) {
        self.descriptors = descriptors
        try syscall("unshare", on: "working directory and umask") { clx_unshare_directory() }
        try syscall("fchdir", on: "/proc/self/fd") { fchdir(descriptors.descriptor.number) }
        var (effective, permitted): (UInt32, UInt32) = (0, 0)
        try syscall("capget", on: "") { unsafe clx_thread_capabilities(&effective, &permitted) }
        self.effective = effective
        self.permitted = permitted
        umask(0)
        umaskInForce = 0
    }

    /// Sets the umask, if another one is in force.
    package func setUmask(_ mask: UInt32) {
        let mask = mask & 0o777
        if mask == umaskInForce { return }
        umask(mask)
        umaskInForce = mask
    }

    /// Whether set-user-ID and set-group-ID bits survive what this thread does to files, CAP_FSETID.
    ///
    /// It stays that way: a call is made only where it is another than before.
    package func keepSetIDBits(_ keep: Bool) throws(Errno) {
        let wanted = keep ? effective | permitted & CLX_CAP_BIT_FSETID : effective & ~CLX_CAP_BIT_FSETID
        try setEffective(wanted)
    }

    private func setEffective(_ wanted: UInt32) throws(Errno) {
        if wanted == effective { return }
        try numbered { clx_set_thread_effective(wanted) }
        effective = wanted
    }

    /// Makes files as a client makes them: theirs from the first moment on, with the set-group-ID rules of directories,
    /// quotas and default ACLs that the kernel applies to them.
    ///
    /// A change of owner afterwards would lose set-ID bits, and would have to repeat the rules. The client's groups are
    /// not known here, and its own kernel has checked its rights: what EACCES refuses is tried again with the right to.
    ///
    /// - Parameters:
    ///   - user: the client's user.
    ///   - group: its group.
    ///   - otherGroup: another group of it, as far as known.
    ///   - insist: false where only what the user itself may do is to be done.
    ///   - body: what makes the file.
    package func acting<Result>(
        user: UInt32, group: UInt32, otherGroup: UInt32? = nil, insist: Bool = true,
        _ body: () throws(Errno) -> Result
    ) throws(Errno) -> Result {
        let privileges = CLX_CAP_BIT_SETUID | CLX_CAP_BIT_SETGID
        // The server of a user who may not be others makes files of that user's.
        if permitted & privileges != privileges || (user == ownUser && group == ownGroup && otherGroup == nil) {
            try keepSetIDBits(user == ownUser)
            return try body()
        }
        let before = effective
        defer { restore(effective: before, groups: otherGroup != nil) }
        if let otherGroup { try numbered { unsafe clx_setgroups(1, [otherGroup]) } }
        clx_setfsgid(group)
        clx_setfsuid(user)
        // Neither call reports a failure; asking for an impossible id answers with the present one.
        guard clx_setfsgid(UInt32.max) == group, clx_setfsuid(UInt32.max) == user else {
            throw Errno(rawValue: EOVERFLOW)
        }
        do {
            return try body()
        } catch let error {
            guard insist, error == .accessDenied, user != ownUser, permitted & CLX_CAP_BIT_DAC_OVERRIDE != 0 else {
                throw error
            }
        }
        var (present, all): (UInt32, UInt32) = (0, 0)
        try numbered { unsafe clx_thread_capabilities(&present, &all) }
        try numbered { clx_set_thread_effective(present | CLX_CAP_BIT_DAC_OVERRIDE) }
        return try body()
    }

    private func restore(effective before: UInt32, groups: Bool) {
        clx_setfsuid(ownUser)
        clx_setfsgid(ownGroup)
        if groups { _ = clx_setgroups(0, nil) }
        // A thread that kept another's ids, or rights it gave up, would do everything wrong from here on.
        precondition(
            clx_setfsuid(UInt32.max) == ownUser && clx_set_thread_effective(before) == 0,
            "a thread gets its own ids and rights back")
        effective = before
    }
}

import CLinux

/// The calls on this thread's capability sets, capabilities(7).
///
/// Sets have a bit for each capability, the lowest for number 0.
package enum Capabilities {
    /// The permitted set.
    ///
    /// The corresponding system call is `capget(2)`.
    package static func permitted() throws(SystemError) -> UInt64 {
        var set: UInt64 = 0
        try syscall("capget", on: "") { unsafe clx_capget_permitted(&set) }
        return set
    }

    /// Sets the effective, permitted and inheritable set.
    ///
    /// The corresponding system call is `capset(2)`.
    package static func set(effective: UInt64, permitted: UInt64, inheritable: UInt64) throws(SystemError) {
        try syscall("capset", on: "") { clx_capset(effective, permitted, inheritable) }
    }

    /// Adds a capability to the ambient set.
    ///
    /// The corresponding request is `PR_CAP_AMBIENT_RAISE` of `prctl(2)`.
    package static func raiseAmbient(_ capability: Int) throws(SystemError) {
        try syscall("prctl", on: "PR_CAP_AMBIENT_RAISE \(capability)") {
            clx_prctl(CLX_PR_CAP_AMBIENT, UInt(CLX_PR_CAP_AMBIENT_RAISE), UInt(capability), 0, 0)
        }
    }

    /// Drops a capability from the bounding set.
    ///
    /// The corresponding request is `PR_CAPBSET_DROP` of `prctl(2)`.
    ///
    /// - Throws: EINVAL where the kernel knows no such capability.
    package static func dropFromBoundingSet(_ capability: Int) throws(SystemError) {
        try syscall("prctl", on: "PR_CAPBSET_DROP \(capability)") {
            clx_prctl(CLX_PR_CAPBSET_DROP, UInt(capability), 0, 0, 0)
        }
    }

    /// The names, each at the place of its number in linux/capability.h.
    package static let names = [
        "CAP_CHOWN",
        "CAP_DAC_OVERRIDE",
        "CAP_DAC_READ_SEARCH",
        "CAP_FOWNER",
        "CAP_FSETID",
        "CAP_KILL",
        "CAP_SETGID",
        "CAP_SETUID",
        "CAP_SETPCAP",
        "CAP_LINUX_IMMUTABLE",
        "CAP_NET_BIND_SERVICE",
        "CAP_NET_BROADCAST",
        "CAP_NET_ADMIN",
        "CAP_NET_RAW",
        "CAP_IPC_LOCK",
        "CAP_IPC_OWNER",
        "CAP_SYS_MODULE",
        "CAP_SYS_RAWIO",
        "CAP_SYS_CHROOT",
        "CAP_SYS_PTRACE",
        "CAP_SYS_PACCT",
        "CAP_SYS_ADMIN",
        "CAP_SYS_BOOT",
        "CAP_SYS_NICE",
        "CAP_SYS_RESOURCE",
        "CAP_SYS_TIME",
        "CAP_SYS_TTY_CONFIG",
        "CAP_MKNOD",
        "CAP_LEASE",
        "CAP_AUDIT_WRITE",
        "CAP_AUDIT_CONTROL",
        "CAP_SETFCAP",
        "CAP_MAC_OVERRIDE",
        "CAP_MAC_ADMIN",
        "CAP_SYSLOG",
        "CAP_WAKE_ALARM",
        "CAP_BLOCK_SUSPEND",
        "CAP_AUDIT_READ",
        "CAP_PERFMON",
        "CAP_BPF",
        "CAP_CHECKPOINT_RESTORE",
    ]
}

/// A capability of capabilities(7), numbered as in linux/capability.h.
package struct Capability: RawRepresentable, Hashable, Sendable {
    /// The number.
    package let rawValue: UInt8

    /// Wraps a number.
    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Finds a capability by its name, as in "CAP_CHOWN"; nil for a name that Linux 6.18 does not have.
    package init?(name: String) {
        guard let index = Capability.names.firstIndex(of: name) else { return nil }
        self.rawValue = UInt8(index)
    }

    /// The name; nil for a number that is in no name's place.
    package var name: String? {
        Int(rawValue) < Capability.names.count ? Capability.names[Int(rawValue)] : nil
    }

    /// The capability's bit in a set.
    package var bit: UInt64 {
        rawValue < 64 ? 1 << UInt64(rawValue) : 0
    }

    /// All names, each at the place of its number.
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

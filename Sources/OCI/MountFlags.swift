/// Flags of mount(2), linux/mount.h.
package struct MountFlags: OptionSet, Sendable, Hashable {
    /// The flags as the kernel numbers them.
    package let rawValue: UInt64

    /// Wraps flags.
    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Unites flags; the standard library's way, which is generic, looks its types up at run time.
    package init(arrayLiteral flags: MountFlags...) {
        rawValue = flags.reduce(0) { $0 | $1.rawValue }
    }

    /// MS_RDONLY.
    package static let readOnly = MountFlags(rawValue: 1 << 0)
    /// MS_NOSUID.
    package static let noSetUserID = MountFlags(rawValue: 1 << 1)
    /// MS_NODEV.
    package static let noDevices = MountFlags(rawValue: 1 << 2)
    /// MS_NOEXEC.
    package static let noExecution = MountFlags(rawValue: 1 << 3)
    /// MS_SYNCHRONOUS.
    package static let synchronous = MountFlags(rawValue: 1 << 4)
    /// MS_REMOUNT.
    package static let remount = MountFlags(rawValue: 1 << 5)
    /// MS_MANDLOCK.
    package static let mandatoryLocks = MountFlags(rawValue: 1 << 6)
    /// MS_DIRSYNC.
    package static let synchronousDirectories = MountFlags(rawValue: 1 << 7)
    /// MS_NOSYMFOLLOW.
    package static let noSymlinks = MountFlags(rawValue: 1 << 8)
    /// MS_NOATIME.
    package static let noAccessTimes = MountFlags(rawValue: 1 << 10)
    /// MS_NODIRATIME.
    package static let noDirectoryAccessTimes = MountFlags(rawValue: 1 << 11)
    /// MS_BIND.
    package static let bind = MountFlags(rawValue: 1 << 12)
    /// MS_REC.
    package static let recursive = MountFlags(rawValue: 1 << 14)
    /// MS_SILENT.
    package static let silent = MountFlags(rawValue: 1 << 15)
    /// MS_RELATIME.
    package static let relativeAccessTimes = MountFlags(rawValue: 1 << 21)
    /// MS_I_VERSION.
    package static let inodeVersions = MountFlags(rawValue: 1 << 23)
    /// MS_STRICTATIME.
    package static let strictAccessTimes = MountFlags(rawValue: 1 << 24)
    /// MS_LAZYTIME.
    package static let lazyTimes = MountFlags(rawValue: 1 << 25)
}

/// Attributes of mount_setattr(2), linux/mount.h.
package struct MountAttributes: OptionSet, Sendable, Hashable {
    /// The attributes as the kernel numbers them.
    package let rawValue: UInt64

    /// Wraps attributes.
    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Unites flags; the standard library's way, which is generic, looks its types up at run time.
    package init(arrayLiteral flags: MountAttributes...) {
        rawValue = flags.reduce(0) { $0 | $1.rawValue }
    }

    /// MOUNT_ATTR_RDONLY.
    package static let readOnly = MountAttributes(rawValue: 0x01)
    /// MOUNT_ATTR_NOSUID.
    package static let noSetUserID = MountAttributes(rawValue: 0x02)
    /// MOUNT_ATTR_NODEV.
    package static let noDevices = MountAttributes(rawValue: 0x04)
    /// MOUNT_ATTR_NOEXEC.
    package static let noExecution = MountAttributes(rawValue: 0x08)
    /// MOUNT_ATTR_NOATIME.
    package static let noAccessTimes = MountAttributes(rawValue: 0x10)
    /// MOUNT_ATTR_STRICTATIME.
    package static let strictAccessTimes = MountAttributes(rawValue: 0x20)
    /// MOUNT_ATTR__ATIME: the bits of the three policies for access times, of which MOUNT_ATTR_RELATIME is 0.
    package static let accessTimes = MountAttributes(rawValue: 0x70)
    /// MOUNT_ATTR_NODIRATIME.
    package static let noDirectoryAccessTimes = MountAttributes(rawValue: 0x80)
    /// MOUNT_ATTR_NOSYMFOLLOW.
    package static let noSymlinks = MountAttributes(rawValue: 0x20_0000)
}

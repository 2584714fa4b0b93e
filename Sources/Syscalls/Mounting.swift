import CLinux
import Glibc

/// The calls on mounts, mount_namespaces(7).
package enum Mounting {
    /// Mounts a file system or changes a mount.
    ///
    /// The corresponding system call is `mount(2)`.
    ///
    /// - Parameters:
    ///   - source: the device, or a name for file systems without one.
    ///   - target: where.
    ///   - type: the file system's name; nil for a change.
    ///   - flags: MS_*.
    ///   - data: the file system's own options; nil for none.
    ///   - subject: what an error names instead of the target, which may be a path under /proc/self/fd.
    package static func mount(
        _ source: String?, at target: String, type: String?, flags: UInt64, data: String? = nil, subject: String? = nil
    ) throws(SystemError) {
        try syscall("mount", on: subject ?? target) { unsafe clx_mount(source, target, type, UInt(flags), data) }
    }

    /// Detaches what is mounted at a path, now or as soon as nobody uses it.
    ///
    /// The corresponding system call is `umount2(2)`.
    package static func detach(_ path: String) throws(SystemError) {
        try syscall("umount2", on: path) { unsafe clx_umount2(path, CLX_MNT_DETACH) }
    }

    /// Makes a directory the root mount.
    ///
    /// The corresponding system call is `pivot_root(2)`.
    package static func pivotRoot(_ root: String, putOld: String) throws(SystemError) {
        try syscall("pivot_root", on: root) { unsafe clx_pivot_root(root, putOld) }
    }

    /// Opens a detached copy of the mount at a path.
    ///
    /// The corresponding system call is `open_tree(2)`.
    ///
    /// - Parameters:
    ///   - path: what to copy.
    ///   - recursive: with everything mounted under it.
    ///   - followLinks: false for the link itself, should the path's last component be one.
    package static func cloneTree(
        _ path: String, recursive: Bool, followLinks: Bool = true
    ) throws(SystemError) -> OwnedDescriptor {
        OwnedDescriptor(
            owning: try syscall("open_tree", on: path) {
                unsafe clx_open_tree(CLX_AT_FDCWD, path, treeFlags(recursive: recursive, followLinks: followLinks))
            })
    }

    /// Opens a detached copy of the mount that a descriptor leads to.
    ///
    /// The corresponding system call is `open_tree(2)`.
    package static func cloneTree(
        of file: borrowing OwnedDescriptor, recursive: Bool, subject: String
    ) throws(SystemError) -> OwnedDescriptor {
        let number = file.number
        return OwnedDescriptor(
            owning: try syscall("open_tree", on: subject) {
                unsafe clx_open_tree(
                    number, "", treeFlags(recursive: recursive, followLinks: true) | UInt32(CLX_AT_EMPTY_PATH))
            })
    }

    /// Opens a detached copy of the mount at a path, with more attributes than that has.
    ///
    /// The corresponding system call is `open_tree_attr(2)`; before Linux 6.15, `open_tree(2)` and
    /// `mount_setattr(2)`.
    ///
    /// - Parameters:
    ///   - path: what to copy.
    ///   - recursive: with everything mounted under it, which gets the attributes too.
    ///   - attributes: MOUNT_ATTR_* to set.
    package static func cloneTree(
        _ path: String, recursive: Bool, setting attributes: UInt64
    ) throws(SystemError) -> OwnedDescriptor {
        let number = unsafe clx_open_tree_attr(
            CLX_AT_FDCWD, path, treeFlags(recursive: recursive, followLinks: true), attributes)
        if number >= 0 { return OwnedDescriptor(owning: number) }
        // Whatever the reason is: by two calls it either works, or one of them says what does not.
        let tree = try cloneTree(path, recursive: recursive)
        try setAttributes(of: tree, recursive: recursive, set: attributes, subject: path)
        return tree
    }

    /// Opens a detached copy of the mount that a descriptor leads to, with more attributes than that has.
    ///
    /// The corresponding system call is `open_tree_attr(2)`; before Linux 6.15, `open_tree(2)` and
    /// `mount_setattr(2)`.
    ///
    /// - Parameters:
    ///   - file: what to copy.
    ///   - recursive: with everything mounted under it, which gets the attributes too.
    ///   - attributes: MOUNT_ATTR_* to set.
    ///   - subject: the mount's name for an error.
    package static func cloneTree(
        of file: borrowing OwnedDescriptor, recursive: Bool, setting attributes: UInt64, subject: String
    ) throws(SystemError) -> OwnedDescriptor {
        let number = unsafe clx_open_tree_attr(
            file.number, "", treeFlags(recursive: recursive, followLinks: true) | UInt32(CLX_AT_EMPTY_PATH), attributes)
        if number >= 0 { return OwnedDescriptor(owning: number) }
        let tree = try cloneTree(of: file, recursive: recursive, subject: subject)
        try setAttributes(of: tree, recursive: recursive, set: attributes, subject: subject)
        return tree
    }

    private static func treeFlags(recursive: Bool, followLinks: Bool) -> UInt32 {
        CLX_OPEN_TREE_CLONE | CLX_OPEN_TREE_CLOEXEC | (recursive ? UInt32(CLX_AT_RECURSIVE) : 0)
            | (followLinks ? 0 : UInt32(AT_SYMLINK_NOFOLLOW))
    }

    /// Attaches a detached mount.
    ///
    /// The corresponding system call is `move_mount(2)`.
    ///
    /// - Parameters:
    ///   - tree: the mount.
    ///   - target: an O_PATH descriptor of the place.
    ///   - subject: the place's name for an error.
    package static func attach(
        _ tree: borrowing OwnedDescriptor, to target: borrowing OwnedDescriptor, subject: String
    ) throws(SystemError) {
        let (from, to) = (tree.number, target.number)
        try syscall("move_mount", on: subject) {
            unsafe clx_move_mount(
                from, "", to, "", CLX_MOVE_MOUNT_F_EMPTY_PATH | CLX_MOVE_MOUNT_T_EMPTY_PATH)
        }
    }

    /// Changes a mount's attributes.
    ///
    /// The corresponding system call is `mount_setattr(2)`.
    ///
    /// - Parameters:
    ///   - mount: an open mount.
    ///   - recursive: with everything mounted under it.
    ///   - set: MOUNT_ATTR_* to set.
    ///   - clear: MOUNT_ATTR_* to clear.
    ///   - propagation: MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE; 0 leaves it.
    ///   - subject: the mount's name for an error.
    package static func setAttributes(
        of mount: borrowing OwnedDescriptor, recursive: Bool, set: UInt64 = 0, clear: UInt64 = 0,
        propagation: UInt64 = 0, subject: String
    ) throws(SystemError) {
        let number = mount.number
        try syscall("mount_setattr", on: subject) {
            unsafe clx_mount_setattr(
                number, "", UInt32(CLX_AT_EMPTY_PATH) | (recursive ? UInt32(CLX_AT_RECURSIVE) : 0), set, clear,
                propagation, 0)
        }
    }

    /// Maps a detached mount's ids through a user namespace.
    ///
    /// The corresponding system call is `mount_setattr(2)` with
    /// MOUNT_ATTR_IDMAP.
    package static func mapIDs(
        of mount: borrowing OwnedDescriptor, through userNamespace: borrowing OwnedDescriptor, recursive: Bool,
        subject: String
    ) throws(SystemError) {
        let (number, namespace) = (mount.number, userNamespace.number)
        try syscall("mount_setattr", on: subject) {
            unsafe clx_mount_setattr(
                number, "", UInt32(CLX_AT_EMPTY_PATH) | (recursive ? UInt32(CLX_AT_RECURSIVE) : 0),
                CLX_MOUNT_ATTR_IDMAP, 0, 0, UInt64(namespace))
        }
    }

    /// Makes a file system that is mounted nowhere yet.
    ///
    /// The corresponding system calls are `fsopen(2)`, `fsconfig(2)` and
    /// `fsmount(2)`.
    ///
    /// - Parameters:
    ///   - type: the file system's name.
    ///   - options: its options, key and value.
    ///   - attributes: MOUNT_ATTR_*.
    package static func makeFileSystem(
        _ type: String, options: [(key: String, value: String)] = [], attributes: UInt64
    ) throws(SystemError) -> OwnedDescriptor {
        let context = OwnedDescriptor(
            owning: try syscall("fsopen", on: type) { unsafe clx_fsopen(type, CLX_FSOPEN_CLOEXEC) })
        let number = context.number
        for (key, value) in options {
            try syscall("fsconfig", on: key) {
                unsafe value.withCString { unsafe clx_fsconfig(number, CLX_FSCONFIG_SET_STRING, key, $0, 0) }
            }
        }
        try syscall("fsconfig", on: type) { clx_fsconfig(number, CLX_FSCONFIG_CMD_CREATE, nil, nil, 0) }
        return OwnedDescriptor(
            owning: try syscall("fsmount", on: type) {
                clx_fsmount(number, CLX_FSMOUNT_CLOEXEC, UInt32(truncatingIfNeeded: attributes))
            })
    }
}

/// Changes the working directory.
///
/// The corresponding system call is `chdir(2)`.
package func changeDirectory(_ path: String) throws(SystemError) {
    try syscall("chdir", on: path) { unsafe chdir(path) }
}

/// Changes the working directory to an open one.
///
/// The corresponding system call is `fchdir(2)`.
package func changeDirectory(_ directory: borrowing OwnedDescriptor) throws(SystemError) {
    let number = directory.number
    try syscall("fchdir", on: "\(number)") { fchdir(number) }
}

/// Changes the root directory of this process.
///
/// The corresponding system call is `chroot(2)`.
package func changeRoot(_ path: String) throws(SystemError) {
    try syscall("chroot", on: path) { unsafe chroot(path) }
}

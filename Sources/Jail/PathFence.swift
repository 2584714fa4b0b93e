import CLinux
package import Syscalls

/// Landlock's fence around files, landlock(7): what a process may do with which of them, whatever its rights and its root
/// directory say.
///
/// It is raised for the calling thread, whose later threads inherit it, and can only be made narrower. What is open already
/// stays open.
package struct PathFence: ~Copyable {
    /// What may be done with a file, or with everything below a directory: LANDLOCK_ACCESS_FS_*.
    package struct Rights: OptionSet, Sendable {
        /// As the kernel numbers them.
        package let rawValue: UInt64

        /// Wraps rights.
        package init(rawValue: UInt64) {
            self.rawValue = rawValue
        }

        /// Reading and writing a file's content, and cutting it.
        package static let fileContent = Rights(rawValue: 1 << 1 | 1 << 2 | 1 << 14)
        /// What a tree that cannot be changed allows: files and directories are read.
        package static let reading = Rights(rawValue: 1 << 2 | 1 << 3)
        /// Everything that a file server does in a tree: all but executing, block devices, and requests to devices.
        ///
        /// LANDLOCK_ACCESS_FS_MAKE_CHAR is for overlayfs's whiteout, which is no device.
        package static let serving = Rights(rawValue: 0x7FFF & ~(1 << 0 | 1 << 11))
        static let truncation = Rights(rawValue: 1 << 14)
        static let deviceRequests = Rights(rawValue: 1 << 15)
        /// What the first version knows.
        static let first = Rights(rawValue: 0x1FFF)
        static let reference = Rights(rawValue: 1 << 13)
    }

    /// The oldest version that a file server can live with: the first one refuses every rename from a directory to another.
    package static let oldestVersion = 2

    /// The version of this kernel's Landlock; nil for none, or one that is off.
    package static var version: Int? {
        let version = clx_landlock_version()
        return version > 0 ? Int(version) : nil
    }

    private let ruleset: OwnedDescriptor
    private let handled: Rights

    /// Plans a fence that lets nothing through yet.
    ///
    /// - Returns: nil where the kernel has no Landlock that is new enough.
    package init?() throws(SystemError) {
        guard let version = Self.version, version >= Self.oldestVersion else { return nil }
        var handled = Rights.first.union(.reference)
        if version >= 3 { handled.formUnion(.truncation) }
        if version >= 5 { handled.formUnion(.deviceRequests) }
        // Of ABI 4: TCP is neither bound nor connected.
        var attributes = clx_landlock_ruleset(files: handled.rawValue, network: version >= 4 ? 3 : 0)
        let size = UInt(version >= 4 ? 16 : 8)
        ruleset = OwnedDescriptor(
            owning: try syscall("landlock_create_ruleset", on: "version \(version)") {
                unsafe clx_landlock_create(&attributes, size)
            })
        self.handled = handled
    }

    /// Lets something through.
    ///
    /// - Parameters:
    ///   - file: an open file or directory. What is on no file system that has names, as a pipe, is let through anyway.
    ///   - rights: what may be done with it, and with what is below it.
    package borrowing func allow(_ file: borrowing OwnedDescriptor, _ rights: Rights) throws(SystemError) {
        let (ruleset, number) = (ruleset.number, file.number)
        let wanted = rights.intersection(handled).rawValue
        do {
            try syscall("landlock_add_rule", on: "\(number)") { clx_landlock_allow(ruleset, number, wanted) }
        } catch {
            // EBADFD: it has no name on any file system.
            guard error.errno.rawValue == 77 else { throw error }
        }
    }

    /// Raises the fence around the calling thread and the threads that it will make; it takes no new privileges.
    package borrowing func raise() throws(SystemError) {
        let number = ruleset.number
        try syscall("landlock_restrict_self", on: "\(number)") { clx_landlock_restrict(number) }
    }
}

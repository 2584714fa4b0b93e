import CLinux
import Diagnostics
import Plans
import Syscalls

extension Stage {
    /// Makes the root file system a mount of its own: only a mount can become the root.
    func prepareRoot(_ path: String) throws {
        // Neither the root nor what it is mounted on may be shared, pivot_root(2). With the usual propagation nothing is.
        if sharesMounts { try stopSharing(mountOf: path) }
        do {
            try Mounting.mount(path, at: path, type: nil, flags: UInt64(CLX_MS_BIND | CLX_MS_REC))
        } catch {
            guard error.errno == .noEntry else { throw error }
            throw RuntimeError(.notFound, "root.path: \(path) does not exist (no such file or directory)")
        }
        root = SharedDescriptor(try OwnedDescriptor.open(path, [.path, .directory]))
    }

    /// Makes an empty root in memory, on a directory that only its own users will see uncovered.
    func makeEmptyRoot(at path: String) throws {
        let made = try Mounting.makeFileSystem(
            "tmpfs", options: [("size", "256k"), ("mode", "0755")],
            attributes: CLX_MOUNT_ATTR_NOSUID | CLX_MOUNT_ATTR_NODEV)
        let place = try OwnedDescriptor.open(path, [.path, .directory])
        try Mounting.attach(made, to: place, subject: path)
        root = SharedDescriptor(made)
    }

    /// Makes mount points in a tree of the root, and the tree read-only.
    func make(_ points: [SetupStep.MountPoint], in tree: String) throws {
        let outer = root
        defer { root = outer }
        root = SharedDescriptor(try openDestination(tree, creating: .nothing))
        for point in points {
            try during(point.path) { _ = try openDestination(point.path, creating: point.isFile ? .file : .directory) }
        }
        try makeRootReadOnly()
    }

    /// Whether the plan leaves mounts that spread.
    private var sharesMounts: Bool {
        let recursiveSlave = UInt64(CLX_MS_SLAVE | CLX_MS_REC)
        return plan.steps.contains { step in
            if case .propagation(let flags) = step { return flags != recursiveSlave }
            return false
        }
    }

    /// Makes the mount that a path lies on take what the host mounts, and give nothing back.
    private func stopSharing(mountOf path: String) throws(SystemError) {
        var mountPoint = path
        while true {
            do {
                return try Mounting.mount(nil, at: mountPoint, type: nil, flags: UInt64(CLX_MS_SLAVE))
            } catch {
                // EINVAL: no mount point; the next directory up may be one, and the root is.
                guard error.errno == .invalidArgument, let slash = mountPoint.lastIndex(of: "/"), mountPoint != "/"
                else { throw error }
                mountPoint = slash == mountPoint.startIndex ? "/" : String(mountPoint[..<slash])
            }
        }
    }

    /// The prepared root, or `/` in a sandbox that uses what it finds.
    func openRoot() throws(SystemError) -> SharedDescriptor {
        if let root { return root }
        let found = SharedDescriptor(try OwnedDescriptor.open("/", [.path, .directory]))
        root = found
        return found
    }

    /// Makes the prepared root the root, and drops the host's.
    func enterRoot(_ way: SetupStep.EnterRoot) throws {
        let root = try openRoot()
        try changeDirectory(root.file)
        switch way {
        case .pivot:
            // With both paths the same the old root ends up under the new one, where it is detached at once
            // (pivot_root(2), NOTES): no directory is needed for it inside the container.
            let old = sharesMounts ? SharedDescriptor(try OwnedDescriptor.open("/", [.path, .directory])) : nil
            try Mounting.pivotRoot(".", putOld: ".")
            if let old {
                // What is still shared with the host must not take the host's mounts with it.
                try changeDirectory(old.file)
                try Mounting.mount(nil, at: ".", type: nil, flags: UInt64(CLX_MS_SLAVE | CLX_MS_REC))
            }
            try Mounting.detach(".")
        case .move:
            try Mounting.mount(".", at: "/", type: nil, flags: UInt64(CLX_MS_MOVE))
            try changeRoot(".")
        case .change:
            try changeRoot(".")
        }
        try changeDirectory("/")
        isAtRoot = true
    }

    /// Makes the root mount read-only; mounts inside keep what they are.
    func makeRootReadOnly() throws(SystemError) {
        let root = try openRoot()
        try Mounting.setAttributes(of: root.file, recursive: false, set: CLX_MOUNT_ATTR_RDONLY, subject: "the root")
    }

    /// Makes paths unreadable: a file becomes /dev/null, a directory an empty read-only file system.
    ///
    /// A path that does not exist needs no mask.
    func mask(_ paths: [String]) throws {
        let root = try openRoot()
        let null = SharedDescriptor(try openHostNull())
        for path in paths {
            try during(path) { try mask(path, in: root, with: null) }
        }
    }

    private func mask(_ path: String, in root: SharedDescriptor, with null: SharedDescriptor) throws(SystemError) {
        guard let target = try openExisting(path, in: root.file) else { return }
        // A file cannot be mounted on a directory, nor a directory on anything else: a guess that is wrong changes nothing.
        let isDirectory = Self.maskedDirectories.contains(path)
        do {
            try cover(target, withDirectory: isDirectory, null, path)
        } catch {
            // move_mount(2) says EINVAL where mount(2) says ENOTDIR.
            guard [.notDirectory, .invalidArgument].contains(error.errno) else { throw error }
            try cover(target, withDirectory: !isDirectory, null, path)
        }
        setAside(target)
    }

    /// The paths that engines mask and that are directories.
    private static let maskedDirectories = [
        "/proc/acpi", "/proc/asound", "/proc/scsi", "/sys/devices/virtual/powercap", "/sys/firmware",
    ]

    private func cover(
        _ target: borrowing OwnedDescriptor, withDirectory isDirectory: Bool, _ null: SharedDescriptor, _ path: String
    ) throws(SystemError) {
        guard isDirectory else { return try bind(null, over: target, path: path) }
        // One file system serves all: each mask but the first is a bind of it.
        if let emptyDirectory { return try bind(emptyDirectory, over: target, path: path) }
        let made = try Mounting.makeFileSystem(
            "tmpfs", options: [("mode", "0555")],
            attributes: CLX_MOUNT_ATTR_RDONLY | CLX_MOUNT_ATTR_NOSUID | CLX_MOUNT_ATTR_NODEV | CLX_MOUNT_ATTR_NOEXEC)
        try Mounting.attach(made, to: target, subject: path)
        emptyDirectory = SharedDescriptor(made)
    }

    /// Binds an open file over another: one call, where a clone of its mount would take three.
    private func bind(
        _ file: SharedDescriptor, over target: borrowing OwnedDescriptor, path: String
    ) throws(SystemError) {
        try Mounting.mount(
            file.file.procPath, at: target.procPath, type: nil, flags: UInt64(CLX_MS_BIND), subject: path)
    }

    /// The host's /dev/null, checked to be it: a container could bring its own file of that name.
    private func openHostNull() throws -> OwnedDescriptor {
        let null = try OwnedDescriptor.open("/dev/null", [.path, .noFollow])
        let status = try null.status()
        guard status.kind == .characterDevice, status.representedDevice == clx_makedev(1, 3) else {
            throw RuntimeError(.unsupported, "/dev/null of the host is not the null device")
        }
        return null
    }

    /// Makes paths read-only, with what is mounted under them.
    func makeReadOnly(_ paths: [String]) throws {
        let root = try openRoot()
        for path in paths {
            try during(path) { try makeReadOnly(path, in: root) }
        }
    }

    private func makeReadOnly(_ path: String, in root: SharedDescriptor) throws(SystemError) {
        guard let target = try openExisting(path, in: root.file) else { return }
        let tree = try Mounting.cloneTree(
            of: target, recursive: true, setting: CLX_MOUNT_ATTR_RDONLY, subject: path)
        try Mounting.attach(tree, to: target, subject: path)
        setAside(tree)
        setAside(target)
    }

    /// A path inside the root; nil where it does not exist.
    private func openExisting(
        _ path: String, in root: borrowing OwnedDescriptor
    ) throws(SystemError) -> OwnedDescriptor? {
        do {
            return try OwnedDescriptor.open(at: root, path, .path, resolve: [.inRoot, .noMagicLinks])
        } catch {
            guard [.noEntry, .notDirectory].contains(error.errno) else { throw error }
            return nil
        }
    }
}

import CLinux
import Diagnostics
import Plans
import Syscalls

extension Stage {
    /// Makes one mount.
    func perform(_ step: MountStep) throws {
        switch step.kind {
        case .fileSystem(let type, let source, let flags, let data):
            try mountFileSystem(step, type: type, source: source, flags: flags, data: data)
        case .bind(let source, let recursive):
            try bind(step, from: source, recursive: recursive)
        case .cgroup(let mount):
            try mountCgroups(mount, at: step)
        case .remount(let flags, let data):
            let target = try openDestination(step.destination, creating: .directory)
            try Mounting.mount(
                nil, at: target.procPath, type: nil, flags: flags | UInt64(CLX_MS_REMOUNT), data: data,
                subject: step.destination)
        }
    }

    /// Mounts a new file system.
    private func mountFileSystem(
        _ step: MountStep, type: String, source: String, flags: UInt64, data: String
    ) throws {
        // Masks and read-only paths are named below /proc and /sys, so these must be where they seem to be.
        let mustBePlain = type == "proc" || type == "sysfs"
        let target = try openMountPoint(step.destination, mustBePlain: mustBePlain)
        if step.copiesUp { return try mountCopy(step, over: target, flags: flags, data: data) }
        var options = data
        if type == "tmpfs", !hasOption("mode", in: data) {
            // The mount hides a directory, and keeps its permissions.
            options += (options.isEmpty ? "" : ",") + "mode=" + String(try target.status().permissions, radix: 8)
        }
        do {
            try Mounting.mount(source, at: target.procPath, type: type, flags: flags, data: options, subject: type)
        } catch {
            switch (error.errno, type) {
            case (.invalidArgument, "devpts"):
                // A user namespace that has no such group: the owner's group does.
                let rest = data.split(separator: ",").filter { !$0.hasPrefix("gid=") }.joined(separator: ",")
                try Mounting.mount(source, at: target.procPath, type: type, flags: flags, data: rest, subject: type)
            case (.notPermitted, "sysfs"):
                try bindHostSysfs(to: target, flags: flags, subject: step.destination)
            case (.noDevice, _):
                throw RuntimeError(.unsupported, "this kernel has no file system \"\(type)\"", errno: error.errno)
            default: throw error
            }
        }
        setAside(target)
        try finish(step)
    }

    /// Opens the directory that a file system is mounted on.
    private func openMountPoint(_ path: String, mustBePlain: Bool) throws -> OwnedDescriptor {
        guard mustBePlain else { return try openDestination(path, creating: .directory) }
        do throws(SystemError) {
            return try openDestination(path, creating: .directory, noFollow: true, onlyDirectory: true)
        } catch {
            guard error.errno == .notDirectory, try isLink(path) else { throw error }
            throw RuntimeError(.invalidBundle, "\(path) is a symbolic link in the root file system")
        }
    }

    private func isLink(_ path: String) throws(SystemError) -> Bool {
        try openDestination(path, creating: .nothing, noFollow: true).status().kind == .symbolicLink
    }

    /// Only the owner of the network namespace may mount sysfs: a container that shares the host's gets the host's.
    private func bindHostSysfs(
        to target: borrowing OwnedDescriptor, flags: UInt64, subject: String
    ) throws(SystemError) {
        let tree = try Mounting.cloneTree("/sys", recursive: true)
        try Mounting.setAttributes(of: tree, recursive: false, set: attributes(of: flags), subject: "/sys")
        try Mounting.attach(tree, to: target, subject: subject)
    }

    /// What mount(2)'s flags are called by mount_setattr(2).
    private func attributes(of flags: UInt64) -> UInt64 {
        var result: UInt64 = 0
        if flags & UInt64(CLX_MS_RDONLY) != 0 { result |= CLX_MOUNT_ATTR_RDONLY }
        if flags & UInt64(CLX_MS_NOSUID) != 0 { result |= CLX_MOUNT_ATTR_NOSUID }
        if flags & UInt64(CLX_MS_NODEV) != 0 { result |= CLX_MOUNT_ATTR_NODEV }
        if flags & UInt64(CLX_MS_NOEXEC) != 0 { result |= CLX_MOUNT_ATTR_NOEXEC }
        return result
    }

    private func hasOption(_ key: String, in data: String) -> Bool {
        data.split(separator: ",").contains { $0.hasPrefix("\(key)=") }
    }

    /// Attributes and propagation of a mount that is in place.
    private func finish(_ step: MountStep) throws(SystemError) {
        guard !step.recursiveAttributes.isEmpty || !step.propagation.isEmpty else { return }
        // Opened anew: the first descriptor leads to what the mount covers.
        let mounted = try openDestination(step.destination, creating: .nothing)
        try change(mounted, as: step)
    }

    /// Sets recursive attributes and the propagation of an open mount.
    private func change(_ mounted: borrowing OwnedDescriptor, as step: MountStep) throws(SystemError) {
        let recursive = step.recursiveAttributes
        if !recursive.isEmpty {
            try Mounting.setAttributes(
                of: mounted, recursive: true, set: recursive.set, clear: recursive.clear, subject: step.destination)
        }
        for flags in step.propagation {
            try Mounting.setAttributes(
                of: mounted, recursive: flags & UInt64(CLX_MS_REC) != 0, propagation: flags & ~UInt64(CLX_MS_REC),
                subject: step.destination)
        }
    }

    /// Binds a tree of the host, or one that the launcher opened.
    private func bind(_ step: MountStep, from source: MountStep.Source, recursive: Bool) throws {
        let tree = try open(source, recursive: recursive, for: step)
        let isDirectory = try tree.status().kind == .directory
        let target = try openDestination(
            step.destination, creating: isDirectory ? .directory : .file, noFollow: step.destinationNoFollow)
        if !step.attributes.isEmpty {
            try Mounting.setAttributes(
                of: tree, recursive: false, set: step.attributes.set, clear: step.attributes.clear,
                subject: step.destination)
        }
        do {
            try Mounting.attach(tree, to: target, subject: step.destination)
        } catch {
            guard error.errno == .notDirectory else { throw error }
            throw RuntimeError(
                .invalidBundle,
                "\(field(of: step)): the source is a \(isDirectory ? "directory" : "file") and the destination is not")
        }
        try change(tree, as: step)
    }

    private func open(
        _ source: MountStep.Source, recursive: Bool, for step: MountStep
    ) throws(RuntimeError) -> OwnedDescriptor {
        switch source {
        case .launcher(let position):
            return OwnedDescriptor(owning: handed[HandedPosition.trees + position])
        case .path(let path):
            do {
                return try Mounting.cloneTree(path, recursive: recursive)
            } catch let error where error.errno == .noEntry {
                throw RuntimeError(
                    .notFound, "\(field(of: step)).source: \(path) does not exist (no such file or directory)")
            } catch {
                throw RuntimeError(error)
            }
        }
    }

    private func field(of step: MountStep) -> String {
        step.index.map { "mounts[\($0)]" } ?? "the mount at \(step.destination)"
    }

    /// Mounts a tmpfs with a copy of what it hides (tmpcopyup).
    private func mountCopy(
        _ step: MountStep, over target: borrowing OwnedDescriptor, flags: UInt64, data: String
    ) throws {
        var options = data.split(separator: ",").map { option in
            let parts = option.split(separator: "=", maxSplits: 1)
            return (key: String(parts[0]), value: parts.count > 1 ? String(parts[1]) : "")
        }
        if !options.contains(where: { $0.key == "mode" }) {
            options.append(("mode", String(try target.status().permissions, radix: 8)))
        }
        let tree = try Mounting.makeFileSystem("tmpfs", options: options, attributes: attributes(of: flags) & ~1)
        do {
            try copyTree(from: target, to: tree, depth: 0)
        } catch {
            throw error.during("copy \(step.destination) into its tmpfs")
        }
        if flags & UInt64(CLX_MS_RDONLY) != 0 {
            try Mounting.setAttributes(
                of: tree, recursive: false, set: CLX_MOUNT_ATTR_RDONLY, subject: step.destination)
        }
        try Mounting.attach(tree, to: target, subject: step.destination)
        try change(tree, as: step)
    }

    /// Shows the container its cgroups.
    private func mountCgroups(_ mount: MountStep.CgroupMount, at step: MountStep) throws {
        let target = try openDestination(step.destination, creating: .directory)
        if let unified = mount.unified {
            try mountHierarchy(
                MountStep.CgroupMount.Hierarchy(
                    directory: "", data: "", links: [], hostPath: unified, type: "cgroup2"),
                of: mount, at: target.procPath)
            return try finish(step)
        }
        // The directories of the hierarchies stand in a tmpfs, which becomes read-only once they are there.
        let outer = mount.flags & ~UInt64(CLX_MS_RDONLY)
        try Mounting.mount(
            "tmpfs", at: target.procPath, type: "tmpfs", flags: outer, data: "mode=755", subject: step.destination)
        let directory = SharedDescriptor(try openDestination(step.destination, creating: .nothing))
        for hierarchy in mount.hierarchies {
            try during("the hierarchy \(hierarchy.directory)") { try add(hierarchy, of: mount, to: directory) }
        }
        if mount.flags & UInt64(CLX_MS_RDONLY) != 0 {
            try Mounting.setAttributes(
                of: directory.file, recursive: false, set: CLX_MOUNT_ATTR_RDONLY, subject: step.destination)
        }
        setAside(target)
        try finish(step)
    }

    /// Adds the directory of one hierarchy, and the other names it has.
    private func add(
        _ hierarchy: MountStep.CgroupMount.Hierarchy, of mount: MountStep.CgroupMount, to directory: SharedDescriptor
    ) throws(SystemError) {
        try directory.file.makeDirectory(hierarchy.directory, mode: 0o755)
        // The tmpfs was mounted just now, in a namespace of our own: nobody else can have put anything there.
        try mountHierarchy(hierarchy, of: mount, at: "\(directory.file.procPath)/\(hierarchy.directory)")
        for link in hierarchy.links { try directory.file.makeLink(link, to: hierarchy.directory) }
    }

    /// Mounts one hierarchy as the container's cgroup namespace shows it, or binds the container's cgroup.
    private func mountHierarchy(
        _ hierarchy: MountStep.CgroupMount.Hierarchy, of mount: MountStep.CgroupMount, at place: String
    ) throws(SystemError) {
        if mount.ownNamespace {
            do {
                return try Mounting.mount(
                    "cgroup", at: place, type: hierarchy.type, flags: mount.flags,
                    data: hierarchy.data, subject: hierarchy.type)
            } catch {
                // A user namespace that does not own the hierarchy: binding shows the same, as far as it is allowed.
                guard [.notPermitted, .busy].contains(error.errno) else { throw error }
            }
        }
        let tree = try Mounting.cloneTree(hierarchy.hostPath, recursive: false)
        try Mounting.setAttributes(
            of: tree, recursive: false, set: attributes(of: mount.flags), subject: hierarchy.hostPath)
        let target = try OwnedDescriptor.open(place, [.path, .directory])
        try Mounting.attach(tree, to: target, subject: hierarchy.hostPath)
    }
}

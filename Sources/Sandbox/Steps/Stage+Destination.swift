import Diagnostics
import Syscalls

/// What a destination becomes where it is missing.
enum MissingDestination {
    /// A directory.
    case directory
    /// An empty file.
    case file
    /// Nothing: its directory is made, and the name stays free.
    case nothing
}

extension Stage {
    /// Opens a destination inside the root, and makes it and what leads to it where it is missing.
    ///
    /// Links are resolved inside the root, as the container will resolve them; a link that leads to nothing leads to what
    /// is made.
    ///
    /// - Parameters:
    ///   - path: the destination, absolute.
    ///   - missing: what it becomes.
    ///   - noFollow: the last component is not followed, should it be a link.
    ///   - onlyDirectory: anything but a directory, even a link that is not followed, is an ENOTDIR.
    func openDestination(
        _ path: String, creating missing: MissingDestination, noFollow: Bool = false, onlyDirectory: Bool = false
    ) throws(SystemError) -> OwnedDescriptor {
        let root = try openRoot()
        var options: OpenOptions = noFollow ? [.path, .noFollow] : .path
        if onlyDirectory { options.insert(.directory) }
        do {
            return try OwnedDescriptor.open(at: root.file, path, options, resolve: [.inRoot, .noMagicLinks])
        } catch let error where error.errno == .noEntry {
            // Mostly just the last component is missing, and then no walk is needed.
            if let made = createLast(of: path, in: root.file, as: missing) { return made }
            try create(path, in: root.file, as: missing)
            return try OwnedDescriptor.open(at: root.file, path, options, resolve: [.inRoot, .noMagicLinks])
        }
    }

    /// Makes a path's last component, and opens it; nil where that is not all that is missing.
    private func createLast(
        of path: String, in root: borrowing OwnedDescriptor, as missing: MissingDestination
    ) -> OwnedDescriptor? {
        let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
        guard missing != .nothing, let slash, slash != path.startIndex else { return nil }
        let name = String(path[path.utf8.index(after: slash)...])
        do {
            let parent = try OwnedDescriptor.open(
                at: root, String(path[..<slash]), [.path, .directory], resolve: [.inRoot, .noMagicLinks])
            if missing == .directory {
                // EEXIST, a link that leads to nothing, is for the walk.
                try parent.makeDirectory(name, mode: 0o755)
            } else {
                _ = try OwnedDescriptor.open(at: parent, name, [.writeOnly, .create, .exclusive], mode: 0o644)
            }
            let made = try OwnedDescriptor.open(at: parent, name, [.path, .noFollow])
            setAside(parent)
            return made
        } catch {
            return nil
        }
    }

    /// Makes a path's missing components.
    private func create(
        _ path: String, in root: borrowing OwnedDescriptor, as missing: MissingDestination
    ) throws(SystemError) {
        var rest = path.pathComponents[...]
        var done: [String] = []
        var linksLeft = 40
        while let name = rest.popFirst() {
            if name == "." { continue }
            if name == ".." {
                _ = done.popLast()
                continue
            }
            let parent = try open(done, in: root)
            let isLast = rest.isEmpty
            guard let found = try parent.statusIfPresent(of: name) else {
                try make(name, in: parent, as: isLast ? missing : .directory)
                done.append(name)
                continue
            }
            guard found.kind == .symbolicLink else {
                done.append(name)
                continue
            }
            linksLeft -= 1
            guard linksLeft > 0 else { throw SystemError("openat2", path, .symlinkLoop) }
            let target = try parent.linkTarget(name)
            if target.isAbsolutePath { done = [] }
            rest = target.pathComponents[...] + rest
        }
    }

    /// Makes one name.
    private func make(
        _ name: String, in parent: borrowing OwnedDescriptor, as missing: MissingDestination
    ) throws(SystemError) {
        switch missing {
        case .directory:
            do {
                try parent.makeDirectory(name, mode: 0o755)
            } catch let error where error.errno == .exists {
                // Somebody else, a second container over the same root, was faster.
                return
            }
        case .file:
            _ = try OwnedDescriptor.open(at: parent, name, [.writeOnly, .create, .noFollow], mode: 0o644)
        case .nothing: break
        }
    }

    /// Opens a directory inside the root by its components, which are no links.
    private func open(
        _ components: [String], in root: borrowing OwnedDescriptor
    ) throws(SystemError) -> OwnedDescriptor {
        try OwnedDescriptor.open(
            at: root, components.isEmpty ? "." : components.joined(separator: "/"), [.path, .directory],
            resolve: [.inRoot, .noMagicLinks])
    }
}

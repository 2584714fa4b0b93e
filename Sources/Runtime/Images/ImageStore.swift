import Diagnostics
import Digests
import Images
import JSON
import Syscalls

/// Unpacked images, kept for the next container, and the places where containers of images run.
///
/// One directory holds for each image `DIGEST/` with `rootfs` and `config`, named by the digest of its manifest; for each container
/// of one `run.PID-TIME/` (`ImageRun`); and for each process that fetches or unpacks `work.PID-TIME/`. A name with a PID and the
/// time at which that process started tells who made it: what the dead have left is removed by `gc`.
///
/// Whoever works in it holds a shared lock on it, so that `gc`, which takes it exclusively, removes nothing that is in the making.
/// As with compiled filters, what keeps others from putting something here is the directory: it belongs to this user, nobody
/// else may enter it, and no symbolic link leads to it.
final class ImageStore {
    /// The directory.
    let directory: String
    /// Whether this process has no privileges on the host.
    let rootless: Bool
    let folder: OwnedDescriptor
    let lock: OwnedDescriptor

    /// The directory of this user: /var/cache/mvrun/images, or below $XDG_CACHE_HOME or ~/.cache without privileges.
    static func standardDirectory(rootless: Bool) throws(RuntimeError) -> String {
        if !rootless { return "/var/cache/mvrun/images" }
        if let path = environmentVariable("XDG_CACHE_HOME"), path.hasPrefix("/") { return "\(path)/mvrun/images" }
        if let home = environmentVariable("HOME"), home.hasPrefix("/") { return "\(home)/.cache/mvrun/images" }
        throw RuntimeError(
            .unsupported, "there is no place for images: HOME is not set", hint: "name one with --image-cache")
    }

    /// Opens the store for a body, and waits for a `gc` that is at work on it.
    ///
    /// - Parameters:
    ///   - directory: an absolute path; the directory is made where it is missing.
    ///   - rootless: whether this process has no privileges on the host.
    static func with<Value>(
        _ directory: String, rootless: Bool, _ body: (ImageStore) throws(RuntimeError) -> Value
    ) throws(RuntimeError) -> Value {
        let store = try ImageStore(directory, rootless: rootless)
        // Its lock is held to the end.
        defer { withExtendedLifetime(store) {} }
        return try body(store)
    }

    private init(_ directory: String, rootless: Bool) throws(RuntimeError) {
        let place: Place
        do throws(SystemError) {
            place = try Self.open(directory)
        } catch {
            throw RuntimeError(error, hint: "--image-cache names another place").during(
                "open the images in \(directory)")
        }
        self.directory = directory
        self.rootless = rootless
        folder = place.folder
        lock = place.lock
    }

    private struct Place: ~Copyable {
        let folder: OwnedDescriptor
        let lock: OwnedDescriptor
    }

    private static func open(_ directory: String) throws(SystemError) -> Place {
        try makeDirectories(directory, mode: 0o700)
        let folder = try openPrivate(directory)
        let lock = try OwnedDescriptor.open(at: folder, "lock", [.readWrite, .create, .noFollow])
        try lock.lock(exclusive: false, wait: true)
        return Place(folder: folder, lock: lock)
    }

    private static func openPrivate(_ directory: String) throws(SystemError) -> OwnedDescriptor {
        let folder = try OwnedDescriptor.open(directory, [.path, .directory], resolve: [.noSymlinks, .noMagicLinks])
        let status = try folder.status()
        guard status.userID == Credentials.effectiveUser, status.permissions & 0o077 == 0 else {
            throw SystemError("enter", directory, .notPermitted)
        }
        return folder
    }

    /// Makes a directory that bears this process's name.
    ///
    /// - Parameter kind: the beginning of its name.
    func makeOwn(_ kind: String) throws(RuntimeError) -> String {
        let path = "\(directory)/\(kind).\(try OwnName.current)"
        try during("make a place in \(directory)") {
            // What bears this name was made by this process, or by one of another boot.
            try removeTree(path, rootless: rootless)
            try makeDirectory(path, mode: 0o700)
        }
        return path
    }

    /// Runs a body with a directory that goes at its end.
    func withWorkplace<Value>(
        _ body: (String) throws(RuntimeError) -> Value
    ) throws(RuntimeError) -> Value {
        let work = try makeOwn("work")
        let result = Result { () throws(RuntimeError) in try body(work) }
        try removeTree(work)
        return try result.get()
    }

    /// An unpacked image.
    struct Entry {
        /// Its directory.
        let path: String
        /// What its configuration says.
        let config: ImageConfig

        /// Its root file system, which nobody may change.
        var rootfs: String { "\(path)/rootfs" }
    }

    /// The image of a name, unpacked: found, or fetched and unpacked.
    ///
    /// - Parameter reference: the name.
    func entry(_ reference: ImageReference) throws(RuntimeError) -> Entry {
        if case .layout(let path) = reference.place {
            let image = try Image(reference.tag, inLayout: path)
            if let known = try known(image.manifest.digest) { return known }
            return try withWorkplace { work throws(RuntimeError) in try entry(image, work) }
        }
        let source = try reference.sourceName
        if let source, let digest = try? folder.linkTarget(source), let known = try known(digest) { return known }
        return try withWorkplace { work throws(RuntimeError) in
            let layout = try reference.layout(in: work)
            let image = try Image(layout.tag, inLayout: layout.path)
            let entry = try entry(image, work)
            if let source { remember(source, image.manifest.digest) }
            return entry
        }
    }

    /// Unpacks an image for somebody else's use.
    ///
    /// - Parameters:
    ///   - reference: the image.
    ///   - folder: where its root file system comes to be, as `rootfs`.
    ///   - rootless: all files are to belong to this user.
    /// - Returns: its configuration.
    func unpack(
        _ reference: ImageReference, into folder: String, rootless: Bool
    ) throws(RuntimeError) -> ImageConfig {
        try withWorkplace { work throws(RuntimeError) in
            let layout = try reference.layout(in: work)
            let image = try Image(layout.tag, inLayout: layout.path)
            try image.unpack(into: folder, work: work, rootless: rootless)
            return image.config
        }
    }

    /// An image, unpacked by one process for all that want it.
    private func entry(_ image: Image, _ work: String) throws(RuntimeError) -> Entry {
        let name = image.manifest.digest
        if let known = try known(name) { return known }
        let making = try during("wait for who else unpacks the image") {
            let file = try OwnedDescriptor.open(at: folder, "\(name).lock", [.readWrite, .create, .noFollow])
            try file.lock(exclusive: true, wait: true)
            return file
        }
        defer { withExtendedLifetime(making) {} }
        if let known = try known(name) { return known }
        let new = "\(work)/new"
        try during("make a place in \(work)") { try makeDirectory(new, mode: 0o700) }
        try image.unpack(into: new, work: work, rootless: rootless)
        try during("keep the image") {
            try writeFileAtomically(image.configText, to: "\(new)/config")
            // Nobody looks at its files again to see whether a crash of the machine has left them half written.
            try ImageTool.sync.run(["--file-system", "\(new)/config"], to: "write it to the disk")
            try renameFile(new, toNew: "\(directory)/\(name)")
        }
        return Entry(path: "\(directory)/\(name)", config: image.config)
    }

    /// An image that is there already; nil for none.
    private func known(_ name: String) throws(RuntimeError) -> Entry? {
        let path = "\(directory)/\(name)"
        guard !name.contains("/"), exists("\(path)/config") else { return nil }
        return Entry(path: path, config: try ImageConfig(stored: "\(path)/config"))
    }

    // MARK: Sources

    /// Remembers which image an archive was found to have; a failure costs the next one its time.
    private func remember(_ source: String, _ digest: String) {
        let temporary = "link.\((try? OwnName.current) ?? "")"
        try? folder.remove(temporary)
        guard (try? folder.makeLink(temporary, to: digest)) != nil else { return }
        try? folder.rename(temporary, to: source)
    }
}

extension ImageReference {
    /// The name under which the store remembers which image was found at a place: it changes with what is there.
    ///
    /// - Returns: nil for what has to be looked at each time.
    fileprivate var sourceName: String? {
        get throws(RuntimeError) {
            let text: String
            switch place {
            case .layout: return nil
            case .archive(let file):
                guard let identity = try? fileIdentity(of: file), identity.hasSettled else { return nil }
                text = "\(absolutePath(file))\0\(tag ?? "")\0\(identity)"
            case .elsewhere(let transport):
                let found = try ImageTool.skopeo.output(
                    ["inspect", "--raw", "--", transport], to: "ask for \(transport)")
                guard found.status == 0 else { return nil }
                text = "\(transport)\0\(found.text)"
            }
            return "source.\(Digest(of: Array(text.utf8)[...]).name)"
        }
    }
}

extension ImageConfig {
    fileprivate init(stored path: String) throws(RuntimeError) {
        self = try during("read \(path)") {
            try ImageConfig(
                JSONDocument(reading: readFile(path, limit: Image.configLimit), limit: Image.configLimit).root)
        }
    }
}

/// The name of this process among all of this boot: a pid, and when it started.
enum OwnName {
    /// This process's, as `PID-TIME`.
    static var current: String {
        get throws(RuntimeError) {
            do {
                let identity = try ProcessIdentity(of: currentProcess())
                return "\(identity.pid)-\(identity.startTime)"
            } catch {
                throw RuntimeError(error)
            }
        }
    }

    /// Whether the process that a name ends with is alive.
    ///
    /// - Parameter name: as `work.PID-TIME`.
    static func isAlive(_ name: String) -> Bool {
        let numbers = name.split(separator: ".").last.map { $0.split(separator: "-") } ?? []
        guard numbers.count == 2, let pid = Int32(numbers[0]), let start = UInt64(numbers[1]) else { return false }
        return ProcessIdentity(pid: pid, startTime: start).isAlive
    }
}

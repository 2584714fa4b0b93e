import Diagnostics
import Digests
import Syscalls

/// Images that guests boot, on disk: unpacking a kernel takes a quarter of a second.
///
/// An entry says for a request which files the image was made from and in which state they were; the image's name is a
/// digest of what it was made from. The request is answered without reading either, as long as all files are unchanged.
///
/// What keeps others from putting an image here is the directory, as with compiled seccomp filters: it belongs to this
/// user, nobody else may enter it, no symbolic link leads to it, and no container sees it.
package struct ImageCache: Sendable {
    private let directory: String
    private let user: UInt32

    /// Uses a directory, which need not exist.
    ///
    /// - Parameter directory: an absolute path.
    package init(directory: String) {
        self.directory = directory
        user = Credentials.effectiveUser
    }

    /// The cache of this user: /var/cache/mvrun/guest, or below $XDG_CACHE_HOME or ~/.cache without privileges.
    ///
    /// - Parameter rootless: whether this process has no privileges on the host.
    package static func standard(rootless: Bool) -> ImageCache? {
        if !rootless { return ImageCache(directory: "/var/cache/mvrun/guest") }
        if let path = environmentVariable("XDG_CACHE_HOME"), path.hasPrefix("/") {
            return ImageCache(directory: "\(path)/mvrun/guest")
        }
        guard let home = environmentVariable("HOME"), home.hasPrefix("/") else { return nil }
        return ImageCache(directory: "\(home)/.cache/mvrun/guest")
    }

    /// An image in the making: what it is made from has been read.
    struct Making {
        /// The files it is made from.
        var sources: [SourceFile]
        /// What tells this image from all others of its kind.
        var digest: Digest
        /// How long it will be.
        var size: Int64
        /// What the user of the image is to know.
        var notes: [String]
        /// Writes the image.
        var write: (borrowing OwnedDescriptor) throws(RuntimeError) -> Void
    }

    /// An image, open for reading.
    struct Image: ~Copyable {
        /// The file; what it is opened through is read-only where that takes no more privileges than there are.
        let file: OwnedDescriptor
        /// What its maker noted.
        let notes: [String]

        /// Gives the file away.
        consuming func takeFile() -> OwnedDescriptor { file }
    }

    /// The image for a request: from the cache, or made and put there.
    ///
    /// - Parameters:
    ///   - kind: the beginning of its name.
    ///   - request: what is asked for, and the generation of the code that makes it.
    ///   - warn: told why the cache cannot be used, where it cannot.
    ///   - make: reads what the image is made from.
    func image(
        kind: String, request: String, warn: (String) -> Void, make: () throws(RuntimeError) -> Making
    ) throws(RuntimeError) -> Image {
        let request = Array("\(kind)\0\(request)".utf8)
        let name = "\(Digest(of: request[...]).name).entry"
        let place: Workplace
        do throws(SystemError) {
            if let found = try find(name, request: request) { return found }
            place = try openWorkplace()
        } catch {
            warn("\(RuntimeError(error).during("keep what guests boot in \(directory)"))")
            return try Self.imageInMemory(try make())
        }
        if place.lock != nil {
            // Somebody may have made it meanwhile.
            if let found = try? find(name, request: request) { return found }
            collect(in: place.folder)
        }
        let making = try make()
        do throws(RuntimeError) {
            return try store(making, kind: kind, name: name, request: request, in: place.folder)
        } catch {
            // If it was the image and not the disk, this throws the same error.
            let image = try Self.imageInMemory(making)
            warn("\(error.during("keep what guests boot in \(directory)"))")
            return image
        }
    }

    /// An image that is kept nowhere.
    static func imageInMemory(_ making: Making) throws(RuntimeError) -> Image {
        let file = try during("make an image in memory") { try OwnedDescriptor.sealableMemoryFile("mvrun-image") }
        try making.write(file)
        return Image(
            file: try during("make an image in memory") {
                try file.seal()
                return try OwnedDescriptor.open(file.procPath)
            }, notes: making.notes)
    }

    // MARK: Reading

    /// Answers a request from the cache.
    ///
    /// - Returns: nil where there is nothing to be believed, or a file that it was made from has changed.
    /// - Throws: why the directory is not to be believed.
    private func find(_ name: String, request: [UInt8]) throws(SystemError) -> Image? {
        let folder: OwnedDescriptor
        do throws(SystemError) {
            folder = try openDirectory()
        } catch {
            if error.errno == .noEntry { return nil }
            throw error
        }
        guard let entry = entry(name, in: folder), entry.request == request,
            entry.sources.allSatisfy({ $0.isUnchanged })
        else { return nil }
        return open(entry, in: folder)
    }

    private func entry(_ name: String, in folder: borrowing OwnedDescriptor) -> ImageCacheEntry? {
        guard let file = try? OwnedDescriptor.open(at: folder, name, [.noFollow, .nonBlocking]),
            let status = try? file.status(), isPrivate(status, .regular), status.size <= ImageCacheEntry.longest,
            let bytes = try? file.bytes(at: 0, count: Int(status.size), subject: name)
        else { return nil }
        return ImageCacheEntry(bytes: bytes)
    }

    /// Opens an entry's image, if it is what the entry says and begins as an image does.
    private func open(_ entry: ImageCacheEntry, in folder: borrowing OwnedDescriptor) -> Image? {
        guard let file = try? openImage(entry.image, in: folder), let status = try? file.status(),
            isPrivate(status, .regular), status.size == entry.size,
            let head = try? file.bytes(at: 0, count: 64, subject: entry.image),
            KernelUnpacking.isKernel(head[...]) || head.starts(with: "070701".utf8)
        else { return nil }
        return Image(file: file, notes: entry.notes)
    }

    /// Through a read-only mount where this process may make one: a monitor that a guest has taken over could otherwise
    /// open the file again for writing, by /proc/self/fd, and change what other guests boot.
    private func openImage(_ name: String, in folder: borrowing OwnedDescriptor) throws(SystemError) -> OwnedDescriptor
    {
        if let view = try? folder.readOnlyView(subject: directory) {
            return try OwnedDescriptor.open(at: view, name, [.noFollow, .nonBlocking])
        }
        return try OwnedDescriptor.open(at: folder, name, [.noFollow, .nonBlocking])
    }

    // MARK: Writing

    /// Adds an image, unless one made from the same is there, and then the entry that leads to it.
    ///
    /// Both are renamed into place. The image is forced to the disk before, because nobody reads it whole again to see
    /// whether a crash of the machine left it half written.
    private func store(
        _ making: Making, kind: String, name: String, request: [UInt8], in folder: borrowing OwnedDescriptor
    ) throws(RuntimeError) -> Image {
        let entry = ImageCacheEntry(
            request: request, image: "\(kind)-\(making.digest.name)", size: making.size, notes: making.notes,
            sources: making.sources)
        let there = try? folder.status(of: entry.image)
        if there.map({ isPrivate($0, .regular) && $0.size == making.size }) != true {
            try write(to: entry.image, in: folder, making.write)
        }
        let bytes = entry.bytes
        try write(to: name, in: folder) { file throws(RuntimeError) in
            try during("write an entry") { try file.writeAll(bytes, subject: name) }
        }
        guard let image = open(entry, in: folder) else {
            throw RuntimeError(.system, "the image that was just made is not what it should be")
        }
        return image
    }

    private func write(
        to name: String, in folder: borrowing OwnedDescriptor,
        _ body: (borrowing OwnedDescriptor) throws(RuntimeError) -> Void
    ) throws(RuntimeError) {
        let temporary = "\(Self.temporaryPrefix)\(currentProcess())"
        do throws(RuntimeError) {
            try? folder.remove(temporary)
            let file = try during("make a file") {
                try OwnedDescriptor.open(at: folder, temporary, [.writeOnly, .create, .exclusive, .noFollow])
            }
            try body(file)
            try during("put it in place") {
                try file.synchronize()
                try folder.rename(temporary, to: name)
            }
        } catch {
            try? folder.remove(temporary)
            throw error
        }
    }

    /// Where images are made.
    private struct Workplace: ~Copyable {
        let folder: OwnedDescriptor
        let lock: OwnedDescriptor?
    }

    private func openWorkplace() throws(SystemError) -> Workplace {
        try makeDirectories(directory, mode: 0o700)
        let folder = try openDirectory()
        let lock = try lockForMaking(in: folder)
        return Workplace(folder: folder, lock: lock)
    }

    /// Takes the lock under which images are made, so that ten guests at once do not unpack ten kernels.
    ///
    /// - Returns: nil if somebody has held it for ten seconds; then both make what they need.
    private func lockForMaking(in folder: borrowing OwnedDescriptor) throws(SystemError) -> OwnedDescriptor? {
        let file = try OwnedDescriptor.open(at: folder, "lock", [.readWrite, .create, .noFollow])
        let end = monotonicMilliseconds() + 10_000
        while true {
            do throws(SystemError) {
                try file.lock(exclusive: true, wait: false)
                return file
            } catch {
                if error.errno != .wouldBlock { throw error }
                if monotonicMilliseconds() > end { return nil }
            }
            sleep(milliseconds: 5)
        }
    }

    /// Removes what no longer serves.
    ///
    /// That is entries whose files have changed or gone, images without an entry, and what a maker that was killed left
    /// behind. The lock is held.
    private func collect(in folder: borrowing OwnedDescriptor) {
        let names = (try? folder.entries()) ?? []
        var used: Set<String> = ["lock"]
        for name in names where name.hasSuffix(".entry") {
            guard let entry = entry(name, in: folder), entry.sources.allSatisfy({ $0.isUnchanged }) else { continue }
            used.formUnion([name, entry.image])
        }
        for name in names where !used.contains(name) { try? folder.remove(name) }
    }

    private static let temporaryPrefix = "new."

    // MARK: Trust

    private func openDirectory() throws(SystemError) -> OwnedDescriptor {
        let folder = try OwnedDescriptor.open(directory, [.path, .directory], resolve: [.noSymlinks, .noMagicLinks])
        if !isPrivate(try folder.status(), .directory) {
            throw SystemError("check the owner and mode of", directory, .notPermitted)
        }
        return folder
    }

    /// Whether a file belongs to this user and to nobody else.
    private func isPrivate(_ status: FileStatus, _ kind: FileStatus.Kind) -> Bool {
        status.kind == kind && status.userID == user && status.permissions & 0o077 == 0
    }
}

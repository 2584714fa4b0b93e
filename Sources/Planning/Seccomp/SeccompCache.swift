package import Diagnostics
import Glibc
package import OCI
import Syscalls

/// Compiled profiles on disk: libseccomp takes 10 to 20 ms for a profile that engines give every container.
///
/// A file's name is a fingerprint of the section's text and of what compiles it; its content repeats both, and only a
/// file that has them byte for byte is used. So neither two profiles with one fingerprint nor a file under a wrong name
/// can do harm.
///
/// What keeps others from putting a filter here is the directory: it belongs to this user, nobody else may enter it, no
/// symbolic link leads to it, and it lies where no container sees it. Each of these is checked before a file is
/// believed. What does not hold costs the time to compile, never the start.
package struct SeccompCache: Sendable {
    private let directory: String
    private let user: UInt32

    /// When a directory holds that many files it is emptied before one more is added.
    static let mostEntries = 64

    /// Uses a directory, which need not exist.
    ///
    /// - Parameter directory: an absolute path.
    package init(directory: String) {
        self.directory = directory
        user = geteuid()
    }

    /// The cache of this user: /var/cache/mvrun/seccomp, or below $XDG_CACHE_HOME or ~/.cache without privileges.
    ///
    /// - Parameter rootless: whether this process has no privileges on the host.
    package static func standard(rootless: Bool) -> SeccompCache? {
        if !rootless { return SeccompCache(directory: "/var/cache/mvrun/seccomp") }
        if let path = environmentVariable("XDG_CACHE_HOME"), path.hasPrefix("/") {
            return SeccompCache(directory: "\(path)/mvrun/seccomp")
        }
        guard let home = environmentVariable("HOME"), home.hasPrefix("/") else { return nil }
        return SeccompCache(directory: "\(home)/.cache/mvrun/seccomp")
    }

    /// The filter for a section of config.json: from the cache, or compiled and put there.
    ///
    /// - Parameters:
    ///   - section: the profile; it is parsed only where the cache has nothing for it.
    ///   - warn: told why the cache cannot be used, where it cannot.
    package func compiled(
        _ section: Spec.SeccompSection, warn: (String) -> Void = { _ in }
    ) throws(RuntimeError) -> CompiledSeccomp {
        try compiled(section.bytes, warn: warn) { () throws(RuntimeError) in
            try SeccompCompiler.compile(section.parsed())
        }
    }

    /// The same for a section's text.
    func compiled(
        _ section: ArraySlice<UInt8>, warn: (String) -> Void = { _ in },
        compile: () throws(RuntimeError) -> CompiledSeccomp
    ) throws(RuntimeError) -> CompiledSeccomp {
        if section.count > SeccompCacheEntry.longestSection { return try compile() }
        let identity = Self.identity[...]
        let name = Self.name(for: section, identity: identity)
        var problem: RuntimeError?
        do throws(RuntimeError) {
            if let found = try entry(name), found.identity == identity, found.section == section {
                return found.compiled
            }
        } catch {
            problem = error
        }
        let compiled = try compile()
        if problem == nil {
            let entry = SeccompCacheEntry(identity: identity, section: section, compiled: compiled)
            do throws(RuntimeError) { try store(entry, as: name) } catch { problem = error }
        }
        if let problem { warn("\(problem.during("keep the compiled seccomp filter in \(directory)"))") }
        return compiled
    }

    /// What the same section must have been compiled by: libseccomp's version, the architecture, the generation.
    ///
    /// Numbers and not a text, because making texts is what a hit would take most of its time for.
    static var identity: [UInt8] {
        let version = Libseccomp.versionNumbers
        var bytes: [UInt8] = []
        for number in [
            version.major, version.minor, version.micro, Libseccomp.nativeArchitecture, SeccompCompiler.generation,
        ] {
            for shift in stride(from: UInt32(0), to: 32, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: number >> shift))
            }
        }
        return bytes
    }

    /// The file's name: 16 hexadecimal digits.
    static func name(for section: ArraySlice<UInt8>, identity: ArraySlice<UInt8>) -> String {
        var fingerprint = Fingerprint()
        fingerprint.add(identity)
        fingerprint.add(section)
        let value = fingerprint.value
        let digits = stride(from: UInt64(60), through: 0, by: -4).map { shift in
            let digit = UInt8(truncatingIfNeeded: value >> shift) & 15
            return digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
        }
        return String(decoding: digits, as: UTF8.self)
    }

    /// Reads a file.
    ///
    /// - Returns: nil where there is none, or one that is not to be believed.
    /// - Throws: why the directory is not to be believed.
    private func entry(_ name: String) throws(RuntimeError) -> SeccompCacheEntry? {
        do throws(SystemError) {
            let folder = try openDirectory()
            try check(try folder.status(), is: .directory)
            let file: OwnedDescriptor
            do throws(SystemError) {
                file = try OwnedDescriptor.open(at: folder, name, [.noFollow, .nonBlocking])
            } catch {
                return nil
            }
            let status = try file.status()
            guard isPrivate(status, .regular), status.size <= SeccompCacheEntry.longest else { return nil }
            var bytes = [UInt8](repeating: 0, count: Int(status.size))
            var filled = 0
            while filled < bytes.count {
                let count = try file.read(into: &bytes, from: filled, subject: name)
                if count == 0 { return nil }
                filled += count
            }
            return SeccompCacheEntry(bytes: bytes)
        } catch {
            if error.errno == .noEntry { return nil }
            throw RuntimeError(error)
        }
    }

    /// Adds a file, or replaces one that was no good.
    ///
    /// It is renamed into place, so that a reader sees all of it or none. It is not forced to the disk: a file that a
    /// crash of the machine leaves half written has the wrong fingerprint.
    private func store(_ entry: SeccompCacheEntry, as name: String) throws(RuntimeError) {
        let bytes = entry.bytes
        if bytes.count > SeccompCacheEntry.longest { return }
        do throws(SystemError) {
            try makeDirectories(directory, mode: 0o700)
            let folder = try openDirectory()
            try check(try folder.status(), is: .directory)
            if try folder.entries().count >= Self.mostEntries {
                for old in try folder.entries() { try folder.remove(old) }
            }
            let temporary = "\(name).\(getpid())"
            try? folder.remove(temporary)
            do throws(SystemError) {
                try OwnedDescriptor.open(at: folder, temporary, [.writeOnly, .create, .exclusive, .noFollow])
                    .writeAll(bytes, subject: temporary)
                try folder.rename(temporary, to: name)
            } catch {
                try? folder.remove(temporary)
                throw error
            }
        } catch {
            throw RuntimeError(error)
        }
    }

    private func openDirectory() throws(SystemError) -> OwnedDescriptor {
        try OwnedDescriptor.open(directory, [.path, .directory], resolve: [.noSymlinks, .noMagicLinks])
    }

    private func check(_ status: FileStatus, is kind: FileStatus.Kind) throws(SystemError) {
        if !isPrivate(status, kind) { throw SystemError("check the owner and mode of", directory, .notPermitted) }
    }

    /// Whether a file belongs to this user and to nobody else.
    private func isPrivate(_ status: FileStatus, _ kind: FileStatus.Kind) -> Bool {
        status.kind == kind && status.userID == user && status.permissions & 0o077 == 0
    }
}

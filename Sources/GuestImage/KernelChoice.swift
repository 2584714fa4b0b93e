package import Diagnostics
import Syscalls

/// The kernel that guests boot, and why this one.
package struct KernelChoice: Equatable, Sendable {
    /// Why it was chosen.
    package enum Reason: Equatable, Sendable {
        /// Somebody named it.
        case requested
        /// `Rootfs/make-kernel` built it.
        case built
        /// It is the newest of the distribution's.
        case newest
    }

    /// Where it is: a bzImage or an ELF file.
    package let path: String
    /// What `uname -r` will say in the guest; nil where the file does not tell.
    package let release: String?
    /// Its modules' directory; nil where there is none, and everything must be built in.
    package let modules: String?
    /// Why it was chosen.
    package let reason: Reason

    /// Where kernels are looked for.
    package struct Places: Sendable {
        /// Kernels that `Rootfs/make-kernel` may have installed; the first that exists is taken.
        package var built: [String]
        /// The distribution's kernels.
        package var boot: String
        /// The distribution's modules.
        package var modules: String

        /// Makes a set of places.
        package init(built: [String] = [], boot: String = "/boot", modules: String = "/lib/modules") {
            self.built = built
            self.boot = boot
            self.modules = modules
        }

        /// The places of an installation: `lib/mvrun/kernel` under the prefix that the program is in, then under
        /// /usr/local and /usr.
        ///
        /// - Parameter program: the path of the running program, as in /usr/local/bin/mvrun.
        package static func standard(program: String?) -> Places {
            let parts = (program ?? "").split(separator: "/", omittingEmptySubsequences: false).dropLast(2)
            let own = parts.isEmpty ? [] : [parts.joined(separator: "/")]
            return Places(built: (own + ["/usr/local", "/usr"]).map { "\($0)/lib/mvrun/kernel" })
        }
    }

    /// Chooses.
    ///
    /// - Parameters:
    ///   - requested: the kernel that a command line, a configuration or a bundle names.
    ///   - places: where to look otherwise.
    package static func choose(
        requested: String? = nil, in places: Places = Places()
    ) throws(RuntimeError) -> KernelChoice {
        if let requested { return try KernelChoice(at: requested, modules: places.modules, reason: .requested) }
        if let built = places.built.first(where: exists) {
            return try KernelChoice(at: built, modules: places.modules, reason: .built)
        }
        return try newest(in: places)
    }

    /// What is to be said about it, as in "/boot/vmlinuz-6.1.0-56-cloud-amd64, the newest in /boot".
    package var explanation: String {
        switch reason {
        case .requested: "\(path), as requested"
        case .built: "\(path), built by Rootfs/make-kernel"
        case .newest: "\(path), the newest there that has modules"
        }
    }

    private init(path: String, release: String?, modules: String?, reason: Reason) {
        self.path = path
        self.release = release
        self.modules = modules
        self.reason = reason
    }

    private init(at path: String, modules: String, reason: Reason) throws(RuntimeError) {
        let release = try during("look at the kernel \(path)") { try Self.release(of: path) }
        var folders = ["\(modules)/\(release ?? "")"]
        // A package that was unpacked somewhere has its modules beside /boot.
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropLast(2)
        if path.hasPrefix("/"), !parts.isEmpty {
            folders.insert("\(parts.joined(separator: "/"))/lib/modules/\(release ?? "")", at: 0)
        }
        self.init(
            path: path, release: release, modules: release == nil ? nil : folders.first { Self.isDirectory($0) },
            reason: reason)
    }

    /// The release of a kernel: a bzImage says it, and an ELF file may have it in its name.
    private static func release(of path: String) throws -> String? {
        let file = try OwnedDescriptor.open(path, .nonBlocking)
        let status = try file.status()
        guard status.kind == .regular else { throw RuntimeError(.invalidBundle, "it is not a regular file") }
        let head = try file.bytes(at: 0, count: BzImage.headLength, subject: path)
        if let image = try BzImage(head: head[...], size: Int(status.size)) { return image.release }
        guard KernelUnpacking.isKernel(head[...]) else {
            throw RuntimeError(.invalidBundle, "it is neither a bzImage nor an ELF kernel for x86-64")
        }
        let name = path.split(separator: "/").last ?? ""
        return name.hasPrefix("vmlinux-") ? String(name.dropFirst("vmlinux-".count)) : nil
    }

    private static func newest(in places: Places) throws(RuntimeError) -> KernelChoice {
        let prefix = "vmlinuz-"
        let releases = try names(in: places.boot).filter { $0.hasPrefix(prefix) }.map {
            String($0.dropFirst(prefix.count))
        }
        .sorted { KernelVersion($1) < KernelVersion($0) }
        var problem: String?
        for release in releases {
            let path = "\(places.boot)/\(prefix)\(release)"
            let modules = "\(places.modules)/\(release)"
            if !isDirectory(modules) {
                problem = problem ?? "\(path) has no modules in \(modules)"
            } else if try !isReadable(path) {
                problem = problem ?? "\(path) is not readable for this user"
            } else {
                return KernelChoice(path: path, release: release, modules: modules, reason: .newest)
            }
        }
        throw RuntimeError(
            .notFound, "no kernel for a guest: \(problem ?? "there is no \(prefix)* in \(places.boot)")",
            hint: "install one (Debian: apt-get install linux-image-cloud-amd64), or name one with --kernel")
    }

    private static func isDirectory(_ path: String) -> Bool {
        (try? status(of: path))?.kind == .directory
    }

    private static func isReadable(_ path: String) throws(RuntimeError) -> Bool {
        do {
            _ = try OwnedDescriptor.open(path, .nonBlocking)
            return true
        } catch {
            guard error.isOfFile else { throw RuntimeError(error).during(looking) }
            return false
        }
    }

    /// What is in a folder; nothing where there is none.
    private static func names(in folder: String) throws(RuntimeError) -> [String] {
        do {
            return try OwnedDescriptor.open(folder, .directory).entries()
        } catch {
            guard error.isOfFile else { throw RuntimeError(error).during(looking) }
            return []
        }
    }

    private static let looking = "look for a kernel for the guest"
}

extension SystemError {
    /// Whether it says something of the file, and not that this process is short of something.
    fileprivate var isOfFile: Bool {
        [.noEntry, .notDirectory, .accessDenied, .notPermitted, .symlinkLoop].contains(errno)
    }
}

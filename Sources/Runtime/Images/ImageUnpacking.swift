import Diagnostics
import Images
import JSON
import Syscalls

extension Image {
    /// Unpacks the image's layers.
    ///
    /// umoci gets a layout of ours, in which there is nothing but this image: it reads the manifest that was checked, and
    /// checks each layer against that. As root it works in a container in which there is nothing else to be reached.
    ///
    /// - Parameters:
    ///   - folder: where the root file system comes to be, as `rootfs`.
    ///   - work: a directory for the layout.
    ///   - rootless: all files are to belong to this user.
    func unpack(into folder: String, work: String, rootless: Bool) throws(RuntimeError) {
        let place = "\(work)/unpack"
        let layout = absolutePath(layout)
        try during("make a layout in \(work)") {
            try makeDirectory(place, mode: 0o700)
            try OwnedDescriptor.open(place, [.directory])
                .makeLink("blobs", to: rootless ? "\(layout)/blobs" : "\(UnpackingJail.layout)/blobs")
            try writeFileAtomically(Self.layoutText, to: "\(place)/oci-layout")
            try writeFileAtomically(index(tag: "image"), to: "\(place)/index.json")
        }
        guard !rootless else {
            guard !place.contains(":") else {
                throw RuntimeError(.unsupported, "\(work): umoci takes no layout with a colon in its path")
            }
            return try ImageTool.umoci.run(
                ["--log", "error", "raw", "unpack", "--rootless", "--image", "\(place):image", "\(folder)/rootfs"],
                to: "unpack the image")
        }
        try UnpackingJail(image: place, layout: layout, target: folder).run(in: "\(work)/\(UnpackingJail.bundle)")
    }
}

/// The container that umoci unpacks an image in: it sees its libraries, the image, and the place where the root file system comes
/// to be; there is no network, and no file that it makes is a device or a program to it.
struct UnpackingJail {
    /// The layout of ours.
    let image: String
    /// The one that has the blobs.
    let layout: String
    /// Where `rootfs` is made.
    let target: String

    /// Where its bundle is in a place for work, with the directory of its state.
    fileprivate static let bundle = "jail"
    private static let id = "unpack"
    /// Where the container has that.
    static let layout = "/layout"
    /// What setting owners, modes, capabilities and devices of files takes.
    private static let capabilities = [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_MKNOD", "CAP_SETFCAP",
    ]
    /// Where programs have their libraries.
    private static let libraries = ["usr", "lib", "lib64"]

    /// Makes the container and runs umoci in it.
    ///
    /// - Parameter bundle: where its bundle is made.
    func run(in bundle: String) throws(RuntimeError) {
        let root = "\(bundle)/rootfs"
        let program = try Self.program()
        var mounts: [SampleSpec.Mount] = [
            ("/proc", "proc", "proc", ["nosuid", "noexec", "nodev"]),
            ("/dev", "tmpfs", "tmpfs", ["nosuid", "noexec", "nodev", "mode=755", "size=64k"]),
            ("/tmp", "tmpfs", "tmpfs", ["nosuid", "noexec", "nodev", "mode=1777"]),
            bind(program, at: "/umoci", ["ro"]), bind(image, at: "/image", ["ro", "noexec"]),
            bind(layout, at: Self.layout, ["ro", "noexec"]), bind(target, at: "/target", ["noexec"]),
        ]
        let own = try during("make a container to unpack in") {
            try makeDirectories(root, mode: 0o755)
            let directory = try OwnedDescriptor.open(root, [.directory])
            for name in Self.libraries {
                guard let found = try? status(of: "/\(name)", followLinks: false) else { continue }
                if found.kind == .symbolicLink {
                    try directory.makeLink(name, to: linkTarget("/\(name)"))
                } else {
                    mounts.append(bind("/\(name)", at: "/\(name)", ["ro"]))
                }
            }
            try writeFileAtomically(Array(config(mounts).utf8), to: "\(bundle)/config.json")
            return try linkTarget("/proc/self/exe")
        }
        let end = try outputOfProgram(
            own,
            [
                "--root", "\(bundle)/state", "--cgroup-manager", "disabled", "run", "--isolation", "container",
                "--bundle", bundle, Self.id,
            ], environment: ["PATH=\(searchPath)"], limit: 16 << 20)
        guard end.status != 0 else { return }
        let words = lastLines(3, of: end.text.utf8.suffix(2048))
        throw RuntimeError(
            .system, "umoci ended with status \(end.status)\(words.isEmpty ? "" : ": \(words)")"
        ).during("unpack the image")
    }

    /// Ends the container of somebody who was killed while umoci was at work.
    ///
    /// - Parameters:
    ///   - work: the place for work.
    ///   - session: whose log is told of a failure.
    static func end(in work: String, _ session: Session) {
        let state = "\(work)/\(bundle)/state"
        guard exists(state) else { return }
        do throws(RuntimeError) {
            try Session(store: StateStore(root: state), log: session.log).delete(id, force: true)
        } catch {
            session.log.warn("\(error)")
        }
    }

    /// Where umoci is.
    private static func program() throws(RuntimeError) -> String {
        let places = searchPath.split(separator: ":").map { "\($0)/\(ImageTool.umoci.rawValue)" }
        guard let found = places.first(where: { $0.hasPrefix("/") && isExecutable($0) }) else {
            throw ImageTool.umoci.missing.during("unpack the image")
        }
        return found
    }

    private func bind(_ source: String, at destination: String, _ options: [String]) -> SampleSpec.Mount {
        (destination, "bind", source, ["bind", "nosuid", "nodev"] + options)
    }

    private func config(_ mounts: [SampleSpec.Mount]) -> String {
        var writer = JSONWriter(.compact)
        writer.object { spec in
            spec.member("ociVersion", "1.3.0")
            spec.member("process") { writer in
                writer.object { process in
                    process.member(
                        "args",
                        ["/umoci", "--log", "error", "raw", "unpack", "--image", "/image:image", "/target/rootfs"])
                    process.member("env", ["PATH=/", "HOME=/tmp"])
                    process.member("cwd", "/")
                    process.member("capabilities") { writer in
                        writer.object { sets in
                            for set in ["bounding", "effective", "permitted"] { sets.member(set, Self.capabilities) }
                        }
                    }
                    process.member("noNewPrivileges", true)
                }
            }
            spec.member("root") { writer in
                writer.object { root in
                    root.member("path", "rootfs")
                    root.member("readonly", true)
                }
            }
            spec.member("mounts") { SampleSpec.write(mounts, to: &$0) }
            spec.member("linux") { writer in
                writer.object { linux in
                    linux.member("namespaces") { writer in
                        writer.array { array in
                            for kind in ["pid", "network", "ipc", "uts", "mount"] {
                                array.object { $0.member("type", kind) }
                            }
                        }
                    }
                    linux.member("maskedPaths", ["/proc/kcore", "/proc/keys", "/proc/sysrq-trigger"])
                    linux.member("readonlyPaths", ["/proc/sys", "/proc/irq", "/proc/bus", "/proc/fs"])
                }
            }
        }
        return writer.text
    }
}

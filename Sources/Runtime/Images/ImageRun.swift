import Diagnostics
import Images
import Syscalls

/// Where a container of an image runs: a bundle whose root file system is an overlay, the unpacked image below and what the
/// container writes above.
///
/// The overlay is mounted by mvrun, on the host, so that it is the same for a container, for the file server of a virtual machine,
/// and for hooks. What the container writes is on the disk of the store; where that file system cannot be the upper one (an
/// overlay itself), it is in memory. Without privileges there is no overlay: the image is unpacked anew.
struct ImageRun {
    /// The bundle.
    let path: String

    /// Where the root file system is.
    private static let rootfs = "rootfs"
    /// Where memory is mounted, should the disk not do.
    private static let writable = "writable"
    /// The link to the image.
    private static let image = "image"
    /// The link to the container's state directory.
    private static let state = "state"

    /// Makes the place of one container.
    ///
    /// - Parameters:
    ///   - reference: the image.
    ///   - state: the directory of the container's state, by which others can tell whether the container exists.
    ///   - store: where images are kept.
    ///   - config: makes the text of config.json out of what the image says and its root file system.
    init(
        _ reference: ImageReference, state: String, in store: ImageStore,
        config: (ImageConfig, borrowing OwnedDescriptor) throws(RuntimeError) -> String
    ) throws(RuntimeError) {
        let run = try store.makeOwn("run")
        path = run
        do throws(RuntimeError) {
            try during("make a bundle in \(run)") {
                let directory = try OwnedDescriptor.open(run, [.directory])
                try directory.makeLink(Self.state, to: state)
                let rootfs = "\(run)/\(Self.rootfs)"
                let image: ImageConfig
                if store.rootless {
                    image = try store.unpack(reference, into: run, rootless: true)
                } else {
                    let entry = try store.entry(reference)
                    try directory.makeLink(Self.image, to: entry.path)
                    try Self.mountOverlay(of: entry.rootfs, in: run)
                    image = entry.config
                }
                let text = try config(image, OwnedDescriptor.open(rootfs, [.path, .directory]))
                try writeFileAtomically(Array(text.utf8), to: "\(run)/config.json")
            }
        } catch {
            try? Self.remove(run, rootless: store.rootless)
            throw error
        }
    }

    private static func mountOverlay(of image: String, in run: String) throws {
        guard !run.contains(where: { ",:\\".contains($0) }) else {
            throw RuntimeError(.unsupported, "an overlay takes no path with a comma, a colon or a backslash in it")
        }
        try makeDirectory("\(run)/\(rootfs)", mode: 0o755)
        try makeDirectory("\(run)/\(writable)", mode: 0o700)
        do {
            try mountOverlay(of: image, above: "\(run)/\(writable)", at: "\(run)/\(rootfs)")
        } catch let error as SystemError where error.errno == .invalidArgument {
            // An overlay, or a file system without what it takes, cannot be the upper one.
            try Mounting.mount("tmpfs", at: "\(run)/\(writable)", type: "tmpfs", flags: noDevices, data: "mode=0700")
            try mountOverlay(of: image, above: "\(run)/\(writable)", at: "\(run)/\(rootfs)")
        }
    }

    /// MS_NODEV: what an image says is a device is none.
    private static let noDevices: UInt64 = 4

    private static func mountOverlay(of image: String, above upper: String, at place: String) throws {
        // The upper directory is the root of what the container sees.
        let root = try status(of: image)
        for name in ["upper", "work"] where !exists("\(upper)/\(name)") {
            try makeDirectory("\(upper)/\(name)", mode: 0o700)
        }
        try OwnedDescriptor.open("\(upper)/upper", [.directory]).changeOwner(user: root.userID, group: root.groupID)
        try changeMode("\(upper)/upper", root.permissions)
        // Attributes that an image has put on its files redirect nothing.
        let options = "redirect_dir=nofollow,metacopy=off,index=off"
        try Mounting.mount(
            "overlay", at: place, type: "overlay", flags: noDevices,
            data: "lowerdir=\(image),upperdir=\(upper)/upper,workdir=\(upper)/work,\(options)")
    }

    /// Removes the place of a container that has ended; what is gone already is no error.
    ///
    /// - Parameters:
    ///   - path: the bundle.
    ///   - rootless: whether this process has no privileges on the host.
    static func remove(_ path: String, rootless: Bool) throws(RuntimeError) {
        try during("remove \(path)") {
            for name in [rootfs, writable] {
                do throws(SystemError) {
                    try Mounting.detach("\(path)/\(name)")
                } catch {
                    // EINVAL: nothing is mounted there; ENOTDIR: it is a file; EPERM: without privileges nothing ever is.
                    guard [.noEntry, .notDirectory, .invalidArgument, .notPermitted].contains(error.errno) else {
                        throw error
                    }
                }
            }
            try removeTree(path, rootless: rootless)
        }
    }

    /// Whether a container of this place exists, or somebody is about to make it.
    ///
    /// - Parameter path: the bundle.
    static func isUsed(_ path: String) -> Bool {
        if OwnName.isAlive(path) { return true }
        guard let state = try? linkTarget("\(path)/\(state)"), let slash = state.lastIndex(of: "/") else {
            return false
        }
        let store = StateStore(root: String(state[..<slash]))
        guard let directory = store.openIfFree(String(state[state.index(after: slash)...])) else {
            // Gone; or somebody is at work on it, and will remove it where it is to be removed.
            return exists(state)
        }
        // A record that cannot be read may be that of a newer mvrun.
        guard let record = try? directory.record() else { return true }
        return record.imageRun == path
    }

    /// The directory of the image that a place is made of; nil where it is not one's.
    static func image(of path: String) -> String? { try? linkTarget("\(path)/\(image)") }
}

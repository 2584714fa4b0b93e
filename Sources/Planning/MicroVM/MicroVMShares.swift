import Diagnostics
import OCI
import Plans
import Syscalls

/// The trees of the host that a guest sees, and which mount of config.json each of them serves.
struct MicroVMShares {
    /// Where the monitor finds the trees in its own root, a name each by position.
    static let monitorDirectory = "/shares"
    /// Where the guest finds them.
    static let guestDirectory = "/run/shares"

    /// One tree.
    struct Share {
        /// The entry of `mounts`; nil for the root file system.
        let mount: Int?
        /// Where it is on the host.
        let source: String
        /// Whether mounts below it belong to it.
        let recursive: Bool
        /// Whether it cannot be written.
        let readOnly: Bool
        /// Whether it is a single file.
        let isFile: Bool
        /// The ids it is mapped with.
        let mappings: (users: [IDMapping], groups: [IDMapping])
        /// Whether the mapping applies to what is mounted below.
        let mapsRecursively: Bool
        /// Whether it is mapped as the container's user namespace is.
        let mapsAsContainer: Bool

        /// Whether the tree has to be mapped to other ids.
        var isMapped: Bool { mapsAsContainer || !mappings.users.isEmpty }
    }

    /// The trees; the root file system is the first, unless it is on a disk.
    let shares: [Share]

    init(_ bundle: Bundle) throws(RuntimeError) {
        let spec = bundle.spec
        var shares: [Share] = []
        if spec.rootDisk == nil {
            shares.append(
                Share(
                    mount: nil, source: bundle.rootPath, recursive: true, readOnly: spec.root.readonly, isFile: false,
                    mappings: ([], []), mapsRecursively: false, mapsAsContainer: false))
        }
        for (index, mount) in spec.mounts.enumerated() where mount.needsShare {
            shares.append(try Self.share(mount, index, of: bundle))
        }
        self.shares = shares
    }

    private static func share(
        _ mount: Spec.Mount, _ index: Int, of bundle: Bundle
    ) throws(RuntimeError) -> Share {
        let source = mount.source ?? ""
        let path = bundle.hostPath(source)
        let field = "config.json: mounts[\(index)].source"
        let found: FileStatus
        do {
            found = try status(of: path)
        } catch let error where error.errno == .noEntry {
            throw RuntimeError(.notFound, "\(field): \(path) does not exist (no such file or directory)")
        } catch {
            throw RuntimeError(error).during(field)
        }
        guard found.kind == .directory || found.kind == .regular else {
            throw RuntimeError(
                .unsupported, "\(field): \(path) is neither a file nor a directory, and nothing else reaches a guest",
                hint: "a socket, a FIFO or a device of the host has no other end in a virtual machine")
        }
        let parsed = MountOptions(mount.options)
        let isReadOnly = parsed.flags.contains(.readOnly) || parsed.recursiveSet.contains(.readOnly)
        let isMapped = parsed.idMapped != .no || !mount.uidMappings.isEmpty
        return Share(
            mount: index, source: path,
            recursive: parsed.flags.contains(.recursive) || mount.options.contains("rbind"), readOnly: isReadOnly,
            isFile: found.kind == .regular,
            mappings: (mount.uidMappings.map(IDMapping.init), mount.gidMappings.map(IDMapping.init)),
            mapsRecursively: parsed.idMapped == .recursive, mapsAsContainer: isMapped && mount.uidMappings.isEmpty)
    }

    /// The trees as the monitor gets them.
    var machineShares: [FileShare] {
        shares.enumerated().map { position, share in
            FileShare(
                path: "\(Self.monitorDirectory)/\(position)", readOnly: share.readOnly, isFile: share.isFile)
        }
    }

    /// Where the guest finds the tree of a mount; nil for a mount that needs none.
    func guestPath(ofMount index: Int) -> String? {
        shares.firstIndex { $0.mount == index }.map { "\(Self.guestDirectory)/\($0)" }
    }

    /// Where the guest finds the root file system.
    var guestRoot: String {
        !shares.isEmpty && shares[0].mount == nil ? "\(Self.guestDirectory)/0" : GuestPlan.diskRoot
    }
}

extension Spec.Mount {
    /// Whether it binds a tree of the host.
    var isBind: Bool { type == "bind" || MountOptions(options).isBind }

    /// Whether it is the shared memory that an engine gives to several containers: in a guest, memory of its own.
    var isEngineSharedMemory: Bool {
        isBind && (destination == "/dev/shm" || destination == "/dev/shm/")
    }

    /// Whether the guest needs a tree of the host for it.
    var needsShare: Bool {
        isBind && !isEngineSharedMemory && !MountOptions(options).flags.contains(.remount)
    }
}

package import Diagnostics
package import JSON

/// The configuration of a container, config.json; runtime-spec 1.3, config.md.
///
/// The types nested in `Spec` carry the spec's names and only its content: no default is filled in but those the spec
/// gives, and nothing of the host is looked at. Where the spec has a fixed list of names, the type is an enum.
package struct Spec: Sendable, Equatable {
    /// The version of the runtime-spec that the bundle was written for.
    package var ociVersion: Version
    /// The container's process; `start` needs one.
    package var process: Process?
    /// The root file system.
    package var root: Root
    /// The host name in the container's UTS namespace.
    package var hostname: String?
    /// The NIS domain name in the container's UTS namespace.
    package var domainname: String?
    /// What is mounted, in this order.
    package var mounts: [Mount]
    /// Programs to run at points of the container's life.
    package var hooks: Hooks
    /// Free metadata, in the order of the text.
    package var annotations: [Entry<String>]
    /// The Linux section; empty where config.json has none.
    package var linux: Linux
    /// The virtual machine section.
    package var vm: VM?

    /// The value of an annotation.
    package func annotation(_ key: String) -> String? {
        annotations.first { $0.key == key }?.value
    }

    /// Reads a config.json.
    ///
    /// Types are checked here, and names where the spec has a fixed list; `validate` checks what fields mean together.
    /// The seccomp section is left unread: `SeccompSection.parsed` reads it.
    ///
    /// - Parameters:
    ///   - document: the text.
    ///   - record: who wants to know which members were asked for.
    package init(_ document: JSONDocument, record: FieldRecord? = nil) throws(RuntimeError) {
        let reader = try ObjectReader(document.root, record: record)
        ociVersion = try Version(reader)
        process = try reader.object("process", Process.init)
        guard let root = try reader.object("root", Root.init) else { throw reader.missing("root") }
        self.root = root
        hostname = try reader.string("hostname")
        domainname = try reader.string("domainname")
        mounts = try reader.objects("mounts", Mount.init) ?? []
        hooks = try reader.object("hooks", Hooks.init) ?? Hooks()
        annotations = try reader.strings(of: "annotations") ?? []
        linux = try reader.object("linux", Linux.init) ?? Linux()
        vm = try reader.object("vm", VM.init)
        for platform in ["solaris", "windows", "zos", "freebsd"] { reader.skip(platform) }
    }
}

extension Spec {
    /// `root`: the root file system.
    package struct Root: Sendable, Equatable {
        /// A directory: absolute, or relative to the bundle.
        package var path: String
        /// Whether the root is read-only inside the container.
        package var readonly: Bool

        init(_ reader: ObjectReader) throws(RuntimeError) {
            path = try reader.requiredString("path")
            readonly = try reader.boolean("readonly") ?? false
        }
    }

    /// An entry of `mounts`.
    package struct Mount: Sendable, Equatable {
        /// The path inside the container.
        package var destination: String
        /// The type of the file system; a dummy for bind mounts.
        package var type: String?
        /// A device, a file or directory of the host, or a dummy.
        package var source: String?
        /// The options, as written; `MountOptions` says what they mean.
        package var options: [String]
        /// User ids of an id-mapped mount.
        package var uidMappings: [IDMapping]
        /// Group ids of an id-mapped mount.
        package var gidMappings: [IDMapping]

        init(_ reader: ObjectReader) throws(RuntimeError) {
            destination = try reader.requiredString("destination")
            type = try reader.string("type")
            source = try reader.string("source")
            options = try reader.strings("options") ?? []
            uidMappings = try reader.objects("uidMappings", IDMapping.init) ?? []
            gidMappings = try reader.objects("gidMappings", IDMapping.init) ?? []
        }
    }

    /// An entry of `uidMappings` or `gidMappings`: a range of ids inside, and what it is outside.
    package struct IDMapping: Sendable, Equatable {
        /// The first id in the container.
        package var containerID: UInt32
        /// The first id on the host.
        package var hostID: UInt32
        /// How many ids.
        package var size: UInt32

        /// Makes a mapping.
        package init(containerID: UInt32, hostID: UInt32, size: UInt32) {
            self.containerID = containerID
            self.hostID = hostID
            self.size = size
        }

        init(_ reader: ObjectReader) throws(RuntimeError) {
            containerID = try reader.requiredInteger("containerID")
            hostID = try reader.requiredInteger("hostID")
            size = try reader.requiredInteger("size")
        }
    }
}

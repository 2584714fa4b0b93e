import Diagnostics
import JSON

extension Spec {
    /// `linux`, runtime-spec, config-linux.md.
    package struct Linux: Sendable, Equatable {
        /// User ids of a new user namespace.
        package var uidMappings: [IDMapping] = []
        /// Group ids of a new user namespace.
        package var gidMappings: [IDMapping] = []
        /// Kernel parameters, as in `net.ipv4.ip_forward`.
        package var sysctl: [Entry<String>] = []
        /// Limits of the cgroup; nil where the section is absent.
        package var resources: Resources?
        /// The cgroup.
        package var cgroupsPath: String?
        /// The namespaces, new or joined.
        package var namespaces: [Namespace] = []
        /// Device nodes beyond the default ones.
        package var devices: [Device] = []
        /// Network interfaces of the host to move into the container; the keys are their names on the host.
        package var netDevices: [Entry<NetDevice>] = []
        /// The seccomp filter, unread.
        package var seccomp: SeccompSection?
        /// The propagation of the root mount.
        package var rootfsPropagation: Propagation?
        /// Paths that cannot be read inside the container.
        package var maskedPaths: [String] = []
        /// Paths that cannot be written inside the container.
        package var readonlyPaths: [String] = []
        /// The SELinux context of the mounts.
        package var mountLabel: String?
        /// Intel Resource Director Technology.
        package var intelRdt: IntelRdt?
        /// The NUMA memory policy.
        package var memoryPolicy: MemoryPolicy?
        /// The execution domain.
        package var personality: Personality?
        /// Offsets of the clocks in a new time namespace; the keys are the clocks' names.
        package var timeOffsets: [Entry<TimeOffset>] = []

        /// An empty section.
        package init() {}

        init(_ reader: ObjectReader) throws(RuntimeError) {
            uidMappings = try reader.objects("uidMappings", IDMapping.init) ?? []
            gidMappings = try reader.objects("gidMappings", IDMapping.init) ?? []
            sysctl = try reader.strings(of: "sysctl") ?? []
            resources = try reader.object("resources", Resources.init)
            cgroupsPath = try reader.string("cgroupsPath")
            namespaces = try reader.objects("namespaces", Namespace.init) ?? []
            devices = try reader.objects("devices", Device.init) ?? []
            netDevices = try reader.objects(of: "netDevices", NetDevice.init) ?? []
            seccomp = try SeccompSection(reader)
            rootfsPropagation = try reader.name("rootfsPropagation")
            maskedPaths = try reader.strings("maskedPaths") ?? []
            readonlyPaths = try reader.strings("readonlyPaths") ?? []
            mountLabel = try reader.string("mountLabel")
            intelRdt = try reader.object("intelRdt", IntelRdt.init)
            memoryPolicy = try reader.object("memoryPolicy", MemoryPolicy.init)
            personality = try reader.object("personality", Personality.init)
            timeOffsets = try reader.objects(of: "timeOffsets", TimeOffset.init) ?? []
        }

        /// The namespace of a kind, where the container has its own.
        package func namespace(_ kind: Namespace.Kind) -> Namespace? {
            namespaces.first { $0.type == kind }
        }
    }

    /// An entry of `linux.namespaces`.
    package struct Namespace: Sendable, Equatable {
        /// The kind.
        package var type: Kind
        /// A namespace to join; nil for a new one.
        package var path: String?

        /// Makes an entry.
        package init(_ type: Kind, path: String? = nil) {
            self.type = type
            self.path = path
        }

        init(_ reader: ObjectReader) throws(RuntimeError) {
            type = try reader.requiredName("type")
            path = try reader.string("path")
        }
    }

    /// An entry of `linux.devices`.
    package struct Device: Sendable, Equatable {
        /// The path inside the container.
        package var path: String
        /// What mknod(2) makes.
        package var type: Kind
        /// The major number; 0 for a FIFO.
        package var major: Int64
        /// The minor number; 0 for a FIFO.
        package var minor: Int64
        /// The permission bits.
        package var fileMode: UInt32?
        /// The owner in the container.
        package var uid: UInt32?
        /// The group in the container.
        package var gid: UInt32?

        init(_ reader: ObjectReader) throws(RuntimeError) {
            path = try reader.requiredString("path")
            type = try reader.requiredName("type")
            let numbers = (
                major: try reader.integer("major", as: Int64.self), minor: try reader.integer("minor", as: Int64.self)
            )
            if type != .fifo {
                guard numbers.major != nil else { throw reader.missing("major") }
                guard numbers.minor != nil else { throw reader.missing("minor") }
            }
            major = numbers.major ?? 0
            minor = numbers.minor ?? 0
            fileMode = try reader.integer("fileMode")
            uid = try reader.integer("uid")
            gid = try reader.integer("gid")
        }
    }

    /// A value of `linux.netDevices`.
    package struct NetDevice: Sendable, Equatable {
        /// The name inside the container; the host's where it is unset.
        package var name: String?

        init(_ reader: ObjectReader) throws(RuntimeError) {
            name = try reader.string("name")
        }
    }

    /// A value of `linux.timeOffsets`.
    package struct TimeOffset: Sendable, Equatable {
        /// Seconds.
        package var secs: Int64
        /// Nanoseconds on top.
        package var nanosecs: UInt32

        init(_ reader: ObjectReader) throws(RuntimeError) {
            secs = try reader.integer("secs") ?? 0
            nanosecs = try reader.integer("nanosecs") ?? 0
        }
    }

    /// `linux.intelRdt`.
    package struct IntelRdt: Sendable, Equatable {
        /// The class of service; the container's id where it is unset, the default class for "/".
        package var closID: String?
        /// The schema of the L3 cache.
        package var l3CacheSchema: String?
        /// The schema of the memory bandwidth.
        package var memBwSchema: String?
        /// Lines for the file `schemata`, written last.
        package var schemata: [String]
        /// Whether the container gets a monitoring group.
        package var enableMonitoring: Bool

        init(_ reader: ObjectReader) throws(RuntimeError) {
            closID = try reader.string("closID")
            l3CacheSchema = try reader.string("l3CacheSchema")
            memBwSchema = try reader.string("memBwSchema")
            schemata = try reader.strings("schemata") ?? []
            enableMonitoring = try reader.boolean("enableMonitoring") ?? false
            // Versions 1.1 to 1.2 had these two, without ever saying what they mean.
            reader.skip("enableCMT")
            reader.skip("enableMBM")
        }
    }

    /// `linux.memoryPolicy`, set_mempolicy(2).
    package struct MemoryPolicy: Sendable, Equatable {
        /// The mode.
        package var mode: Mode
        /// A list of nodes as in "0-3,7".
        package var nodes: String?
        /// Flags of the mode.
        package var flags: [Flag]

        init(_ reader: ObjectReader) throws(RuntimeError) {
            mode = try reader.requiredName("mode")
            nodes = try reader.string("nodes")
            flags = try reader.names("flags") ?? []
        }
    }

    /// `linux.personality`, personality(2).
    package struct Personality: Sendable, Equatable {
        /// The execution domain.
        package var domain: Domain
        /// Flags; the spec has none yet.
        package var flags: [String]

        init(_ reader: ObjectReader) throws(RuntimeError) {
            domain = try reader.requiredName("domain")
            flags = try reader.strings("flags") ?? []
        }
    }
}

package import Diagnostics
import JSON
package import OCI
package import Plans

/// What mvrun keeps of a container between two commands: the content of its state.json.
///
/// Whether the container runs is not in it: that is asked of the kernel each time, so it cannot be out of date.
package struct ContainerRecord: Equatable, Sendable {
    /// The version of the form; a newer mvrun reads every older one.
    static let formatVersion: Int64 = 1

    /// The id.
    package var id: String
    /// The bundle, absolute.
    package var bundle: String
    /// The root file system, absolute.
    package var rootfs: String
    /// When the container was made, in RFC 3339.
    package var created: String
    /// The user who made it.
    package var owner: UInt32
    /// The bundle's annotations.
    package var annotations: [Entry<String>] = []
    /// The process that makes the container, or that waits for it in the foreground; nil where nobody does any more.
    package var launcher: ProcessIdentity?
    /// Whether the container is to be deleted at its end by the process that waits for it.
    package var isForeground = false
    /// The container's first process; nil until it exists.
    package var process: ProcessIdentity?
    /// The kinds of namespaces that the process has for itself or shares with other containers, CLONE_NEW* flags.
    package var namespaces: UInt64 = 0
    /// The cgroups, those that are still to be made included.
    package var cgroups: [CgroupRecord] = []
    /// The unit of systemd's in which the cgroup is, where mvrun did not make it itself.
    package var systemdUnit: String?
    /// Whether there are hooks to run behind `start`.
    package var hasPoststart = false
    /// Whether there are hooks to run behind `delete`.
    package var hasPoststop = false
    /// Whether plugins of CNI have put it into networks, or were about to.
    package var hasNetworks = false
    /// The place with the bundle and the root file system of a container of an image; nil for a bundle of somebody else's.
    package var imageRun: String?
    /// What keeps the container apart.
    package var isolation = Isolation.container
    /// Whether it only holds the namespaces of a pod whose containers are virtual machines.
    package var holdsPod = false
    /// The directory of resctrl that the container is in, `linux.intelRdt`; nil where it is left alone.
    package var resctrlGroup: String?
    /// Whether that directory goes with the container.
    package var ownsResctrlGroup = false
    /// The directory of the container's own monitoring group.
    package var resctrlMonitoring: String?

    /// What was put on the links of the network namespace for a machine; nil where nothing was.
    package var network: NetworkRecord?

    /// Begins a record.
    package init(id: String, bundle: String, rootfs: String, created: String, owner: UInt32) {
        self.id = id
        self.bundle = bundle
        self.rootfs = rootfs
        self.created = created
        self.owner = owner
    }
}

extension ContainerRecord {
    /// The text of state.json.
    package var json: [UInt8] {
        var writer = JSONWriter(.compact)
        writer.object { object in
            object.member("version", Int(Self.formatVersion))
            object.member("id", id)
            object.member("bundle", bundle)
            object.member("rootfs", rootfs)
            object.member("created", created)
            object.member("owner", Int(owner))
            object.member("annotations", annotations.map { ($0.key, $0.value) })
            object.member("launcher", launcher)
            object.member("isForeground", isForeground)
            object.member("process", process)
            object.member("namespaces", Self.kinds(of: namespaces))
            object.member("cgroups") { writer in
                writer.array { writer in
                    for cgroup in cgroups { writer.value(cgroup) }
                }
            }
            if let systemdUnit { object.member("systemdUnit", systemdUnit) }
            object.member("hasPoststart", hasPoststart)
            object.member("hasPoststop", hasPoststop)
            if hasNetworks { object.member("hasNetworks", hasNetworks) }
            if let imageRun { object.member("imageRun", imageRun) }
            if isolation == .vm { object.member("isolation", isolation.rawValue) }
            if holdsPod { object.member("holdsPod", holdsPod) }
            if let resctrlGroup {
                object.member("resctrlGroup", resctrlGroup)
                object.member("ownsResctrlGroup", ownsResctrlGroup)
            }
            if let network { object.member("network") { network.write(to: &$0) } }
            if let resctrlMonitoring { object.member("resctrlMonitoring", resctrlMonitoring) }
        }
        return writer.bytes
    }

    /// Reads a state.json.
    ///
    /// - Throws: what is wrong with the text, or that a newer mvrun wrote it.
    package init(parsing bytes: [UInt8]) throws(RuntimeError) {
        let root: JSONValue
        do {
            root = try JSONDocument(reading: bytes, limit: Self.sizeLimit).root
        } catch {
            throw RuntimeError(.system, "\(error)", hint: "\"mvrun delete --force\" removes the container")
        }
        guard let version = root["version"]?.int64 else { throw Self.missing("version") }
        guard version <= Self.formatVersion else {
            throw RuntimeError(.unsupported, "version \(version) was written by a newer mvrun")
        }
        id = try root.text("id")
        bundle = try root.text("bundle")
        rootfs = try root.text("rootfs")
        created = try root.text("created")
        owner = UInt32(clamping: try root.number("owner"))
        for (key, value) in root["annotations"]?.members.map({ ($0.key, $0.value) }) ?? [] {
            annotations.append(Entry(key: key.string ?? "", value: value.string ?? ""))
        }
        launcher = try root["launcher"].map(ProcessIdentity.init)
        isForeground = root["isForeground"]?.boolean ?? false
        process = try root["process"].map(ProcessIdentity.init)
        for name in root["namespaces"]?.elements.compactMap(\.string) ?? [] {
            namespaces |= NamespaceKind(name: name)?.cloneFlag ?? 0
        }
        for cgroup in root["cgroups"]?.elements.map(\.self) ?? [] { cgroups.append(try CgroupRecord(cgroup)) }
        systemdUnit = root["systemdUnit"]?.string
        hasPoststart = root["hasPoststart"]?.boolean ?? false
        hasPoststop = root["hasPoststop"]?.boolean ?? false
        hasNetworks = root["hasNetworks"]?.boolean ?? false
        imageRun = root["imageRun"]?.string
        if let name = root["isolation"]?.string {
            guard let known = Isolation(rawValue: name) else {
                throw RuntimeError(.unsupported, "isolation \"\(name)\" is that of a newer mvrun")
            }
            isolation = known
        }
        holdsPod = root["holdsPod"]?.boolean ?? false
        network = root["network"].map { NetworkRecord($0) }
        resctrlGroup = root["resctrlGroup"]?.string
        ownsResctrlGroup = root["ownsResctrlGroup"]?.boolean ?? false
        resctrlMonitoring = root["resctrlMonitoring"]?.string
    }

    /// The most bytes of a state.json: annotations come from the bundle, which may have that many.
    static let sizeLimit = documentSizeLimit

    fileprivate static func missing(_ key: String) -> RuntimeError {
        RuntimeError(
            .system, "\(key) is missing or of another type", hint: "\"mvrun delete --force\" removes the container")
    }

    private static func kinds(of flags: UInt64) -> [String] {
        NamespaceKind.allCases.filter { flags & $0.cloneFlag != 0 }.map(\.name)
    }
}

extension JSONWriter {
    fileprivate mutating func member(_ key: String, _ process: ProcessIdentity?) {
        guard let process else { return }
        member(key) { writer in
            writer.object { object in
                object.member("pid", Int(process.pid))
                object.member("startTime", process.startTime)
            }
        }
    }

    fileprivate mutating func value(_ cgroup: CgroupRecord) {
        object { object in
            object.member("version", Int(cgroup.version.rawValue))
            object.member("mountPoint", cgroup.mountPoint)
            object.member("controllers", cgroup.controllers)
            object.member("path", cgroup.path)
            object.member("madeDirectories", cgroup.madeDirectories)
        }
    }
}

extension JSONValue {
    fileprivate func text(_ key: String) throws(RuntimeError) -> String {
        guard let text = self[key]?.string else { throw ContainerRecord.missing(path(of: key)) }
        return text
    }

    fileprivate func number(_ key: String) throws(RuntimeError) -> Int64 {
        guard let number = self[key]?.int64 else { throw ContainerRecord.missing(path(of: key)) }
        return number
    }
}

extension ProcessIdentity {
    fileprivate init(_ value: JSONValue) throws(RuntimeError) {
        guard let pid = Int32(exactly: try value.number("pid")), pid > 0, let start = value["startTime"]?.uint64 else {
            throw ContainerRecord.missing(value.path)
        }
        self.init(pid: pid, startTime: start)
    }
}

extension CgroupRecord {
    fileprivate init(_ value: JSONValue) throws(RuntimeError) {
        guard let version = CgroupVersion(rawValue: UInt8(clamping: try value.number("version"))) else {
            throw ContainerRecord.missing(value.path(of: "version"))
        }
        self.init(
            version: version, mountPoint: try value.text("mountPoint"),
            controllers: value["controllers"]?.elements.compactMap(\.string) ?? [], path: try value.text("path"),
            madeDirectories: Int(try value.number("madeDirectories")))
    }
}

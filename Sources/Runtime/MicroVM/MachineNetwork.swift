import AgentProtocol
import Diagnostics
import JSON
import Netlink
import OCI
import Planning
import Plans
import Syscalls

/// What was put on the links of a network namespace for a machine.
package struct NetworkRecord: Equatable, Sendable {
    /// A link.
    package struct Link: Equatable, Sendable {
        /// Its number in the namespace.
        package var index: Int32
        /// Its name.
        package var name: String
        /// Whether somebody else had put filters on it already.
        package var hasIngress: Bool
    }

    /// The namespace's file, where the namespace is somebody else's and so outlives the machine; nil otherwise.
    package var path: String?
    /// The number of that file, which tells it from a later one at the same path.
    package var inode: UInt64 = 0
    /// The links.
    package var links: [Link] = []
}

/// The links of a machine's network namespace, on their way into the machine.
final class MachineNetwork {
    private let session: Session
    /// Taps, and behind them sockets that lead to the resolver.
    private var files: [OwnedNumber] = []
    private var interfaces: [NetworkInterface] = []
    private var resolver: InternetAddress?

    /// A descriptor in a list.
    private final class OwnedNumber {
        let file: OwnedDescriptor
        init(_ number: Int32) { file = OwnedDescriptor(owning: number) }
    }

    /// Ties each link of a namespace that is up, and that the machine does not have yet, to a tap device.
    ///
    /// - Parameters:
    ///   - pid: the machine's monitor, or the process that becomes it.
    ///   - spec: the container's config.json.
    ///   - record: what is kept of the machine.
    ///   - session: the session.
    ///   - write: keeps another record, before anything is made.
    init(
        of pid: Int32, spec: Spec, record: inout ContainerRecord, in session: Session,
        write: (ContainerRecord) throws(RuntimeError) -> Void
    ) throws(RuntimeError) {
        self.session = session
        let known = record.network?.links.map(\.index) ?? []
        let visitor = try NetworkVisitor.looking(
            at: NetworkVisitor.Place(network: "/proc/\(pid)/ns/net", user: "/proc/\(pid)/ns/user"), except: known)
        let links = try visitor.links()
        guard !links.isEmpty else { return }
        var network = record.network ?? NetworkRecord()
        if let path = spec.networkNamespacePath {
            network.path = path
            do {
                network.inode = try fileIdentity(of: path).inode
            } catch {
                throw RuntimeError(error).during("name the network namespace")
            }
        }
        network.links += links.map {
            NetworkRecord.Link(index: $0.index, name: $0.interface.name, hasIngress: $0.hasIngress)
        }
        record.network = network
        try write(record)
        // Engines write it when they make the network, which is before this.
        resolver = DockerResolver.address(in: spec)
        files = try visitor.attach(resolver: resolver).map { OwnedNumber($0) }
        interfaces = links.map(\.interface)
    }

    /// Whether there is nothing to give to the machine.
    var isEmpty: Bool { interfaces.isEmpty }

    /// Gives the links to the machine.
    func connect(_ container: Container) throws(RuntimeError) {
        try session.awaitGuest(
            container, .connect(interfaces, resolver: resolver), with: files.map { $0.file.number })
        session.log.info(
            "\(container.record.id): the machine has "
                + (interfaces.map(\.name) + (resolver.map { ["the resolver at \($0)"] } ?? [])).joined(separator: ", "))
    }
}

extension Session {
    /// Gives a created machine the links that came into its network namespace after it was made, as some engines bring them.
    func connectNewLinks(
        _ container: Container, in directory: borrowing ContainerDirectory
    ) throws(RuntimeError) {
        var record = container.record
        guard record.isolation == .vm, MicroVMIsolation.takesLinks(record.annotations), let pid = record.process?.pid
        else { return }
        let spec = try storedSpec(directory.config)
        let network = try MachineNetwork(of: pid, spec: spec, record: &record, in: self) {
            changed throws(RuntimeError) in
            try directory.replace(changed)
        }
        if !network.isEmpty { try network.connect(container) }
    }

    /// Takes away what was put on the links of a network namespace that goes on without the machine.
    func removeNetwork(of record: ContainerRecord) throws(RuntimeError) {
        guard let network = record.network, let path = network.path, !network.links.isEmpty,
            let identity = try? fileIdentity(of: path), identity.inode == network.inode
        else { return }
        let links = network.links.map { link in
            MachineLink(
                index: link.index, interface: NetworkInterface(name: link.name, hardwareAddress: [], mtu: 0),
                hasIngress: link.hasIngress)
        }
        try NetworkVisitor.detach(links, at: NetworkVisitor.Place(network: path))
    }
}

extension Spec {
    /// The file of the network namespace that somebody else has made; nil where there is none.
    var networkNamespacePath: String? {
        linux.namespace(.network)?.path.flatMap { $0.isEmpty ? nil : $0 }
    }
}

extension NetworkRecord {
    /// Writes it as one value.
    func write(to writer: inout JSONWriter) {
        writer.object { object in
            if let path { object.member("path", path) }
            object.member("inode", inode)
            object.member("links") { writer in
                writer.array { writer in
                    for link in links {
                        writer.object { object in
                            object.member("index", Int(link.index))
                            object.member("name", link.name)
                            object.member("hasIngress", link.hasIngress)
                        }
                    }
                }
            }
        }
    }

    /// Reads it.
    init(_ value: JSONValue) {
        path = value["path"]?.string
        inode = value["inode"]?.uint64 ?? 0
        links = (value["links"]?.elements.map(\.self) ?? []).map { link in
            Link(
                index: Int32(clamping: link["index"]?.int64 ?? 0), name: link["name"]?.string ?? "",
                hasIngress: link["hasIngress"]?.boolean ?? true)
        }
    }
}

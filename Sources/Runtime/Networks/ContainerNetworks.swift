import CNI
import Diagnostics
import JSON
import Syscalls

/// The CNI networks that a container is in, and its network namespace, held for those who take it out again.
///
/// Plugins that are told to undo what they did want to see the namespace, which ends with the container's last process: so it
/// is bound to a file in the container's directory until then.
struct ContainerNetworks: Sendable {
    private(set) var attachments: [NetworkAttachment]

    /// The file that says what plugins have to undo.
    private static let record = "networks.json"
    /// The file that the network namespace is bound to.
    private static let namespace = "netns"
    private static let sizeLimit = 16 << 20

    /// Finds what was asked for; nothing happens yet.
    ///
    /// Links are called eth0, eth1 and so on, in the order of the command line. Ports lead to the first network.
    ///
    /// - Returns: nil where nothing was asked for.
    init?(_ request: CreateRequest, isPrivileged: Bool) throws(RuntimeError) {
        let names = request.networkNames
        if names.isEmpty { return nil }
        guard isPrivileged else {
            throw RuntimeError(
                .unsupported, "--network cni: plugins change the host's network, which takes root",
                hint: "use --network none, or a namespace that somebody else has made (ns:PATH)")
        }
        attachments = []
        for (index, name) in names.enumerated() {
            attachments.append(
                try NetworkAttachment(
                    to: NetworkList.find(name, in: Self.configurationDirectory), of: request.id, as: "eth\(index)",
                    ports: index == 0 ? request.ports : []))
        }
    }

    /// Reads what a container's directory has; nil where it is in no such network.
    init?(in directory: String) throws(RuntimeError) {
        let path = "\(directory)/\(Self.record)"
        let bytes: [UInt8]
        do {
            bytes = try readFile(path, limit: Self.sizeLimit)
        } catch {
            if error.errno == .noEntry { return nil }
            throw RuntimeError(error)
        }
        attachments = try during(path) {
            let document = try JSONDocument(reading: bytes, limit: Self.sizeLimit)
            return try document.root.elements.map { try NetworkAttachment($0) }
        }
    }

    /// Puts a container into its networks.
    ///
    /// What is about to be done is written down before, so that whoever finds the directory can undo it.
    ///
    /// - Parameters:
    ///   - process: a process in its network namespace.
    ///   - directory: the container's.
    mutating func attach(_ process: Int32, in directory: borrowing ContainerDirectory) throws(RuntimeError) {
        try directory.write(Self.record, encoded)
        _ = try directory.make(Self.namespace)
        let path = "\(directory.path)/\(Self.namespace)"
        // MS_BIND
        try during("hold the network namespace") {
            try Mounting.mount("/proc/\(process)/ns/net", at: path, type: nil, flags: 4096)
        }
        for index in attachments.indices {
            try attachments[index].add(namespace: path, plugins: Self.pluginDirectories)
            try directory.replace(Self.record, encoded)
        }
    }

    /// Asks the plugins whether the container still is in its networks.
    func check(in directory: String) throws(RuntimeError) {
        for attachment in attachments {
            try attachment.check(namespace: "\(directory)/\(Self.namespace)", plugins: Self.pluginDirectories)
        }
    }

    /// Takes a container out of its networks; all are left, also where one cannot be.
    ///
    /// - Parameter directory: the container's.
    /// - Throws: the first failure.
    func detach(in directory: String) throws(RuntimeError) {
        let path = "\(directory)/\(Self.namespace)"
        var failure: RuntimeError?
        for attachment in attachments.reversed() {
            do throws(RuntimeError) {
                try attachment.delete(namespace: exists(path) ? path : nil, plugins: Self.pluginDirectories)
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
    }

    /// Lets go of the network namespace of a container, if it was held, and forgets the networks.
    ///
    /// - Parameter directory: the container's.
    static func release(in directory: String) throws(RuntimeError) {
        let path = "\(directory)/\(namespace)"
        do throws(SystemError) {
            do throws(SystemError) {
                try Mounting.detach(path)
            } catch {
                // EINVAL: a file on which nothing is mounted, by one who was killed in between.
                guard [.noEntry, .invalidArgument].contains(error.errno) else { throw error }
            }
            for file in [path, "\(directory)/\(record)"] where exists(file) { try removeFile(file) }
        } catch {
            throw RuntimeError(error).during("let go of the network namespace")
        }
    }

    private var encoded: [UInt8] {
        var writer = JSONWriter(.pretty)
        writer.array { writer in for attachment in attachments { attachment.write(to: &writer) } }
        return writer.bytes
    }

    /// Where configurations are: in NETCONFPATH, as for CNI's own cnitool, or where everybody looks.
    private static var configurationDirectory: String {
        environmentVariable("NETCONFPATH") ?? NetworkList.standardDirectory
    }

    /// Where plugins are: in CNI_PATH, or where distributions put them.
    private static var pluginDirectories: [String] {
        let named = environmentVariable("CNI_PATH").map { $0.split(separator: ":").map(String.init) } ?? []
        return named.isEmpty ? ["/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni"] : named
    }
}

extension ContainerDirectory {
    /// Puts the container into its networks, where it has any.
    ///
    /// - Parameters:
    ///   - networks: the networks.
    ///   - process: a process in its network namespace.
    borrowing func attach(_ networks: ContainerNetworks?, _ process: Int32) throws(RuntimeError) {
        guard var networks else { return }
        try networks.attach(process, in: self)
    }
}

extension Session {
    /// Has the plugins look whether what they did since create is still there, and reports what they say.
    ///
    /// It stops nothing: the portmap of version 1.1 looks for chains of ip6tables that it never makes for a container without
    /// an IPv6 address.
    ///
    /// - Parameter directory: the container's.
    func checkNetworks(in directory: String) {
        do throws(RuntimeError) {
            try ContainerNetworks(in: directory)?.check(in: directory)
        } catch {
            log.info("\(error)")
        }
    }

    /// Takes a container out of the networks that plugins have put it into.
    ///
    /// - Parameters:
    ///   - directory: the container's.
    ///   - force: what a plugin cannot undo is a warning: without the plugin it could never be removed.
    func leaveNetworks(in directory: String, force: Bool) throws(RuntimeError) {
        do throws(RuntimeError) {
            guard let networks = try ContainerNetworks(in: directory) else { return }
            try networks.detach(in: directory)
        } catch {
            guard force else { throw error.hinting("--force removes the container all the same") }
            log.warn("\(error)")
        }
        try ContainerNetworks.release(in: directory)
    }
}

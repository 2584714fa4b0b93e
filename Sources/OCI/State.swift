package import Diagnostics
package import JSON

/// The state of a container, as hooks get it and `state` prints it; runtime-spec, runtime.md, "State".
package struct State: Sendable, Equatable {
    /// Where a container is in its life: the spec has the first four, runc and crun add `paused`.
    package enum Status: String, SpecificationName {
        /// `create` is at work.
        case creating
        /// `create` is done, the program is not executed yet.
        case created
        /// The program was executed and has not ended.
        case running
        /// The program has ended.
        case stopped
        /// The program was executed and is frozen.
        case paused

        /// What an error calls one of these.
        package static let noun = "a status"
    }

    /// The version of the runtime-spec that the state complies with.
    package var ociVersion: String
    /// The container's name.
    package var id: String
    /// Where it is in its life.
    package var status: Status
    /// The container's process as the host numbers it; nil where there is none.
    package var pid: Int32?
    /// The bundle, an absolute path.
    package var bundle: String
    /// The annotations of config.json.
    package var annotations: [Entry<String>]

    /// Makes a state of the version that mvrun implements.
    package init(id: String, status: Status, pid: Int32?, bundle: String, annotations: [Entry<String>]) {
        ociVersion = Spec.Version.implemented.text
        self.id = id
        self.status = status
        self.pid = pid
        self.bundle = bundle
        self.annotations = annotations
    }

    /// Reads a state.
    ///
    /// - Parameters:
    ///   - bytes: the text.
    ///   - name: what the text is, for errors.
    package init(_ bytes: [UInt8], named name: String) throws(RuntimeError) {
        let document = try JSONDocument(bytes, named: name)
        self = try OCI.named(name) { () throws(RuntimeError) in
            try State(ObjectReader(document.root))
        }
    }

    init(_ reader: ObjectReader) throws(RuntimeError) {
        ociVersion = try reader.requiredString("ociVersion")
        id = try reader.requiredString("id")
        status = try reader.requiredName("status")
        pid = try reader.integer("pid")
        bundle = try reader.requiredString("bundle")
        annotations = try reader.strings(of: "annotations") ?? []
    }

    /// Writes the members of the state into an object that may have more.
    package func writeMembers(into writer: inout JSONWriter) {
        writer.member("ociVersion", ociVersion)
        writer.member("id", id)
        writer.member("status", status.rawValue)
        if let pid { writer.member("pid", Int(pid)) }
        writer.member("bundle", bundle)
        if !annotations.isEmpty { writer.member("annotations", annotations.map { ($0.key, $0.value) }) }
    }

    /// The state as JSON.
    package func json(_ style: JSONWriter.Style = .compact) -> [UInt8] {
        var writer = JSONWriter(style)
        writer.object { writeMembers(into: &$0) }
        return writer.bytes
    }
}

/// What goes to a seccomp listener with the notification descriptor; runtime-spec, config-linux.md, "The Container
/// Process State".
package struct ContainerProcessState: Sendable, Equatable {
    /// The name of the notification descriptor in `fds`.
    package static let seccompDescriptorName = "seccompFd"

    /// The version of the runtime-spec that the state complies with.
    package var ociVersion: String
    /// The names of the descriptors that go along, in their order.
    package var fds: [String]
    /// The process that has the filter, as the runtime numbers it.
    package var pid: Int32
    /// `linux.seccomp.listenerMetadata`.
    package var metadata: String?
    /// The state of the container.
    package var state: State

    /// Makes the state that goes along with one notification descriptor.
    package init(pid: Int32, metadata: String?, state: State) {
        ociVersion = Spec.Version.implemented.text
        fds = [ContainerProcessState.seccompDescriptorName]
        self.pid = pid
        self.metadata = metadata
        self.state = state
    }

    /// The state as JSON.
    package var json: [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("ociVersion", ociVersion)
            writer.member("fds", fds)
            writer.member("pid", Int(pid))
            if let metadata { writer.member("metadata", metadata) }
            writer.member("state") { $0.object { state.writeMembers(into: &$0) } }
        }
        return writer.bytes
    }
}

package import Diagnostics
import JSON
import OCI
package import Syscalls

/// What the agent at `listenerPath` is told with a listener: the container process state.
///
/// runtime-spec, config-linux.md, "Container process state".
package struct ContainerProcessState: Sendable {
    /// The container.
    package var record: ContainerRecord
    /// The container's status while the filter is installed: "creating" for its first process, "running" for another.
    package var status: String
    /// The container's first process; nil until it exists.
    package var containerPID: Int32?
    /// The process that has the filter.
    package var processPID: Int32
    /// `listenerMetadata`.
    package var metadata: String?

    /// Describes a process.
    package init(
        record: ContainerRecord, status: String, containerPID: Int32?, processPID: Int32, metadata: String?
    ) {
        self.record = record
        self.status = status
        self.containerPID = containerPID
        self.processPID = processPID
        self.metadata = metadata
    }

    /// The text.
    package var json: [UInt8] {
        var writer = JSONWriter(.compact)
        writer.object { process in
            process.member("ociVersion", Spec.Version.implemented.text)
            // The descriptors that come with the text, in their order.
            process.member("fds", ["seccompFd"])
            process.member("pid", Int(processPID))
            if let metadata { process.member("metadata", metadata) }
            process.member("state") { writer in
                writer.object { state in
                    state.member("ociVersion", Spec.Version.implemented.text)
                    state.member("id", record.id)
                    state.member("status", status)
                    if let containerPID { state.member("pid", Int(containerPID)) }
                    state.member("bundle", record.bundle)
                    state.member("annotations", record.annotations.map { ($0.key, $0.value) })
                }
            }
        }
        return writer.bytes
    }
}

/// Gives a filter's listener to the agent that answers for it.
///
/// To be called as soon as the listener is there: the process makes no further call that asks until it has an answer.
///
/// - Parameters:
///   - listener: the listener.
///   - state: what the agent is told.
///   - path: `linux.seccomp.listenerPath`.
package func send(
    _ listener: borrowing OwnedDescriptor, of state: ContainerProcessState, toAgent path: String
) throws(RuntimeError) {
    do throws(SystemError) {
        try PacketSocket(try UnixSocket.connect(to: path, .stream)).send(state.json, with: listener)
    } catch {
        throw RuntimeError(error, hint: "is the seccomp agent running?").during("linux.seccomp.listenerPath")
    }
}

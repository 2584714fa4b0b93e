package import Diagnostics
import OCI
import Sandbox
import Syscalls

extension Session {
    /// Starts the program of a created container.
    ///
    /// - Throws: why it could not be executed, or which hook failed; the container has stopped then.
    package func start(_ id: String) throws(RuntimeError) {
        let directory = try store.open(id)
        let container = try container(id)
        let status = container.status
        guard status == .created else {
            throw RuntimeError(
                .wrongState, "the container is \(status.rawValue); only a created container can be started")
        }
        if container.record.hasNetworks { checkNetworks(in: directory.path) }
        try connectNewLinks(container, in: directory)
        let sandbox: CreatedSandbox
        do {
            sandbox = try directory.connectForStart()
        } catch {
            guard error.errno == .connectionRefused else { throw RuntimeError(error).during("reach the container") }
            // A `mvrun start` before this one was killed behind the start: all that is left to do is to say so.
            try directory.forgetStartSocket()
            throw RuntimeError(.wrongState, "the container is running; only a created container can be started")
        }
        let notifications: NotifyProxy? =
            if let path = NotifyProxy.managerPath, exists(directory.path + "/notify") {
                try directory.listenForNotifications(managerPath: path)
            } else {
                nil
            }
        let log = log
        let pid = container.record.process?.pid ?? 0
        do throws(RuntimeError) {
            try sandbox.start(pid, warn: { log.warn($0) }) { listener throws(RuntimeError) in
                let profile = try storedSpec(directory.config).linux.seccomp?.parsed()
                try send(
                    listener, of: pid, in: container, status: status,
                    to: profile?.listenerPath.map { ($0, profile?.listenerMetadata) })
            }
        } catch {
            try directory.forgetStartSocket()
            throw error
        }
        try directory.forgetStartSocket()
        log.info("started \(id)")
        if container.record.hasPoststart {
            do throws(RuntimeError) {
                try runPoststartHooks(storedSpec(directory.config), of: container)
            } catch {
                try? kill(id, signal: 9, all: false)
                throw error
            }
        }
        try notifications?.waitUntilReady(pid)
    }

    /// Gives the listener of a seccomp filter to the agent that the profile names.
    ///
    /// - Parameters:
    ///   - listener: the listener.
    ///   - pid: the process that has the filter.
    ///   - container: its container.
    ///   - status: what the container is doing.
    ///   - agent: the agent's socket, and what it is told besides.
    func send(
        _ listener: borrowing OwnedDescriptor, of pid: Int32, in container: Container, status: State.Status,
        to agent: (path: String, metadata: String?)?
    ) throws(RuntimeError) {
        guard let agent else {
            throw RuntimeError(
                .invalidBundle, "linux.seccomp.listenerPath is missing, and the profile needs somebody to notify")
        }
        try Runtime.send(
            listener,
            of: ContainerProcessState(
                record: container.record, status: status.rawValue, containerPID: container.record.process?.pid ?? pid,
                processPID: pid, metadata: agent.metadata),
            toAgent: agent.path)
    }
}

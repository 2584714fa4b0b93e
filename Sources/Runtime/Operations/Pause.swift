import AgentProtocol
import Cgroups
package import Diagnostics
import OCI

extension Session {
    /// Stops every process of a container until it is resumed.
    package func pause(_ id: String) throws(RuntimeError) {
        let lock = try store.open(id)
        let (container, status) = try liveContainer(id)
        switch status {
        case .running, .created: break
        case .paused: throw RuntimeError(.wrongState, "the container is paused already")
        case .creating, .stopped: throw notRunning()
        }
        if container.record.isolation == .vm {
            try pauseMachine(container)
        } else {
            try container.cgroups.freeze()
        }
        withExtendedLifetime(lock) { log.info("paused \(id)") }
    }

    /// Lets a paused container's processes go on.
    package func resume(_ id: String) throws(RuntimeError) {
        let lock = try store.open(id)
        let (container, _) = try liveContainer(id)
        guard container.isPaused else { throw RuntimeError(.wrongState, "the container is not paused") }
        try container.cgroups.thaw()
        if container.record.isolation == .vm { _ = try ask(container, .resume) }
        withExtendedLifetime(lock) { log.info("resumed \(id)") }
    }

    /// Stops a machine's processors, then its monitor.
    private func pauseMachine(_ container: Container) throws(RuntimeError) {
        _ = try ask(container, .pause)
        do throws(RuntimeError) {
            try container.cgroups.requestFreeze()
        } catch {
            _ = try? ask(container, .resume)
            throw error
        }
    }
}

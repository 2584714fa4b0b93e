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
        try container.cgroups.freeze()
        withExtendedLifetime(lock) { log.info("paused \(id)") }
    }

    /// Lets a paused container's processes go on.
    package func resume(_ id: String) throws(RuntimeError) {
        let lock = try store.open(id)
        let (container, _) = try liveContainer(id)
        guard container.cgroups.isFrozen else { throw RuntimeError(.wrongState, "the container is not paused") }
        try container.cgroups.thaw()
        withExtendedLifetime(lock) { log.info("resumed \(id)") }
    }
}

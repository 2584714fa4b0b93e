package import Diagnostics
import OCI

extension Session {
    /// A container, as it is kept.
    package func container(_ id: String) throws(RuntimeError) -> Container {
        Container(try store.record(of: id), in: store)
    }

    /// A container whose first process has not ended.
    func liveContainer(_ id: String) throws(RuntimeError) -> (Container, State.Status) {
        let container = try container(id)
        let status = container.status
        guard status != .stopped else { throw notRunning() }
        return (container, status)
    }

    /// All containers.
    ///
    /// One whose record cannot be read is left out, with a warning.
    package func containers() throws(RuntimeError) -> [Container] {
        var found: [Container] = []
        for id in try store.ids() {
            do throws(RuntimeError) {
                found.append(try container(id))
            } catch {
                // One that was deleted since its name was read is nothing to speak of.
                if error.kind != .notFound { log.warn("\(error)") }
            }
        }
        return found
    }

    /// The ids of the containers that an extended regular expression matches, regex(7).
    package func ids(matching pattern: String) throws(RuntimeError) -> [String] {
        let expression = try RegularExpression(pattern)
        return try store.ids().filter { expression.matches($0) }
    }
}

/// The error of everything that needs a process.
///
/// Engines look for these words.
func notRunning() -> RuntimeError {
    RuntimeError(.wrongState, "container not running")
}

import Cgroups
package import Diagnostics
import OCI
import Plans

extension Session {
    /// Removes what killed runtimes left.
    ///
    /// That is: containers that were never finished, those whose deletion was cut short, and those that a killed `run` was
    /// to delete. Containers that run, or that wait for their deletion, stay.
    ///
    /// Behind them, what of unpacked images no container uses.
    ///
    /// - Parameter imageCache: where images are kept; nil for the standard place.
    /// - Returns: what was removed, a line each.
    package func collectGarbage(imageCache: String? = nil) throws(RuntimeError) -> [String] {
        var removed: [String] = []
        for name in try store.names() {
            // Whoever is at work on a container holds its lock; a killed process holds none.
            guard let directory = store.openIfFree(name) else { continue }
            do throws(RuntimeError) {
                if let reason = try collect(name, directory) { removed.append("\(name): \(reason)") }
            } catch {
                log.warn("\(name): \(error)")
            }
        }
        guard let images = try? imageCache ?? ImageStore.standardDirectory(rootless: !isPrivileged) else {
            return removed
        }
        return try removed + ImageStore.collect(images, in: self)
    }

    /// Removes a container nobody will come back for.
    ///
    /// - Returns: why nobody will; nil where it stays.
    private func collect(
        _ name: String, _ directory: borrowing ContainerDirectory
    ) throws(RuntimeError) -> String? {
        guard let record = try directory.record() else {
            try directory.remove()
            return "its creation was cut short before anything was made"
        }
        let container = Container(record, in: store)
        let reason: String
        if record.process == nil {
            reason = "its creation was cut short"
        } else if directory.isBeingRemoved {
            reason = "its deletion was cut short"
        } else if record.isForeground, record.launcher?.isAlive != true, container.status == .stopped {
            reason = "it has ended, and the mvrun run that was to delete it was killed"
        } else {
            return nil
        }
        // A creation that was cut short may have found its cgroup full of another container's processes.
        let own = record.process == nil ? record.cgroups.filter { $0.madeDirectories > 0 } : record.cgroups
        if !own.isEmpty { try ContainerCgroups(records: own).kill() }
        try remove(container, in: directory, force: true)
        return reason
    }
}

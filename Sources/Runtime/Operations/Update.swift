import Cgroups
package import Diagnostics
package import OCI
import Planning
import Plans
import Syscalls

extension Session {
    /// Changes a container's limits; what the update does not name stays as it is.
    ///
    /// All limits are written again, since one file of a cgroup may hold what two fields say. So the sum of all updates is
    /// kept in the container's directory.
    package func update(_ id: String, _ update: Spec.Resources) throws(RuntimeError) {
        let directory = try store.open(id)
        let (container, _) = try liveContainer(id)
        let present = try resources(in: directory)
        let wanted = present.updated(by: update)
        let machine = container.record.isolation == .vm ? try machineUpdate(update, wanted, of: container) : nil
        // BEFORE the host's limit falls a guest gives its memory back; it gets more AFTER the limit has risen.
        let size = try machine?.shrink()
        let plan = try CgroupPlan(
            updating: container.cgroups, to: size.map { wanted.forMonitor(memoryMiB: $0) } ?? wanted)
        do throws(RuntimeError) {
            try container.cgroups.apply(plan)
        } catch {
            // Half of an update is none: what was there is written again, as far as the kernel takes it.
            let outside = size.map { present.forMonitor(memoryMiB: $0) } ?? present
            if let before = try? CgroupPlan(updating: container.cgroups, to: outside) {
                try? container.cgroups.apply(before)
            }
            throw error
        }
        if let unit = container.record.systemdUnit {
            try systemd().set(SystemdProperty.properties(of: plan), of: unit)
        }
        try machine?.grow()
        try directory.replace("resources.json", wanted.json)
        log.info("updated \(id)")
    }

    /// The limits that a container has: the bundle's, or those of the last update.
    private func resources(in directory: borrowing ContainerDirectory) throws(RuntimeError) -> Spec.Resources {
        let path = directory.path + "/resources.json"
        guard exists(path) else { return try storedSpec(directory.config).linux.resources ?? Spec.Resources() }
        do {
            return try Spec.Resources(try readFile(path, limit: documentSizeLimit), named: path)
        } catch let error as RuntimeError {
            throw error
        } catch {
            throw RuntimeError(.system, "\(error)").during("read the container's limits")
        }
    }
}

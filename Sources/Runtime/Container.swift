package import Cgroups
package import Diagnostics
import Glibc
package import JSON
package import OCI
import Syscalls

/// A container that exists: what is kept of it, and what the kernel says of it now.
package struct Container: Sendable {
    /// What is kept of it.
    package let record: ContainerRecord
    /// The directory it is kept in.
    package let directory: String

    /// Names a container.
    package init(_ record: ContainerRecord, in store: StateStore) {
        self.record = record
        directory = store.directory(of: record.id)
    }

    /// Its cgroups.
    package var cgroups: ContainerCgroups { ContainerCgroups(records: record.cgroups) }

    /// What it is doing now.
    package var status: State.Status {
        guard let process = record.process else {
            // Nobody can tell whether the launcher will get any further but the launcher itself.
            return record.launcher?.isAlive == true ? .creating : .stopped
        }
        guard process.isAlive else { return .stopped }
        if exists(directory + "/start.sock") { return .created }
        return isPaused ? .paused : .running
    }

    /// Whether it was paused, by us or by somebody who freezes its cgroup.
    package var isPaused: Bool {
        record.isolation == .vm ? cgroups.isFreezeRequested : cgroups.isFrozen
    }

    /// The state as the runtime-spec has it, runtime.md, "State"; and what runc adds to it.
    ///
    /// - Parameter status: what the container is doing.
    package func state(_ status: State.Status, _ style: JSONWriter.Style = .pretty) -> String {
        var writer = JSONWriter(style)
        write(status, to: &writer)
        return writer.text
    }

    /// Writes the state as one value.
    package func write(_ status: State.Status, to writer: inout JSONWriter) {
        writer.object { object in
            let pid = status == .stopped ? 0 : record.process?.pid ?? 0
            let state = State(
                id: record.id, status: status, pid: pid, bundle: record.bundle, annotations: record.annotations)
            state.writeMembers(into: &object)
            object.member("rootfs", record.rootfs)
            object.member("created", record.created)
            object.member("owner", ownerName)
        }
    }

    /// The name of the user who made it.
    package var ownerName: String { userName(of: record.owner) }

    /// Every process of the container on the host, where a virtual machine is its monitor.
    package func processes() throws(RuntimeError) -> [Int32] {
        if record.isolation == .vm { return record.process.map { [$0.pid] } ?? [] }
        if !record.cgroups.isEmpty { return try cgroups.processes() }
        guard let process = record.process, process.isAlive else { return [] }
        return try during("list the processes of the pid namespace") { try processesOfNamespace(of: process.pid) }
    }
}

/// The name of a user; the number where the host has none for it.
///
/// The file is read here: in a static program getpwuid(3) would load modules of another C library.
func userName(of id: UInt32) -> String {
    if id == 0 { return "root" }
    guard let text = try? readText("/etc/passwd", limit: 4 << 20) else { return "\(id)" }
    for line in text.split(separator: "\n") {
        let fields = line.split(separator: ":", maxSplits: 3, omittingEmptySubsequences: false)
        if fields.count > 2, UInt32(fields[2]) == id { return String(fields[0]) }
    }
    return "\(id)"
}

/// The processes in the same pid namespace as another; just that one where it is this process's own namespace.
private func processesOfNamespace(of pid: Int32) throws(SystemError) -> [Int32] {
    let namespace = try linkTarget("/proc/\(pid)/ns/pid")
    if namespace == (try linkTarget("/proc/self/ns/pid")) { return [pid] }
    return try OwnedDescriptor.open("/proc", [.directory]).entries().compactMap(Int32.init).filter {
        (try? linkTarget("/proc/\($0)/ns/pid")) == namespace
    }.sorted()
}

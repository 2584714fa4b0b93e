package import Diagnostics
import Plans
import Syscalls

extension ContainerCgroups {
    /// The cgroup in which the container's processes are looked for: the v2 one, which can also kill them at once.
    private var census: CgroupRecord? {
        unified ?? v1("freezer") ?? v1("pids") ?? records.first
    }

    /// Every process of the container, those in cgroups that it made inside included, as pids of this pid namespace.
    ///
    /// It is empty where the cgroup is gone.
    package func processes() throws(RuntimeError) -> [Int32] {
        guard let census else { return [] }
        return try during("list the processes of \(census)") {
            var processes: [Int32] = []
            try forEachCgroup(from: census.directory) { directory in
                processes += try members(of: directory)
            }
            return processes
        }
    }

    /// Moves a process into every cgroup of the container; its threads go with it.
    ///
    /// A process that starts there is cheaper, see `CgroupEntrances`; this is for one that runs already.
    package func move(process pid: Int32) throws(RuntimeError) {
        for record in records {
            try during("move process \(pid) into \(record)") {
                try openCgroup(record.directory).set("cgroup.procs", "\(pid)")
            }
        }
    }

    /// Sends SIGKILL to every process of the container, also to those that it starts meanwhile.
    package func kill() throws(RuntimeError) {
        if let unified {
            do {
                return try openCgroup(unified.directory).set("cgroup.kill", "1")
            } catch let error where error.errno == .noEntry {
                // Either the cgroup is gone, or Linux is older than 5.14.
                guard exists(unified.directory) else { return }
            } catch {
                throw RuntimeError(error).during("kill the processes of \(unified)")
            }
        }
        let frozen = (try? freeze(timeoutMilliseconds: 100)) != nil
        defer { if frozen { try? thaw() } }
        var killed: Set<Int32> = []
        // A process that could not be frozen may fork between our reading and our killing; it does not do so for ever,
        // as each round kills all that were there.
        for _ in 0..<64 {
            let left = try processes().filter { !killed.contains($0) }
            if left.isEmpty { return }
            for pid in left { try send(9, to: pid) }
            killed.formUnion(left)
        }
    }

    /// Sends a signal to every process of the container that exists now.
    package func signal(_ number: Int32) throws(RuntimeError) {
        if number == 9 { return try kill() }
        // Frozen, nobody forks while the list is read. They get the signal when they are thawed.
        let wasFrozen = isFrozen
        let frozen = !wasFrozen && (try? freeze(timeoutMilliseconds: 100)) != nil
        defer { if frozen { try? thaw() } }
        for pid in try processes() { try send(number, to: pid) }
    }
}

/// Sends a signal to a process unless it has ended.
private func send(_ number: Int32, to pid: Int32) throws(RuntimeError) {
    do {
        try openProcess(pid).sendSignal(number)
    } catch let error where error.errno == .noProcess {
        return
    } catch {
        throw RuntimeError(error).during("send signal \(number) to process \(pid)")
    }
}

/// The processes in one cgroup.
private func members(of directory: borrowing OwnedDescriptor) throws(SystemError) -> [Int32] {
    let limit = 64 << 20
    do {
        return numbers(try readFile(at: directory, "cgroup.procs", limit: limit))
    } catch let error where error.errno == .notSupported {
        // A threaded cgroup has threads only.
        return numbers(try readFile(at: directory, "cgroup.threads", limit: limit))
    } catch let error where error.errno == .noEntry || error.errno == .noDevice {
        // The cgroup went away between being found and being read.
        return []
    }
}

private func numbers(_ bytes: [UInt8]) -> [Int32] {
    // A process of another pid namespace is shown as 0.
    bytes.split(separator: 0x0a).compactMap { Int32(String(decoding: $0, as: UTF8.self)) }.filter { $0 > 0 }
}

/// Calls `visit` with a cgroup and every cgroup inside it, each before those inside it.
///
/// The container may have made them, as deep as it liked: two descriptors do for any depth. What goes away meanwhile is
/// left out.
func forEachCgroup(
    from path: String, _ visit: (borrowing OwnedDescriptor) throws -> Void
) throws {
    guard exists(path) else { return }
    var current = try OwnedDescriptor.open(path, .directory)
    try visit(current)
    var pending = [try current.directories()]
    while let name = pending[pending.count - 1].popLast() ?? up(&pending) {
        if name == ".." {
            current = try OwnedDescriptor.open(at: current, "..", .directory)
            continue
        }
        guard let child = try? OwnedDescriptor.open(at: current, name, [.directory, .noFollow]) else { continue }
        current = child
        try visit(current)
        pending.append((try? current.directories()) ?? [])
    }
}

/// Leaves a directory that is done: the name of the one above, or nil at the top.
private func up(_ pending: inout [[String]]) -> String? {
    guard pending.count > 1 else { return nil }
    pending.removeLast()
    return ".."
}

import AgentProtocol
package import Diagnostics
import Syscalls

/// The cgroup (v2) of the workload inside the guest.
package struct GuestCgroup: Sendable {
    private static let statistics = [
        "cpu.stat", "memory.current", "memory.max", "memory.peak", "memory.stat", "memory.events",
        "memory.swap.current", "memory.swap.max", "pids.current", "pids.max", "pids.events", "io.stat", "cpu.pressure",
        "memory.pressure", "io.pressure",
    ]
    private static let fileLimit = 8 << 10
    private static let processLimit = 1000
    private static let commandLimit = 256

    /// Its directory.
    package let path: String

    /// Makes a cgroup below the one that is mounted at `root`, with every controller that there is.
    package init(below root: String) throws(RuntimeError) {
        path = "\(root)/workload"
        do {
            let controllers = try readText("\(root)/cgroup.controllers").split { " \n".contains($0) }
            // One by one: a controller that cannot be had does not keep the others away.
            for name in controllers { try? writeFile("+\(name)", to: "\(root)/cgroup.subtree_control") }
            try makeDirectories(path, mode: 0o755)
        } catch {
            throw RuntimeError(error).during("make the workload's cgroup")
        }
    }

    /// Opens its directory, to be born in.
    func open() throws(RuntimeError) -> OwnedDescriptor {
        do {
            return try OwnedDescriptor.open(path, .directory)
        } catch {
            throw RuntimeError(error).during("open the workload's cgroup")
        }
    }

    /// Sets limits; a negative one is none.
    func set(_ limits: GuestLimits) throws(RuntimeError) {
        for (name, limit) in [("memory.max", limits.memory), ("pids.max", limits.processes)] {
            guard let limit else { continue }
            do {
                try writeFile(limit < 0 ? "max" : "\(limit)", to: "\(path)/\(name)")
            } catch {
                throw RuntimeError(error, hint: "the guest's kernel may lack the controller").during(
                    "limit the workload")
            }
        }
    }

    /// Whether the kernel has killed one of its processes for lack of memory.
    var isOutOfMemory: Bool {
        guard let text = try? readText("\(path)/memory.events") else { return false }
        return text.split(separator: "\n").contains { line in
            line.hasPrefix("oom_kill ") && line != "oom_kill 0"
        }
    }

    /// Its files, as far as this kernel has them and an answer takes them.
    var files: [StatisticsFile] {
        var room = FrameLimit.part
        return Self.statistics.compactMap { name in
            guard let text = try? readText("\(path)/\(name)", limit: Self.fileLimit) else { return nil }
            room -= text.utf8.count + name.utf8.count + 8
            return room < 0 ? nil : StatisticsFile(name: name, text: text)
        }
    }

    /// Its processes and those of the cgroups below it.
    var processes: (list: [GuestProcess], isComplete: Bool) {
        let pids = pids(in: path, depth: 0)
        var room = FrameLimit.part
        var list: [GuestProcess] = []
        for pid in pids.prefix(Self.processLimit) {
            guard let process = Self.process(pid) else { continue }
            room -= process.command.utf8.count + 16
            if room < 0 { return (list, false) }
            list.append(process)
        }
        return (list, pids.count <= Self.processLimit)
    }

    /// Kills all its processes, those included that are being made meanwhile.
    func signalAll(_ number: Int32) {
        if number == 9, (try? writeFile("1", to: "\(path)/cgroup.kill")) != nil { return }
        for pid in pids(in: path, depth: 0) { try? sendSignal(number, to: pid) }
    }

    private func pids(in directory: String, depth: Int) -> [Int32] {
        // The workload makes cgroups itself, as deep as it likes.
        guard depth < 16 else { return [] }
        let text = (try? readText("\(directory)/cgroup.procs")) ?? ""
        var found = text.split(separator: "\n").compactMap { Int32($0) }
        let below = (try? OwnedDescriptor.open(directory, .directory).directories()) ?? []
        for name in below { found += pids(in: "\(directory)/\(name)", depth: depth + 1) }
        return found
    }

    /// What procfs says of a process; nil for one that is gone.
    static func process(_ pid: Int32) -> GuestProcess? {
        guard let status = try? readText("/proc/\(pid)/status", limit: 16 << 10) else { return nil }
        func field(_ name: String, _ place: Int) -> Substring? {
            let line = status.split(separator: "\n").first { $0.hasPrefix(name) }
            let words = line?.split { " \t".contains($0) } ?? []
            return words.count > place ? words[place] : nil
        }
        let line = (try? readFile("/proc/\(pid)/cmdline", limit: 64 << 10)) ?? []
        var command = String(decoding: line.prefix(commandLimit).map { $0 == 0 ? 32 : $0 }, as: UTF8.self)
        while command.last == " " { command.removeLast() }
        if command.isEmpty { command = field("Name:", 1).map { "[\($0)]" } ?? "" }
        return GuestProcess(
            pid: pid, parent: field("PPid:", 1).flatMap { Int32($0) } ?? 0,
            user: field("Uid:", 2).flatMap { UInt32($0) } ?? 0, command: command)
    }
}

import Plans
import Syscalls

extension ContainerCgroups {
    /// How many processes of the container the kernel has killed for lack of memory; nil where it does not count them.
    package var outOfMemoryKills: UInt64? {
        guard let memory, let directory = try? openCgroup(memory.directory) else { return nil }
        // Linux 4.13 or newer in v1.
        let file = memory.version == .v1 ? "memory.oom_control" : "memory.events"
        return (try? directory.smallFile(file)).flatMap { keyedValue("oom_kill", in: $0) }
    }

    /// How often the container wanted more memory than its limit.
    private var memoryFailures: UInt64 {
        guard let memory, let directory = try? openCgroup(memory.directory) else { return 0 }
        switch memory.version {
        case .v1: return (try? directory.smallFile("memory.failcnt")).flatMap { UInt64(trimmed($0)) } ?? 0
        case .v2: return (try? directory.smallFile("memory.events")).flatMap { keyedValue("max", in: $0) } ?? 0
        }
    }

    /// Why a container may have died before its program ran: which limit it met, for a line of an error; nil if none.
    ///
    /// - Parameter memoryRefused: whether a system call failed as it does where there is no memory.
    package func limitMet(memoryRefused: Bool) -> String? {
        let kills = outOfMemoryKills ?? 0
        if kills > 0 || (memoryRefused && memoryFailures > 0), let memory,
            let directory = try? openCgroup(memory.directory),
            let text = try? directory.smallFile(memory.version == .v1 ? "memory.limit_in_bytes" : "memory.max")
        {
            let limit = UInt64(trimmed(text)).map { "of \(readableSize($0)) " } ?? ""
            let end = kills > 0 ? ", the kernel killed it" : ""
            return "the memory limit \(limit)is too small to start the container\(end)"
        }
        guard let tasks = v1("pids") ?? unified, let directory = try? openCgroup(tasks.directory),
            let events = try? directory.smallFile("pids.events"), let refusals = keyedValue("max", in: events),
            refusals > 0, let limit = try? directory.smallFile("pids.max")
        else { return nil }
        return "the limit of \(trimmed(limit)) tasks is too small to start the container"
    }

    /// The cgroup that limits and accounts memory.
    private var memory: CgroupRecord? {
        v1("memory") ?? unified
    }
}

/// A number of bytes in the largest unit that it is a whole number of: "256 KiB".
func readableSize(_ bytes: UInt64) -> String {
    var value = bytes
    for unit in ["bytes", "KiB", "MiB", "GiB"] {
        if value == 0 || value % 1024 != 0 || unit == "GiB" { return "\(value) \(unit)" }
        value /= 1024
    }
    return "\(bytes) bytes"
}

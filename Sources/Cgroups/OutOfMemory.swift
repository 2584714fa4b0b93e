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

    /// Why a container may have died before its program ran: which limit it met, for a line of an error; nil if none.
    package var limitMet: String? {
        if let kills = outOfMemoryKills, kills > 0, let memory,
            let directory = try? openCgroup(memory.directory),
            let text = try? directory.smallFile(memory.version == .v1 ? "memory.limit_in_bytes" : "memory.max")
        {
            let limit = UInt64(trimmed(text)).map { "of \(readableSize($0)) " } ?? ""
            return "the memory limit \(limit)is too small to start the container, the kernel killed it"
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

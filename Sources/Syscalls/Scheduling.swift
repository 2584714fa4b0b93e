import CLinux

/// The calls on limits, priorities and placement, sched(7).
package enum Scheduling {
    /// Sets a limit of a process.
    ///
    /// The corresponding system call is `prlimit(2)`.
    ///
    /// - Parameters:
    ///   - resource: the number of the resource.
    ///   - process: the process; 0 for this one.
    ///   - soft: the limit in force; UInt64.max for none.
    ///   - hard: how far it can be raised.
    ///   - subject: the limit's name for an error.
    package static func setLimit(
        _ resource: Int32, of process: Int32, soft: UInt64, hard: UInt64, subject: String
    ) throws(SystemError) {
        let values = [soft, hard]
        try syscall("prlimit", on: subject) { unsafe clx_prlimit(process, resource, values, nil) }
    }

    /// The soft and hard limit of a process.
    ///
    /// The corresponding system call is `prlimit(2)`.
    package static func limit(_ resource: Int32, of process: Int32) throws(SystemError) -> (soft: UInt64, hard: UInt64)
    {
        var values: [UInt64] = [0, 0]
        try syscall("prlimit", on: "\(resource)") { unsafe clx_prlimit(process, resource, nil, &values) }
        return (values[0], values[1])
    }

    /// Sets this thread's I/O priority, class and level.
    ///
    /// The corresponding system call is `ioprio_set(2)`.
    package static func setIOPriority(_ priority: Int32) throws(SystemError) {
        let whoProcess: Int32 = 1
        try syscall("ioprio_set", on: "\(priority)") { clx_ioprio_set(whoProcess, 0, priority) }
    }

    /// Sets this thread's scheduling.
    ///
    /// The corresponding system call is `sched_setattr(2)`.
    package static func setAttributes(
        policy: UInt32, flags: UInt64, nice: Int32, priority: UInt32, runtime: UInt64, deadline: UInt64, period: UInt64
    ) throws(SystemError) {
        try syscall("sched_setattr", on: "policy \(policy)") {
            clx_sched_setattr(policy, flags, nice, priority, runtime, deadline, period)
        }
    }

    /// Sets the CPUs a process runs on, a bit each.
    ///
    /// The corresponding system call is `sched_setaffinity(2)`.
    package static func setAffinity(_ mask: [UInt8], of process: Int32 = 0) throws(SystemError) {
        try syscall("sched_setaffinity", on: "\(process)") {
            unsafe clx_sched_setaffinity(process, mask.count, mask)
        }
    }

    /// Sets this thread's memory policy.
    ///
    /// The corresponding system call is `set_mempolicy(2)`.
    ///
    /// - Parameters:
    ///   - mode: MPOL_* and its flags.
    ///   - nodes: a bit for each node, 64 to an element.
    package static func setMemoryPolicy(mode: Int32, nodes: [UInt64]) throws(SystemError) {
        let words = nodes.map { UInt($0) }
        try syscall("set_mempolicy", on: "mode \(mode)") {
            // The kernel takes one bit less than it is told.
            unsafe clx_set_mempolicy(mode, words, words.isEmpty ? 0 : UInt(words.count * 64 + 1))
        }
    }

    /// Installs a seccomp filter.
    ///
    /// The corresponding operation is `SECCOMP_SET_MODE_FILTER` of `seccomp(2)`.
    ///
    /// - Parameters:
    ///   - instructions: classic BPF, 8 bytes each.
    ///   - flags: SECCOMP_FILTER_FLAG_*.
    /// - Returns: the listener's number with SECCOMP_FILTER_FLAG_NEW_LISTENER, else 0.
    package static func installSeccomp(_ instructions: [UInt8], flags: UInt32) throws(SystemError) -> Int32 {
        guard instructions.count % 8 == 0, let count = UInt16(exactly: instructions.count / 8) else {
            throw SystemError("seccomp", "\(instructions.count) bytes", .invalidArgument)
        }
        return try syscall("seccomp", on: "\(count) instructions") {
            unsafe clx_seccomp_install(flags, count, instructions)
        }
    }
}

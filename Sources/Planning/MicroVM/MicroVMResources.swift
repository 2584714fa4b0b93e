package import OCI

extension Spec.Resources {
    /// What the host's cgroups of a machine's monitor get: the limits of the whole machine in place of the program's.
    ///
    /// - Parameter memoryMiB: the guest's memory.
    package func forMonitor(memoryMiB: UInt32) -> Spec.Resources {
        var result = self
        // Nothing of the host is opened by the monitor: what it works with was opened before.
        result.devices = [DeviceRule(allow: false, type: .all, major: nil, minor: nil, access: .all)]
        if var memory {
            if memory.limit ?? 0 > 0 { memory.limit = Int64(memoryMiB) << 20 + Self.monitorOverhead }
            memory.swap = nil
            memory.reservation = nil
            memory.disableOOMKiller = nil
            memory.checkBeforeUpdate = nil
            result.memory = memory
        }
        if pids != nil {
            var threads = Pids()
            threads.limit = 256
            result.pids = threads
        }
        return result
    }

    /// What the monitor needs beside the guest's memory: itself, page tables, and what its file server has in flight.
    private static var monitorOverhead: Int64 { 64 << 20 }

    /// The most memory that the guest's own cgroup allows.
    package var guestMemoryLimit: UInt64? {
        memory?.limit.flatMap { $0 > 0 ? UInt64($0) : nil }
    }

    /// The most processes that the guest's own cgroup allows.
    package var guestProcessLimit: Int64? {
        pids?.limit.flatMap { $0 > 0 ? $0 : nil }
    }
}

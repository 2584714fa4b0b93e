package import OCI

extension Spec.Resources {
    /// These resources with those of an update in their place; what the update leaves out stays.
    ///
    /// All is then written again: one file may hold what two fields say, as v2's cpu.max does. Rules for devices are not
    /// part of an update, as in runc.
    package func updated(by update: Spec.Resources) -> Spec.Resources {
        var result = self
        result.memory = merge(memory, update.memory) { old, new in
            replaceUnlessZero(&old.limit, new.limit)
            replaceUnlessZero(&old.reservation, new.reservation)
            replaceUnlessZero(&old.swap, new.swap)
            replaceUnlessZero(&old.kernel, new.kernel)
            replaceUnlessZero(&old.kernelTCP, new.kernelTCP)
            replace(&old.swappiness, new.swappiness)
            replace(&old.disableOOMKiller, new.disableOOMKiller)
            replace(&old.useHierarchy, new.useHierarchy)
            replace(&old.checkBeforeUpdate, new.checkBeforeUpdate)
        }
        result.cpu = merge(cpu, update.cpu) { old, new in
            replaceUnlessZero(&old.shares, new.shares)
            replaceUnlessZero(&old.quota, new.quota)
            replace(&old.burst, new.burst)
            replaceUnlessZero(&old.period, new.period)
            replaceUnlessZero(&old.realtimeRuntime, new.realtimeRuntime)
            replaceUnlessZero(&old.realtimePeriod, new.realtimePeriod)
            replace(&old.cpus, new.cpus)
            replace(&old.mems, new.mems)
            replace(&old.idle, new.idle)
        }
        result.pids = merge(pids, update.pids) { old, new in replace(&old.limit, new.limit) }
        result.blockIO = merge(blockIO, update.blockIO) { old, new in
            replaceUnlessZero(&old.weight, new.weight)
            replaceUnlessZero(&old.leafWeight, new.leafWeight)
            replace(&old.weightDevice, new.weightDevice)
            replace(&old.throttleReadBpsDevice, new.throttleReadBpsDevice)
            replace(&old.throttleWriteBpsDevice, new.throttleWriteBpsDevice)
            replace(&old.throttleReadIOPSDevice, new.throttleReadIOPSDevice)
            replace(&old.throttleWriteIOPSDevice, new.throttleWriteIOPSDevice)
        }
        result.network = merge(network, update.network) { old, new in
            replace(&old.classID, new.classID)
            replace(&old.priorities, new.priorities)
        }
        replace(&result.hugepageLimits, update.hugepageLimits)
        replace(&result.rdma, update.rdma)
        for entry in update.unified {
            result.unified.removeAll { $0.key == entry.key }
            result.unified.append(entry)
        }
        return result
    }

    private func merge<Part>(_ old: Part?, _ new: Part?, _ body: (inout Part, Part) -> Void) -> Part? {
        guard var part = old, let new else { return new ?? old }
        body(&part, new)
        return part
    }
}

private func replace<Value>(_ old: inout Value?, _ new: Value?) {
    if let new { old = new }
}

/// For fields in which 0 stands for unset, as engines written in Go send it.
private func replaceUnlessZero<Value: BinaryInteger>(_ old: inout Value?, _ new: Value?) {
    if let new, new != 0 { old = new }
}

private func replace<Element>(_ old: inout [Element], _ new: [Element]) {
    if !new.isEmpty { old = new }
}

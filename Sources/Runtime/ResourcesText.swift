import JSON
import OCI

extension Spec.Resources {
    /// The limits as `update --resources` takes them, rules for devices left out.
    var json: [UInt8] {
        var writer = JSONWriter()
        writer.object { object in
            if let memory { object.member("memory") { memory.write(to: &$0) } }
            if let cpu { object.member("cpu") { cpu.write(to: &$0) } }
            object.member("pids") { writer in
                writer.object { if let limit = pids?.limit { $0.member("limit", Int(limit)) } }
            }
            if let blockIO { object.member("blockIO") { blockIO.write(to: &$0) } }
            writeList("hugepageLimits", hugepageLimits, to: &object) { object, limit in
                object.member("pageSize", limit.pageSize)
                object.member("limit", limit.limit)
            }
            if let network { object.member("network") { network.write(to: &$0) } }
            object.member("rdma") { writer in
                writer.object { devices in
                    for entry in rdma { devices.member(entry.key) { entry.value.write(to: &$0) } }
                }
            }
            object.member("unified", unified.map { ($0.key, $0.value) })
        }
        return writer.bytes
    }
}

extension Spec.Resources.Memory {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.object { object in
            for (key, value) in [
                ("limit", limit), ("reservation", reservation), ("swap", swap), ("kernel", kernel),
                ("kernelTCP", kernelTCP),
            ] {
                if let value { object.member(key, Int(value)) }
            }
            if let swappiness { object.member("swappiness", swappiness) }
            if let disableOOMKiller { object.member("disableOOMKiller", disableOOMKiller) }
            if let useHierarchy { object.member("useHierarchy", useHierarchy) }
            if let checkBeforeUpdate { object.member("checkBeforeUpdate", checkBeforeUpdate) }
        }
    }
}

extension Spec.Resources.CPU {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.object { object in
            for (key, value) in [
                ("shares", shares), ("burst", burst), ("period", period), ("realtimePeriod", realtimePeriod),
            ] {
                if let value { object.member(key, value) }
            }
            for (key, value) in [("quota", quota), ("realtimeRuntime", realtimeRuntime), ("idle", idle)] {
                if let value { object.member(key, Int(value)) }
            }
            if let cpus { object.member("cpus", cpus) }
            if let mems { object.member("mems", mems) }
        }
    }
}

extension Spec.Resources.BlockIO {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.object { object in
            if let weight { object.member("weight", Int(weight)) }
            if let leafWeight { object.member("leafWeight", Int(leafWeight)) }
            writeList("weightDevice", weightDevice, to: &object) { object, device in
                object.member("major", Int(device.major))
                object.member("minor", Int(device.minor))
                if let weight = device.weight { object.member("weight", Int(weight)) }
                if let leafWeight = device.leafWeight { object.member("leafWeight", Int(leafWeight)) }
            }
            for (key, devices) in [
                ("throttleReadBpsDevice", throttleReadBpsDevice), ("throttleWriteBpsDevice", throttleWriteBpsDevice),
                ("throttleReadIOPSDevice", throttleReadIOPSDevice),
                ("throttleWriteIOPSDevice", throttleWriteIOPSDevice),
            ] {
                writeList(key, devices, to: &object) { object, device in
                    object.member("major", Int(device.major))
                    object.member("minor", Int(device.minor))
                    object.member("rate", device.rate)
                }
            }
        }
    }
}

extension Spec.Resources.Network {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.object { object in
            if let classID { object.member("classID", Int(classID)) }
            writeList("priorities", priorities, to: &object) { object, entry in
                object.member("name", entry.name)
                object.member("priority", Int(entry.priority))
            }
        }
    }
}

extension Spec.Resources.Rdma {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.object { object in
            if let hcaHandles { object.member("hcaHandles", Int(hcaHandles)) }
            if let hcaObjects { object.member("hcaObjects", Int(hcaObjects)) }
        }
    }
}

private func writeList<Element>(
    _ key: String, _ elements: [Element], to writer: inout JSONWriter,
    _ members: (inout JSONWriter, Element) -> Void
) {
    writer.member(key) { writer in
        writer.array { array in
            for element in elements { array.object { members(&$0, element) } }
        }
    }
}

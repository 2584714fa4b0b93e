import Diagnostics
import JSON
import OCI
import Options
import Runtime
import Syscalls

/// `mvrun update CONTAINER`: changes limits, by a file or by options.
enum UpdateCommand {
    static func run(_ invocation: Invocation, _ session: Session) throws(RuntimeError) {
        let update: Spec.Resources
        if let path = invocation.value(.resources) {
            // runc ignores the options next to a file; so they are not even looked at.
            update = try Spec.Resources(try content(of: path), named: path == "-" ? "standard input" : path)
        } else {
            update = try Spec.Resources(try text(of: invocation), named: "the options")
        }
        for (key, name) in [(OptionKey.kernelMemory, "--kernel-memory"), (.kernelMemoryTCP, "--kernel-memory-tcp")]
        where invocation.value(key) != nil {
            session.log.warn("\(name) is ignored: the kernel does not have this limit any more")
        }
        if invocation.value(.l3CacheSchema) != nil || invocation.value(.memoryBandwidthSchema) != nil {
            try session.updateCacheAllocation(
                invocation.container, l3: invocation.value(.l3CacheSchema),
                memoryBandwidth: invocation.value(.memoryBandwidthSchema))
        }
        try session.update(invocation.container, update)
    }

    private static func content(of path: String) throws(RuntimeError) -> [UInt8] {
        do {
            let file = try path == "-" ? OwnedDescriptor.standardStream(0) : OwnedDescriptor.open(path)
            return try file.readAll(limit: documentSizeLimit, subject: path == "-" ? "standard input" : path)
        } catch {
            throw RuntimeError(error).during("read the limits")
        }
    }

    /// The options as the file that says the same, so that both are read and checked by one reader.
    private static func text(of invocation: Invocation) throws(RuntimeError) -> [UInt8] {
        let memory = try numbers(
            invocation,
            [("limit", .memory), ("reservation", .memoryReservation), ("swap", .memorySwap)], parse: Quantity.bytes)
        let cpu = try numbers(
            invocation,
            [
                ("shares", .cpuShares), ("quota", .cpuQuota), ("burst", .cpuBurst), ("period", .cpuPeriod),
                ("realtimeRuntime", .cpuRealtimeRuntime), ("realtimePeriod", .cpuRealtimePeriod), ("idle", .cpuIdle),
            ])
        let pids = try numbers(invocation, [("limit", .pidsLimit)])
        let blockIO = try numbers(invocation, [("weight", .blockIOWeight)])
        let places = [("cpus", invocation.value(.cpusetCPUs)), ("mems", invocation.value(.cpusetMems))]
        var writer = JSONWriter()
        writer.object { resources in
            for (key, members) in [("memory", memory), ("cpu", cpu), ("pids", pids), ("blockIO", blockIO)] {
                let texts = key == "cpu" ? places : []
                guard !members.isEmpty || texts.contains(where: { $0.1 != nil }) else { continue }
                resources.member(key) { section in
                    section.object { object in
                        for (name, number) in members { object.member(name, number) }
                        for (name, text) in texts { if let text { object.member(name, text) } }
                    }
                }
            }
        }
        return writer.bytes
    }

    private static func numbers(
        _ invocation: Invocation, _ options: [(name: String, key: OptionKey)], parse: (String) -> Int? = { Int($0) }
    ) throws(RuntimeError) -> [(String, Int)] {
        var found: [(String, Int)] = []
        for option in options {
            guard let text = invocation.value(option.key) else { continue }
            guard let number = parse(text) else {
                throw RuntimeError(.usage, "--\(OptionTable.name(of: option.key)): \"\(text)\" is not a number")
            }
            found.append((option.name, number))
        }
        return found
    }
}

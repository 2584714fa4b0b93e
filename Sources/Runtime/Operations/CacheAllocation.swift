package import Diagnostics
import Syscalls

extension Session {
    /// Changes what of the processor's caches and memory bandwidth a container may use: Intel RDT, resctrl.rst.
    ///
    /// - Parameters:
    ///   - id: the container, which must have a group of its own (`linux.intelRdt`).
    ///   - l3: the schema of the L3 cache, as in "L3:0=f0;1=f".
    ///   - memoryBandwidth: the schema of memory bandwidth, as in "MB:0=20;1=70".
    package func updateCacheAllocation(_ id: String, l3: String?, memoryBandwidth: String?) throws(RuntimeError) {
        let (container, _) = try liveContainer(id)
        guard let group = container.record.resctrlGroup else {
            throw RuntimeError(
                .unsupported, "the container has no resctrl group",
                hint: "linux.intelRdt makes one, where the processor and the kernel have resctrl")
        }
        for schema in [l3, memoryBandwidth] {
            guard let schema else { continue }
            guard !schema.utf8.contains(UInt8(ascii: "\n")) else {
                throw RuntimeError(.usage, "the schema \(schema) has more than one line")
            }
            do throws(SystemError) {
                try writeFile(schema + "\n", to: group + "/schemata")
            } catch {
                throw RuntimeError(error).during("set the schema \(schema)")
            }
        }
    }
}

package import JSON
import Syscalls

/// What resctrl says of a container's group, in the shape that runc prints as `intel_rdt`.
package struct ResctrlStatistics {
    private let root: String
    private let group: String
    private let monitored: String

    /// Names the group of a container; nil where it has none.
    package init?(of record: ContainerRecord, in resctrl: Resctrl?) {
        guard let group = record.resctrlGroup, let resctrl else { return nil }
        root = resctrl.root
        self.group = group
        monitored = record.resctrlMonitoring ?? group
    }

    /// Writes the members.
    package func write(into object: inout JSONWriter) {
        let schemata = lines(group + "/schemata")
        let rootSchemata = lines(root + "/schemata")
        if exists(root + "/info/L3") {
            object.member("l3_cache_info") { info in
                info.object { object in
                    if let mask = lines(root + "/info/L3/cbm_mask").first { object.member("cbm_mask", mask) }
                    numbers("L3", [("min_cbm_bits", "min_cbm_bits"), ("num_closids", "num_closids")], &object)
                }
            }
            schema("L3", rootSchemata, "l3_cache_schema_root", &object)
            schema("L3", schemata, "l3_cache_schema", &object)
        }
        if exists(root + "/info/MB") {
            object.member("mem_bw_info") { info in
                info.object { object in
                    let files = [
                        ("bandwidth_gran", "bandwidth_gran"), ("delay_linear", "delay_linear"),
                        ("min_bandwidth", "min_bandwidth"), ("num_closids", "num_closids"),
                    ]
                    numbers("MB", files, &object)
                }
            }
            schema("MB", rootSchemata, "mem_bw_schema_root", &object)
            schema("MB", schemata, "mem_bw_schema", &object)
        }
        if !schemata.isEmpty { object.member("schemata", schemata) }
        writeMonitoring(&object)
    }

    private func writeMonitoring(_ object: inout JSONWriter) {
        let names = (try? OwnedDescriptor.open(monitored + "/mon_data", [.directory]).entries().sorted()) ?? []
        // One directory for each cache; sub-NUMA clusters and other resources have other names.
        let caches = names.filter { $0.hasPrefix("mon_L3_") }.map { "\(monitored)/mon_data/\($0)" }
        if caches.contains(where: { exists($0 + "/mbm_total_bytes") }) {
            list("mbm_stats", caches, ["mbm_total_bytes", "mbm_local_bytes"], &object)
        }
        if caches.contains(where: { exists($0 + "/llc_occupancy") }) {
            list("cmt_stats", caches, ["llc_occupancy"], &object)
        }
    }

    private func list(_ key: String, _ caches: [String], _ files: [String], _ object: inout JSONWriter) {
        object.member(key) { list in
            list.array { array in
                for cache in caches {
                    array.object { object in
                        // "Unavailable", as a counter that is not at hand reads, is 0 as for runc.
                        for file in files { object.member(file, number("\(cache)/\(file)") ?? 0) }
                    }
                }
            }
        }
    }

    private func numbers(_ resource: String, _ files: [(String, String)], _ object: inout JSONWriter) {
        for (key, file) in files {
            if let value = number("\(root)/info/\(resource)/\(file)") { object.member(key, value) }
        }
    }

    private func schema(_ resource: String, _ schemata: [String], _ key: String, _ object: inout JSONWriter) {
        // With code and data apart the resource has two lines; the first is the one that there is room for.
        guard let line = schemata.first(where: { $0.hasPrefix(resource) }) else { return }
        object.member(key, line)
    }

    private func number(_ path: String) -> UInt64? {
        lines(path).first.flatMap { UInt64($0) }
    }

    private func lines(_ path: String) -> [String] {
        guard let text = try? readText(path) else { return [] }
        return text.split(separator: "\n").map { String($0.drop { $0 == " " }) }
    }
}

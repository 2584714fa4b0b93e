/// The allocations of a resctrl group: lines of its file `schemata`, as in "L3:0=7f0;1=1f".
struct Schemata {
    private var domains: [String: [String: Value]] = [:]

    /// What a domain gets: a mask, in whatever way it is spelt, or a number.
    private enum Value: Equatable {
        case mask(UInt64)
        case text(String)
    }

    /// Reads lines; what is none is left out.
    init(_ text: String) {
        for line in text.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let resource = Self.trim(line[..<colon])
            for entry in line[line.index(after: colon)...].split(separator: ";") {
                let parts = entry.split(separator: "=", maxSplits: 1)
                guard parts.count == 2 else { continue }
                let value = Self.trim(parts[1])
                // Bandwidth is a decimal number, portions of caches are masks without a prefix.
                let isMask = resource.hasPrefix("L")
                domains[resource, default: [:]][Self.trim(parts[0])] =
                    isMask ? UInt64(value, radix: 16).map(Value.mask) ?? .text(value) : .text(value)
            }
        }
    }

    /// Whether everything that a line asks for is as it asks.
    func contains(_ line: String) -> Bool {
        let wanted = Schemata(line)
        return !wanted.domains.isEmpty
            && wanted.domains.allSatisfy { resource, values in
                values.allSatisfy { domain, value in domains[resource]?[domain] == value }
            }
    }

    private static func trim(_ text: Substring) -> String {
        String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}

package import Diagnostics

extension SystemdProperty {
    /// What annotations named `org.systemd.property.NAME` begin with: how engines give properties of a container's scope.
    package static let annotationPrefix = "org.systemd.property."

    /// The properties that annotations may set, and their types.
    ///
    /// Annotations may come from an image, so these are the ones that engines set and that lift no limit: when the unit
    /// ends, how, and in which order with others.
    private static let settable = [
        "After": "as", "Before": "as", "CollectMode": "s", "DefaultDependencies": "b", "KillSignal": "i",
        "TimeoutStopUSec": "t",
    ]

    /// Reads an annotation.
    ///
    /// The value has the form of GVariant's texts, as runc and crun take it: `uint64 90000000`, `true`, `'text'`,
    /// `['a', 'b']`. A name that ends in "Sec" in place of "USec" counts seconds.
    ///
    /// - Returns: nil where it is no such annotation, or names a property that annotations may not set.
    package init?(annotation key: String, _ value: String) throws(RuntimeError) {
        guard key.hasPrefix(Self.annotationPrefix) else { return nil }
        var name = String(key.dropFirst(Self.annotationPrefix.count))
        let countsSeconds = name.hasSuffix("Sec") && !name.hasSuffix("USec")
        if countsSeconds { name = String(name.dropLast(3)) + "USec" }
        guard let signature = Self.settable[name] else { return nil }
        guard let fields = Self.fields(value, signature, factor: countsSeconds ? 1_000_000 : 1) else {
            throw RuntimeError(
                .invalidBundle, "annotations[\"\(key)\"]: \"\(value)\" is not of the D-Bus type \(signature)",
                hint: "the forms are uint64 90000000, true, 'text' and ['a', 'b']")
        }
        self.init(name, signature, fields)
    }

    private static func fields(_ text: String, _ signature: String, factor: UInt64) -> [String]? {
        switch signature {
        case "b": return ["true": ["1"], "false": ["0"]][text]
        case "i": return Int32(number(text)).map { ["\($0)"] }
        case "t":
            guard let value = UInt64(number(text)) else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: factor)
            return overflow ? nil : ["\(product)"]
        case "s": return quoted(text).map { [$0] }
        default:
            guard text.hasPrefix("["), text.hasSuffix("]") else { return nil }
            let parts = text.dropFirst().dropLast().split(separator: ",")
            let texts = parts.compactMap { quoted(String($0)) }
            return texts.count == parts.count ? texts : nil
        }
    }

    /// A number without the name of its type.
    private static func number(_ text: String) -> String {
        let parts = words(text)
        let types = ["int32", "uint32", "int64", "uint64"]
        return parts.count == 2 && types.contains(parts[0]) ? parts[1] : text
    }

    /// A text without its quotation marks.
    private static func quoted(_ text: String) -> String? {
        let bare = words(text).joined(separator: " ")
        guard let mark = bare.first, mark == "'" || mark == "\"", bare.count > 1, bare.last == mark else { return nil }
        let inside = String(bare.dropFirst().dropLast())
        return inside.contains(mark) || inside.contains("\\") ? nil : inside
    }
}

/// A property of a unit, as a line that separates its parts with tabs: `MemoryMax`, `t`, `67108864`.
///
/// * The name, as in org.freedesktop.systemd1(5). A hyphen before it marks one that is left out where systemd refuses the
///   unit with it: an older systemd does not know it.
/// * The D-Bus type: one of b, u, t, i, x and s, or a before one of y, u and s. b is 0 or 1.
/// * The value; of an array each element for itself.
struct Property {
    /// Whether the unit can do without it.
    let isOptional: Bool
    /// The name.
    let name: String
    /// The D-Bus type.
    let signature: String
    /// The value.
    let value: Value

    /// A value of one of the types that properties of scopes have.
    enum Value {
        case boolean(Bool)
        case uint32(UInt32)
        case uint64(UInt64)
        case int32(Int32)
        case int64(Int64)
        case string(String)
        case bytes([UInt8])
        case uint32s([UInt32])
        case strings([String])
    }

    /// Reads a line.
    init(line: ArraySlice<UInt8>) throws(BusError) {
        let parts = line.split(separator: 0x09, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        let isOptional = parts[0].hasPrefix("-")
        let name = isOptional ? String(parts[0].dropFirst()) : parts[0]
        let signature = parts.count > 1 ? parts[1] : ""
        let fields = Array(parts.dropFirst(2))
        guard !name.isEmpty, let value = Value(signature, fields) else {
            throw BusError("property \(name): \(fields) is not of the type \"\(signature)\"")
        }
        self.isOptional = isOptional
        self.name = name
        self.signature = signature
        self.value = value
    }
}

extension Property.Value {
    /// Reads the fields of a value; nil where they are not of the type, or the type is not one of ours.
    init?(_ signature: String, _ fields: [String]) {
        if signature.hasPrefix("a") {
            self.init(arrayOf: signature.dropFirst(), fields)
            return
        }
        guard fields.count == 1, let field = fields.first else { return nil }
        let value: Property.Value? =
            switch signature {
            case "b": ["0": .boolean(false), "1": .boolean(true)][field]
            case "u": UInt32(field).map { .uint32($0) }
            case "t": UInt64(field).map { .uint64($0) }
            case "i": Int32(field).map { .int32($0) }
            case "x": Int64(field).map { .int64($0) }
            case "s": .string(field)
            default: nil
            }
        guard let value else { return nil }
        self = value
    }

    private init?(arrayOf signature: Substring, _ fields: [String]) {
        switch signature {
        case "y":
            let bytes = fields.compactMap { UInt8($0) }
            guard bytes.count == fields.count else { return nil }
            self = .bytes(bytes)
        case "u":
            let numbers = fields.compactMap { UInt32($0) }
            guard numbers.count == fields.count else { return nil }
            self = .uint32s(numbers)
        case "s": self = .strings(fields)
        default: return nil
        }
    }
}

extension [Property] {
    /// Leaves out the optional properties that systemd names in a refusal; all of them where it names none.
    ///
    /// - Throws: the refusal, where nothing is left to be left out.
    mutating func leaveOut(refusedBy error: BusError) throws(BusError) {
        let refusals = ["PropertyReadOnly", "UnknownProperty", "InvalidArgs"].map { "org.freedesktop.DBus.Error." + $0 }
        guard refusals.contains(error.name), contains(where: \.isOptional) else { throw error }
        let isNamed = contains { $0.isOptional && error.message.contains($0.name) }
        removeAll { $0.isOptional && (!isNamed || error.message.contains($0.name)) }
    }
}

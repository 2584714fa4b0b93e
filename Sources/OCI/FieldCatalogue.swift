package import Diagnostics
package import JSON

/// The fields of a config.json, and whether the spec has them.
///
/// The catalogue holds what the readers asked for while they read the document, so it cannot say anything else than what
/// is read. Whether a field that is read is also honoured, Planning knows.
package struct FieldCatalogue: Sendable {
    /// One field that is there.
    package struct Field: Sendable, Equatable {
        /// Its path, as in `linux.namespaces[2].type`.
        package var path: String
        /// Its path with the places that are the user's left empty, as in `linux.namespaces[].type`.
        package var pattern: String
        /// The line it stands on.
        package var line: Int
        /// Whether the spec has it.
        package var status: Status
    }

    /// Whether the spec has a field.
    package enum Status: Sendable, Equatable {
        /// It does, and mvrun reads it.
        case known
        /// It does or did, for another platform.
        case ignored
        /// It does not. The suggestion is a field of the same object with a name much like it.
        case unknown(suggestion: String?)
    }

    /// A field that the spec has.
    package struct Definition: Sendable, Equatable {
        /// Its path, as in `linux.namespaces[].type`.
        package var pattern: String
        /// What it holds.
        package var shape: FieldShape
    }

    /// The fields of the document, in the order of the text; objects that mvrun reads are there by what they hold.
    package let fields: [Field]

    /// Reads a config.json for its fields.
    ///
    /// - Parameter document: the text.
    package init(config document: JSONDocument) throws(RuntimeError) {
        let record = FieldRecord()
        _ = try Spec(document, record: record)
        fields = FieldCatalogue.fields(of: document.root, at: "", record)
    }

    /// The fields that the spec does not have.
    package var unknown: [Field] {
        fields.filter { if case .unknown = $0.status { true } else { false } }
    }

    /// Every field of config.json that mvrun reads, in the order in which it reads them.
    package static func specification() throws(RuntimeError) -> [Definition] {
        let document = try JSONDocument(Array(exemplar.utf8), named: "the exemplar")
        let record = FieldRecord()
        _ = try Spec(document, record: record)
        return definitions(of: document.root, at: "", record)
    }

    private static func fields(of object: JSONValue, at pattern: String, _ record: FieldRecord) -> [Field] {
        let asked = record.asked[object] ?? []
        var fields: [Field] = []
        for (key, value) in object.members where !value.isNull {
            let name = key.string ?? ""
            let place = joined(pattern, name)
            guard let shape = asked.first(where: { $0.key == name })?.shape else {
                let suggestion = closest(to: name, among: asked.map(\.key))
                fields.append(
                    Field(path: value.path, pattern: place, line: value.line, status: .unknown(suggestion: suggestion)))
                continue
            }
            let held = objects(in: value, shape)
            if held.isEmpty {
                let status: Status = shape == .ignored ? .ignored : .known
                fields.append(Field(path: value.path, pattern: place, line: value.line, status: status))
            }
            for (suffix, child) in held { fields += self.fields(of: child, at: place + suffix, record) }
        }
        return fields
    }

    /// The objects in a field, each with what its pattern adds.
    private static func objects(in value: JSONValue, _ shape: FieldShape) -> [(suffix: String, object: JSONValue)] {
        switch shape {
        case .object: [("", value)]
        case .objects: value.elements.map { ("[]", $0) }
        case .objectMap: value.members.map { ("[]", $0.value) }
        case .string, .boolean, .integer, .strings, .integers, .stringMap, .ignored: []
        }
    }

    private static func definitions(of object: JSONValue, at pattern: String, _ record: FieldRecord) -> [Definition] {
        var definitions: [Definition] = []
        for (key, shape) in record.asked[object] ?? [] where shape != .ignored {
            let place = joined(pattern, key)
            let held = object[key].map { objects(in: $0, shape) } ?? []
            if held.isEmpty { definitions.append(Definition(pattern: place, shape: shape)) }
            for (suffix, child) in held { definitions += self.definitions(of: child, at: place + suffix, record) }
        }
        return definitions
    }

    private static func joined(_ pattern: String, _ key: String) -> String {
        if pattern.isEmpty { return key }
        // One field under two names, see `Spec.VM`.
        return "\(pattern).\(key == "hwconfig" ? "hwConfig" : key)"
    }
}

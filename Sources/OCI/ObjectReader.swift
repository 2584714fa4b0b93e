package import Diagnostics
package import JSON

/// Reads the members of one JSON object into the types of the spec.
///
/// A member that is absent and one that is `null` are the same, and so is an optional string that is empty: engines
/// written in Go say "unset" in all three ways. A member of the wrong type is an error that names its path and line.
package struct ObjectReader {
    /// The object.
    package let value: JSONValue
    /// Who wants to know which members were asked for; nil outside `check` and the tests.
    let record: FieldRecord?

    /// Starts at an object.
    ///
    /// - Parameters:
    ///   - value: the object.
    ///   - record: who wants to know which members were asked for.
    package init(_ value: JSONValue, record: FieldRecord? = nil) throws(RuntimeError) {
        guard value.kind == .object else { throw mistyped(value, expected: "an object") }
        self.value = value
        self.record = record
        record?.visit(value)
    }

    private func member(_ key: String, _ shape: FieldShape) -> JSONValue? {
        record?.note(key, shape, in: value)
        guard let member = value[key], !member.isNull else { return nil }
        return member
    }

    /// An error for a member that the spec requires.
    func missing(_ key: String) -> RuntimeError {
        RuntimeError(.invalidBundle, "\(value.path(of: key)): required, and missing (line \(value.line))")
    }

    /// An error about the content of a member.
    func invalid(_ key: String, _ message: String) -> RuntimeError {
        fault(value[key] ?? value, message)
    }

    // MARK: Scalars

    /// A string; nil where it is absent or empty.
    func string(_ key: String) throws(RuntimeError) -> String? {
        guard let member = member(key, .string) else { return nil }
        let text = try plainText(member)
        return text.isEmpty ? nil : text
    }

    /// A string that the spec requires and that is not empty.
    func requiredString(_ key: String) throws(RuntimeError) -> String {
        guard let text = try string(key) else { throw missing(key) }
        return text
    }

    /// `true` or `false`; nil where it is absent.
    func boolean(_ key: String) throws(RuntimeError) -> Bool? {
        guard let member = member(key, .boolean) else { return nil }
        guard let truth = member.boolean else { throw mistyped(member, expected: "true or false") }
        return truth
    }

    /// A whole number that fits its type; nil where it is absent.
    func integer<Integer: FixedWidthInteger>(
        _ key: String, as type: Integer.Type = Integer.self
    ) throws(RuntimeError) -> Integer? {
        guard let member = member(key, .integer) else { return nil }
        return try number(member)
    }

    /// A whole number that the spec requires.
    func requiredInteger<Integer: FixedWidthInteger>(
        _ key: String, as type: Integer.Type = Integer.self
    ) throws(RuntimeError) -> Integer {
        guard let number: Integer = try integer(key) else { throw missing(key) }
        return number
    }

    /// One of the names of a table of the spec; nil where it is absent.
    func name<Name: SpecificationName>(
        _ key: String, as type: Name.Type = Name.self
    ) throws(RuntimeError) -> Name? {
        guard let member = member(key, .string) else { return nil }
        return try plainText(member).isEmpty ? nil : try named(member)
    }

    /// One of the names of a table of the spec, which the spec requires.
    func requiredName<Name: SpecificationName>(
        _ key: String, as type: Name.Type = Name.self
    ) throws(RuntimeError) -> Name {
        guard let name: Name = try name(key) else { throw missing(key) }
        return name
    }

    // MARK: Arrays and maps

    /// An array of strings; nil where it is absent.
    func strings(_ key: String) throws(RuntimeError) -> [String]? {
        guard let member = member(key, .strings) else { return nil }
        guard member.kind == .array else { throw mistyped(member, expected: "an array of strings") }
        var texts: [String] = []
        for element in member.elements {
            guard element.kind == .string else { throw mistyped(element, expected: "a string") }
            texts.append(try plainText(element))
        }
        return texts
    }

    /// An array of names of a table of the spec; nil where it is absent.
    func names<Name: SpecificationName>(
        _ key: String, as type: Name.Type = Name.self
    ) throws(RuntimeError) -> [Name]? {
        guard let member = member(key, .strings) else { return nil }
        guard member.kind == .array else { throw mistyped(member, expected: "an array of strings") }
        var names: [Name] = []
        for element in member.elements { names.append(try named(element)) }
        return names
    }

    /// An array of whole numbers; nil where it is absent.
    func integers<Integer: FixedWidthInteger>(
        _ key: String, as type: Integer.Type = Integer.self
    ) throws(RuntimeError) -> [Integer]? {
        guard let member = member(key, .integers) else { return nil }
        guard member.kind == .array else { throw mistyped(member, expected: "an array of integers") }
        var numbers: [Integer] = []
        for element in member.elements { numbers.append(try number(element)) }
        return numbers
    }

    /// An object whose values are strings, in order; nil where it is absent.
    func strings(of key: String) throws(RuntimeError) -> [Entry<String>]? {
        guard let member = member(key, .stringMap) else { return nil }
        guard member.kind == .object else { throw mistyped(member, expected: "an object of strings") }
        record?.visitMap(member)
        var entries: [Entry<String>] = []
        for (key, value) in member.members {
            guard value.kind == .string else { throw mistyped(value, expected: "a string") }
            entries.append(Entry(key: try plainText(key), value: try plainText(value)))
        }
        return entries
    }

    // MARK: Objects

    /// An object; nil where it is absent.
    func object<Content>(
        _ key: String, _ read: (ObjectReader) throws(RuntimeError) -> Content
    ) throws(RuntimeError) -> Content? {
        guard let member = member(key, .object) else { return nil }
        return try read(ObjectReader(member, record: record))
    }

    /// An array of objects; nil where it is absent.
    func objects<Content>(
        _ key: String, _ read: (ObjectReader) throws(RuntimeError) -> Content
    ) throws(RuntimeError) -> [Content]? {
        guard let member = member(key, .objects) else { return nil }
        guard member.kind == .array else { throw mistyped(member, expected: "an array of objects") }
        var contents: [Content] = []
        for element in member.elements { contents.append(try read(ObjectReader(element, record: record))) }
        return contents
    }

    /// An object whose values are objects, in order; nil where it is absent.
    func objects<Content>(
        of key: String, _ read: (ObjectReader) throws(RuntimeError) -> Content
    ) throws(RuntimeError) -> [Entry<Content>]? {
        guard let member = member(key, .objectMap) else { return nil }
        guard member.kind == .object else { throw mistyped(member, expected: "an object of objects") }
        record?.visitMap(member)
        var entries: [Entry<Content>] = []
        for (key, value) in member.members {
            entries.append(Entry(key: try plainText(key), value: try read(ObjectReader(value, record: record))))
        }
        return entries
    }

    /// A member that is kept as it is, to be read later; nil where it is absent.
    func unread(_ key: String) throws(RuntimeError) -> JSONValue? {
        guard let member = member(key, .object) else { return nil }
        guard member.kind == .object else { throw mistyped(member, expected: "an object") }
        return member
    }

    /// Says that the spec defines, or defined, a member which means nothing to a Linux runtime.
    func skip(_ key: String) {
        record?.note(key, .ignored, in: value)
    }

    // MARK: Values

    private func number<Integer: FixedWidthInteger>(_ member: JSONValue) throws(RuntimeError) -> Integer {
        let number =
            Integer.isSigned
            ? member.int64.flatMap(Integer.init(exactly:)) : member.uint64.flatMap(Integer.init(exactly:))
        guard let number else {
            guard member.kind == .number else { throw mistyped(member, expected: "an integer") }
            throw fault(
                member,
                "\(String(decoding: member.bytes, as: UTF8.self)) is not an integer from "
                    + "\(Integer.min) to \(Integer.max)")
        }
        return number
    }

    private func named<Name: SpecificationName>(_ member: JSONValue) throws(RuntimeError) -> Name {
        let text = try plainText(member)
        guard let name = Name(rawValue: text) else {
            let suggestion = closest(to: text, among: Name.allCases.map(\.rawValue))
            let error = fault(member, "\(JSONWriter.quoted(text)) is not \(Name.noun)")
            throw suggestion.map { error.hinting("did you mean \"\($0)\"?") } ?? error
        }
        return name
    }

    /// The text of a string, which the kernel will take as a C string: a zero byte would cut it short unseen.
    private func plainText(_ member: JSONValue) throws(RuntimeError) -> String {
        guard let text = member.string else { throw mistyped(member, expected: "a string") }
        if text.utf8.contains(0) { throw fault(member, "the string contains a zero byte") }
        return text
    }
}

/// A key of a JSON object with its value, where the spec leaves the keys to the user; in the order of the text.
package struct Entry<Value: Sendable & Equatable>: Sendable, Equatable {
    /// The key.
    package var key: String
    /// The value.
    package var value: Value

    /// Makes an entry.
    package init(key: String, value: Value) {
        self.key = key
        self.value = value
    }
}

/// An error about the content of a value.
func fault(_ value: JSONValue, _ message: String) -> RuntimeError {
    let path = value.path
    return RuntimeError(.invalidBundle, "\(path.isEmpty ? "" : "\(path): ")\(message) (line \(value.line))")
}

/// An error about the type of a value.
func mistyped(_ value: JSONValue, expected: String) -> RuntimeError {
    let found =
        switch value.kind {
        case .null: "null"
        case .boolean: value.boolean == true ? "true" : "false"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    return fault(value, "expected \(expected), found \(found)")
}

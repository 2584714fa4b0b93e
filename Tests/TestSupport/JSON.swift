import Foundation

/// A JSON value that tests build and change in place: `spec.process.user.umask = 0o27`.
///
/// It is deliberately loose: a test has to be able to write what a strict parser must refuse.
@dynamicMemberLookup
package enum JSON: Equatable, Sendable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A whole number.
    case integer(Int64)
    /// A number that is not whole.
    case double(Double)
    /// A string.
    case string(String)
    /// An array.
    case array([JSON])
    /// An object.
    case object([String: JSON])
    /// Text that is written as it stands: numbers beyond `Int64`, and what is not JSON.
    case literal(String)

    /// Reads JSON text.
    package init(parsing text: String) throws {
        let options: JSONSerialization.ReadingOptions = .fragmentsAllowed
        self.init(foundation: try JSONSerialization.jsonObject(with: Data(text.utf8), options: options))
    }

    private init(foundation value: Any) {
        switch value {
        case let text as String: self = .string(text)
        case let list as [Any]: self = .array(list.map(JSON.init(foundation:)))
        case let members as [String: Any]: self = .object(members.mapValues(JSON.init(foundation:)))
        case let number as NSNumber:
            if isBoolean(number) {
                self = .bool(number.boolValue)
            } else if let whole = Int64(exactly: number) {
                self = .integer(whole)
            } else {
                self = .double(number.doubleValue)
            }
        default: self = .null
        }
    }

    /// The member of an object, `.null` where there is none; writing makes the object and writing `.null` removes.
    package subscript(dynamicMember name: String) -> JSON {
        get { self[name] }
        set { self[name] = newValue }
    }

    /// The member of an object, `.null` where there is none; writing makes the object and writing `.null` removes.
    package subscript(name: String) -> JSON {
        get {
            guard case .object(let members) = self else { return .null }
            return members[name] ?? .null
        }
        set {
            var members: [String: JSON] = [:]
            if case .object(let existing) = self { members = existing }
            members[name] = newValue == .null ? nil : newValue
            self = .object(members)
        }
    }

    /// An element of an array; `.null` where there is none.
    package subscript(index: Int) -> JSON {
        get { elements.indices.contains(index) ? elements[index] : .null }
        set { elements[index] = newValue }
    }

    /// The elements of an array; empty for anything else.
    package var elements: [JSON] {
        get {
            guard case .array(let elements) = self else { return [] }
            return elements
        }
        set { self = .array(newValue) }
    }

    /// The members of an object; empty for anything else.
    package var members: [String: JSON] {
        guard case .object(let members) = self else { return [:] }
        return members
    }

    /// The string; nil for anything else.
    package var text: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// The whole number; nil for anything else.
    package var number: Int? {
        guard case .integer(let number) = self else { return nil }
        return Int(number)
    }

    /// Sets what stands at a path of member names with dots between; nil removes it.
    package mutating func set(_ path: String, to value: JSON?) {
        let names = path.split(separator: ".", maxSplits: 1).map(String.init)
        if names.count == 1 {
            self[names[0]] = value ?? .null
        } else {
            self[names[0]].set(names[1], to: value)
        }
    }

    /// Appends to an array, which is made where there is none.
    package mutating func append(_ element: JSON) {
        elements.append(element)
    }

    /// The JSON text, members sorted by name.
    package var description: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .integer(let value): String(value)
        case .double(let value): String(value)
        case .string(let value): Self.quoted(value)
        case .literal(let text): text
        case .array(let elements): "[" + elements.map(\.description).joined(separator: ",") + "]"
        case .object(let members):
            "{"
                + members.sorted { $0.key < $1.key }.map { Self.quoted($0.key) + ":" + $0.value.description }
                .joined(separator: ",") + "}"
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20:
                result += "\\u" + String(repeating: "0", count: scalar.value < 0x10 ? 3 : 2)
                result += String(scalar.value, radix: 16)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

/// Whether a number came from `true` or `false`: Foundation gives both as NSNumber, told apart by their encoding.
private func isBoolean(_ number: NSNumber) -> Bool {
    String(cString: number.objCType) == "c"
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByFloatLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral,
    ExpressibleByStringInterpolation,
    ExpressibleByNilLiteral, CustomStringConvertible
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(floatLiteral value: Double) { self = .double(value) }
    package init(arrayLiteral elements: JSON...) { self = .array(elements) }
    package init(nilLiteral: ()) { self = .null }
    package init(dictionaryLiteral members: (String, JSON)...) {
        self = .object(Dictionary(members) { _, last in last })
    }
    /// An array of strings.
    package init(_ strings: [String]) { self = .array(strings.map(JSON.string)) }
    /// A whole number.
    package init(_ number: Int) { self = .integer(Int64(number)) }
}

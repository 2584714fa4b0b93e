import JSON

/// What a member of the spec holds.
package enum FieldShape: Sendable, Equatable {
    /// A string.
    case string
    /// `true` or `false`.
    case boolean
    /// A whole number.
    case integer
    /// An array of strings.
    case strings
    /// An array of whole numbers.
    case integers
    /// An object whose keys are the user's and whose values are strings.
    case stringMap
    /// An object whose keys are the user's and whose values are objects.
    case objectMap
    /// An object.
    case object
    /// An array of objects.
    case objects
    /// Something for another platform than Linux, or that the spec has given up.
    case ignored
}

/// Keeps which members the readers asked for in each object: by that, unknown fields are known, and what the parser reads
/// and what `check` and `features` say cannot drift apart.
package final class FieldRecord {
    /// The members asked for in each object that was read, in order.
    private(set) var asked: [JSONValue: [(key: String, shape: FieldShape)]] = [:]
    /// The objects whose keys are the user's.
    private(set) var maps: Set<JSONValue> = []

    /// Makes an empty record.
    package init() {}

    func visit(_ object: JSONValue) {
        asked[object] = asked[object] ?? []
    }

    func visitMap(_ object: JSONValue) {
        maps.insert(object)
    }

    func note(_ key: String, _ shape: FieldShape, in object: JSONValue) {
        asked[object, default: []].append((key, shape))
    }
}

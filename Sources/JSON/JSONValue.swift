/// One value of a `JSONDocument`.
///
/// A value is a place in the document's table, so it is cheap to copy, and it knows its bytes, its path and its line.
package struct JSONValue: Sendable {
    /// The document that the value belongs to.
    package let document: JSONDocument
    let index: Int

    /// The kinds of values in the words of RFC 8259.
    package enum Kind: Sendable {
        /// `null`.
        case null
        /// `true` or `false`.
        case boolean
        /// A number.
        case number
        /// A string.
        case string
        /// An array.
        case array
        /// An object.
        case object
    }

    private var row: JSONRow {
        document.rows[index]
    }

    /// The kind.
    package var kind: Kind {
        switch row.kind {
        case .null: .null
        case .true, .false: .boolean
        case .number: .number
        case .string, .escapedString: .string
        case .array: .array
        case .object: .object
        }
    }

    // MARK: Scalars

    /// Whether the value is `null`.
    package var isNull: Bool {
        row.kind == .null
    }

    /// The truth value; nil of another kind.
    package var boolean: Bool? {
        switch row.kind {
        case .true: true
        case .false: false
        default: nil
        }
    }

    /// The text with its escapes decoded; nil of another kind.
    package var string: String? {
        let row = row
        guard row.kind == .string || row.kind == .escapedString else { return nil }
        return text(of: row, in: document.bytes)
    }

    /// Whether the value is a string of exactly this text; makes no string to find out.
    package func isString(_ other: String) -> Bool {
        let row = row
        switch row.kind {
        case .string:
            let start = Int(row.start)
            guard other.utf8.count == Int(row.end) - start else { return false }
            var offset = start
            for byte in other.utf8 {
                if document.bytes[offset] != byte { return false }
                offset += 1
            }
            return true
        case .escapedString: return string == other
        default: return false
        }
    }

    /// The number as an Int64; nil of another kind, with a fraction or exponent, or out of range.
    package var int64: Int64? {
        guard let (negative, magnitude) = integer else { return nil }
        if !negative { return Int64(exactly: magnitude) }
        return magnitude <= UInt64(Int64.max) + 1 ? Int64(truncatingIfNeeded: 0 &- magnitude) : nil
    }

    /// The number as a UInt64; nil of another kind, with a fraction or exponent, or out of range.
    package var uint64: UInt64? {
        guard let (negative, magnitude) = integer, !negative || magnitude == 0 else { return nil }
        return magnitude
    }

    /// The number as the nearest Double; nil of another kind.
    package var double: Double? {
        row.kind == .number ? Double(String(decoding: bytes, as: UTF8.self)) : nil
    }

    private var integer: (negative: Bool, magnitude: UInt64)? {
        guard row.kind == .number else { return nil }
        var magnitude: UInt64 = 0
        var negative = false
        for index in Int(row.start)..<Int(row.end) {
            let byte = document.bytes[index]
            if byte == UInt8(ascii: "-") {
                negative = true
                continue
            }
            guard UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte else { return nil }
            let (product, tooLarge) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, overflow) = product.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
            if tooLarge || overflow { return nil }
            magnitude = sum
        }
        return (negative, magnitude)
    }

    // MARK: Arrays and objects

    /// The values of an array, in order; empty of another kind.
    package var elements: JSONElements {
        JSONElements(document: document, index: index + 1, end: row.kind == .array ? Int(row.next) : index + 1)
    }

    /// The members of an object, in order; empty of another kind.
    package var members: JSONMembers {
        JSONMembers(document: document, index: index + 1, end: row.kind == .object ? Int(row.next) : index + 1)
    }

    /// The member of an object with this key; nil where there is none, and of another kind.
    package subscript(_ key: String) -> JSONValue? {
        let row = row
        guard row.kind == .object else { return nil }
        var index = self.index + 1
        let end = Int(row.next)
        while index < end {
            if JSONValue(document: document, index: index).isString(key) {
                return JSONValue(document: document, index: index + 1)
            }
            index = Int(document.rows[index + 1].next)
        }
        return nil
    }

    /// What an array or an object holds: elements, or the values of members.
    var children: [JSONValue] {
        kind == .array ? Array(elements) : members.map(\.value)
    }

    // MARK: Where it stands

    /// The value's bytes in the text, quotation marks and brackets included.
    package var bytes: ArraySlice<UInt8> {
        document.bytes[range]
    }

    /// The value's place in the text, quotation marks and brackets included.
    package var range: Range<Int> {
        let row = row
        let quotation = row.kind == .string || row.kind == .escapedString ? 1 : 0
        return Int(row.start) - quotation..<Int(row.end) + quotation
    }

    /// The path, as in `linux.namespaces[2].type` or `linux.sysctl["net.ipv4.ip_forward"]`; empty for the outermost.
    package var path: String {
        rowPath(to: index, in: document.rows, bytes: document.bytes)
    }

    /// The line on which the value starts, from 1.
    package var line: Int {
        lineAndColumn(of: range.lowerBound, in: document.bytes).line
    }
}

/// The values of an array.
package struct JSONElements: Sequence, IteratorProtocol {
    fileprivate let document: JSONDocument
    fileprivate var index: Int
    fileprivate let end: Int

    /// The next value.
    package mutating func next() -> JSONValue? {
        guard index < end else { return nil }
        defer { index = Int(document.rows[index].next) }
        return JSONValue(document: document, index: index)
    }
}

/// The members of an object.
package struct JSONMembers: Sequence, IteratorProtocol {
    fileprivate let document: JSONDocument
    fileprivate var index: Int
    fileprivate let end: Int

    /// The next member; its key is a value of the kind `string`.
    package mutating func next() -> (key: JSONValue, value: JSONValue)? {
        guard index < end else { return nil }
        let key = JSONValue(document: document, index: index)
        let value = JSONValue(document: document, index: index + 1)
        index = Int(document.rows[index + 1].next)
        return (key, value)
    }
}

extension JSONValue: Hashable {
    /// Whether both are the same place of the same document.
    package static func == (left: JSONValue, right: JSONValue) -> Bool {
        left.document === right.document && left.index == right.index
    }

    /// Hashes the place.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(index)
    }
}

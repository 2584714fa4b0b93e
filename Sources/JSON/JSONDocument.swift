/// A JSON text that was read: its bytes, and where each of its values stands in them.
///
/// Reading makes no strings and no tree, only one flat table with a row for each value, in the order of the text. Strings
/// and numbers are decoded when somebody asks for them, so a section that nobody looks at (a seccomp profile whose filter
/// is in the cache) costs one pass over its bytes. Lines, columns and paths are worked out from the table when an error
/// needs them.
package final class JSONDocument: Sendable {
    /// The text.
    package let bytes: [UInt8]
    let rows: [JSONRow]

    /// How deep arrays and objects may be nested, unless the caller says otherwise.
    package static let defaultDepth = 100

    /// Reads a text under the rules of RFC 8259, strictly.
    ///
    /// Beyond the grammar: the text is UTF-8 without a byte order mark, surrogates come in pairs, and no object has a key
    /// twice.
    ///
    /// - Parameters:
    ///   - bytes: the text.
    ///   - limit: the most bytes to accept.
    ///   - depth: how deep arrays and objects may be nested.
    package init(reading bytes: [UInt8], limit: Int, depth: Int = defaultDepth) throws(JSONFault) {
        // Offsets are kept in 32 bits.
        guard bytes.count <= min(limit, Int(Int32.max)) else {
            throw JSONFault("the text is longer than \(limit) bytes", path: "", line: 1, column: 1)
        }
        var parser = JSONParser(bytes, depth: depth)
        try parser.readDocument()
        self.bytes = bytes
        self.rows = parser.rows
    }

    /// The outermost value.
    package var root: JSONValue {
        JSONValue(document: self, index: 0)
    }

    /// The value that a path names, as `JSONValue.path` spells it; nil where there is none.
    package func value(at path: String) -> JSONValue? {
        let value = nearest(to: path)
        return value.path == path ? value : nil
    }

    /// The value that a path names, or the innermost one around the place where it would be.
    package func nearest(to path: String) -> JSONValue {
        var value = root
        while let next = value.children.first(where: { path.continues($0.path) }) { value = next }
        return value
    }
}

/// One row of a document's table.
struct JSONRow {
    /// What the value is.
    ///
    /// A key of an object is a row too, before that of its value.
    enum Kind: UInt8 {
        case null, `false`, `true`, number, string, escapedString, array, object
    }

    let kind: Kind
    /// The offset of the first byte; of a string, the first after the quotation mark.
    let start: UInt32
    /// The offset behind the last byte, of a string that of the closing quotation mark; 0 while the value is open.
    var end: UInt32
    /// The index of the row behind this value and all it holds; 0 while the value is open.
    var next: UInt32
}

/// Line and column of an offset, both from 1.
func lineAndColumn(of offset: Int, in bytes: [UInt8]) -> (line: Int, column: Int) {
    var line = 1
    var start = 0
    for index in 0..<min(offset, bytes.count) where bytes[index] == UInt8(ascii: "\n") {
        line += 1
        start = index + 1
    }
    return (line, offset - start + 1)
}

/// The path of the row at `target`, or of the innermost open row where `target` is nil.
///
/// - Parameters:
///   - target: the row.
///   - rows: the table; the last rows may be open still.
///   - bytes: the text.
func rowPath(to target: Int?, in rows: [JSONRow], bytes: [UInt8]) -> String {
    var path = ""
    var index = 0
    while index < rows.count, index != target {
        let row = rows[index]
        guard row.kind == .array || row.kind == .object else { break }
        var child = index + 1
        var position = 0
        var found: (component: String, index: Int)?
        while child < rows.count, row.next == 0 || child < row.next {
            let valueIndex = row.kind == .object ? child + 1 : child
            let next = valueIndex < rows.count ? Int(rows[valueIndex].next) : 0
            let holds = target.map { child <= $0 && (next == 0 || $0 < next) } ?? (next == 0)
            if holds {
                let component = row.kind == .object ? pathComponent(text(of: rows[child], in: bytes)) : "[\(position)]"
                found = (component, target == child ? child : valueIndex)
                break
            }
            child = next
            position += 1
            if next == 0 { break }
        }
        guard let found else { break }
        path += path.isEmpty && found.component.first == "." ? String(found.component.dropFirst()) : found.component
        index = found.index
    }
    return path
}

/// How a path goes on with a key: `.key`, or `["key"]` where the key is not a plain word.
package func pathComponent(_ key: String) -> String {
    let plain =
        !key.isEmpty
        && key.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
    return plain ? ".\(key)" : "[\(JSONWriter.quoted(key))]"
}

extension JSONValue {
    /// The path of a member of this object, whether there is one or not.
    package func path(of key: String) -> String {
        let component = pathComponent(key)
        let path = self.path
        return path.isEmpty && component.first == "." ? key : path + component
    }
}

extension String {
    /// Whether a path leads to `step` or through it.
    fileprivate func continues(_ step: String) -> Bool {
        guard hasPrefix(step) else { return false }
        let rest = utf8.dropFirst(step.utf8.count)
        return rest.isEmpty || rest.first == UInt8(ascii: ".") || rest.first == UInt8(ascii: "[")
    }
}

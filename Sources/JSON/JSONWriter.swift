/// Writes JSON, value by value, into bytes.
///
///     var writer = JSONWriter(.compact)
///     writer.object { state in
///         state.member("id", "web")
///         state.member("pids") { $0.array { $0.value(1); $0.value(7) } }
///     }
package struct JSONWriter {
    /// How the text is laid out.
    package enum Style: Sendable {
        /// Everything in one line.
        case compact
        /// A line for each value, nested ones two spaces further in, as `runc state` prints them.
        case pretty
    }

    /// What the next value stands behind.
    private enum Place {
        case start
        case value
        case key
    }

    /// What was written so far.
    package private(set) var bytes: [UInt8] = []
    private let style: Style
    private var depth = 0
    private var place = Place.start

    /// Makes an empty text.
    package init(_ style: Style = .compact) {
        self.style = style
    }

    /// What was written so far, as text.
    package var text: String {
        String(decoding: bytes, as: UTF8.self)
    }

    // MARK: Arrays and objects

    /// Writes an object; `body` writes its members.
    package mutating func object(_ body: (inout JSONWriter) -> Void) {
        nest(UInt8(ascii: "{"), UInt8(ascii: "}"), body)
    }

    /// Writes an array; `body` writes its values.
    package mutating func array(_ body: (inout JSONWriter) -> Void) {
        nest(UInt8(ascii: "["), UInt8(ascii: "]"), body)
    }

    /// Writes a member of an object; `body` writes its value, exactly one.
    package mutating func member(_ key: String, _ body: (inout JSONWriter) -> Void) {
        writeKey(key)
        body(&self)
    }

    private mutating func nest(_ opening: UInt8, _ closing: UInt8, _ body: (inout JSONWriter) -> Void) {
        separate()
        bytes.append(opening)
        depth += 1
        place = .start
        body(&self)
        depth -= 1
        if place == .value { breakLine() }
        place = .value
        bytes.append(closing)
    }

    private mutating func writeKey(_ key: String) {
        separate()
        JSONWriter.quote(key, into: &bytes)
        bytes.append(UInt8(ascii: ":"))
        if style == .pretty { bytes.append(UInt8(ascii: " ")) }
        place = .key
    }

    /// Writes what stands between the last value or key and the next.
    private mutating func separate() {
        if place == .value { bytes.append(UInt8(ascii: ",")) }
        if place != .key, depth > 0 { breakLine() }
        place = .value
    }

    private mutating func breakLine() {
        guard style == .pretty else { return }
        bytes.append(UInt8(ascii: "\n"))
        bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * depth))
    }

    // MARK: Values

    /// Writes a string.
    package mutating func value(_ text: String) {
        separate()
        JSONWriter.quote(text, into: &bytes)
    }

    /// Writes an integer.
    package mutating func value(_ number: Int) {
        separate()
        bytes.append(contentsOf: String(number).utf8)
    }

    /// Writes an integer.
    package mutating func value(_ number: UInt64) {
        separate()
        bytes.append(contentsOf: String(number).utf8)
    }

    /// Writes a truth value.
    package mutating func value(_ truth: Bool) {
        separate()
        bytes.append(contentsOf: (truth ? "true" : "false").utf8)
    }

    /// Writes a number with a fraction; `null` for one that JSON cannot say (an infinity, not a number).
    package mutating func value(_ number: Double) {
        separate()
        bytes.append(contentsOf: (number.isFinite ? "\(number)" : "null").utf8)
    }

    /// Writes an array of strings.
    package mutating func value(_ texts: [String]) {
        array { writer in
            for text in texts { writer.value(text) }
        }
    }

    /// Writes an object whose members are strings.
    package mutating func value(_ members: [(key: String, value: String)]) {
        object { writer in
            for (key, value) in members { writer.member(key, value) }
        }
    }

    /// Writes `null`.
    package mutating func null() {
        separate()
        bytes.append(contentsOf: "null".utf8)
    }

    /// Writes a value that is JSON already, as it is.
    package mutating func json(_ value: JSONValue) {
        separate()
        bytes.append(contentsOf: value.bytes)
    }

    // MARK: Members

    /// Writes a member whose value is a string.
    package mutating func member(_ key: String, _ text: String) {
        writeKey(key)
        value(text)
    }

    /// Writes a member whose value is an integer.
    package mutating func member(_ key: String, _ number: Int) {
        writeKey(key)
        value(number)
    }

    /// Writes a member whose value is an integer.
    package mutating func member(_ key: String, _ number: UInt64) {
        writeKey(key)
        value(number)
    }

    /// Writes a member whose value is `true` or `false`.
    package mutating func member(_ key: String, _ truth: Bool) {
        writeKey(key)
        value(truth)
    }

    /// Writes a member whose value is an array of strings.
    package mutating func member(_ key: String, _ texts: [String]) {
        writeKey(key)
        value(texts)
    }

    /// Writes a member whose value is an object of strings.
    package mutating func member(_ key: String, _ members: [(key: String, value: String)]) {
        writeKey(key)
        value(members)
    }

    // MARK: Strings

    /// A string as JSON spells it, in quotation marks.
    package static func quoted(_ text: String) -> String {
        var bytes: [UInt8] = []
        quote(text, into: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func quote(_ text: String, into bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(contentsOf: [UInt8(ascii: "\\"), byte])
            case 0x0A: bytes.append(contentsOf: "\\n".utf8)
            case 0x0D: bytes.append(contentsOf: "\\r".utf8)
            case 0x09: bytes.append(contentsOf: "\\t".utf8)
            case 0..<0x20, 0x7F:
                bytes.append(contentsOf: "\\u00".utf8)
                bytes.append(contentsOf: [hexadecimal(byte >> 4), hexadecimal(byte & 15)])
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func hexadecimal(_ digit: UInt8) -> UInt8 {
        digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
    }
}

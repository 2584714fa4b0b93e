/// A Swift or C source file, and the same with comments and literals blanked out.
///
/// The rules look for words and braces, and neither counts in a comment or in a string.
struct SourceText {
    /// Where the file is, from the root of the tree.
    let path: String
    /// The lines as they stand.
    let lines: [String]
    /// The lines with spaces for everything in a comment, in a literal or, in C, given to the preprocessor.
    let code: [String]

    /// Whether the file is C; everything else is taken for Swift.
    var isC: Bool { path.hasSuffix(".c") || path.hasSuffix(".h") }

    init(path: String, text: String) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        var blanker = Blanker(text: text, isC: path.hasSuffix(".c") || path.hasSuffix(".h"))
        code = blanker.run().split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }
}

/// Goes over a source text once and replaces what is not code by spaces, newlines apart.
private struct Blanker {
    private var bytes: [UInt8]
    private let isC: Bool
    private var position = 0

    init(text: String, isC: Bool) {
        bytes = Array(text.utf8)
        self.isC = isC
    }

    mutating func run() -> String {
        var lineIsEmpty = true
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "/"), UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "#"):
                if !blankWhatStartsHere(lineIsEmpty: lineIsEmpty) { position += 1 }
                lineIsEmpty = false
            case UInt8(ascii: "\n"):
                lineIsEmpty = true
                position += 1
            case UInt8(ascii: " "): position += 1
            default:
                lineIsEmpty = false
                position += 1
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Blanks the comment, literal or directive that starts here; false where none does.
    private mutating func blankWhatStartsHere(lineIsEmpty: Bool) -> Bool {
        if at("//") {
            blank { $0.byte == UInt8(ascii: "\n") }
        } else if at("/*") {
            blankBlockComment()
        } else if isC {
            return blankLiteralOfC(lineIsEmpty: lineIsEmpty)
        } else if let opening = swiftStringOpening() {
            blankSwiftString(opening)
        } else if let end = regexEnd() {
            blank { $0.position == end }
        } else {
            return false
        }
        return true
    }

    private mutating func blankLiteralOfC(lineIsEmpty: Bool) -> Bool {
        switch bytes[position] {
        case UInt8(ascii: "#") where lineIsEmpty: blankDirective()
        case UInt8(ascii: "'"): blankQuoted(by: "'")
        case UInt8(ascii: "\""): blankQuoted(by: "\"")
        default: return false
        }
        return true
    }

    private var byte: UInt8 { position < bytes.count ? bytes[position] : 0 }

    private func at(_ text: StaticString, offset: Int = 0) -> Bool {
        let start = position + offset
        guard start >= 0, start + text.utf8CodeUnitCount <= bytes.count else { return false }
        return text.withUTF8Buffer { wanted in
            for offset in wanted.indices where bytes[start + offset] != wanted[offset] { return false }
            return true
        }
    }

    /// Blanks `count` bytes, newlines apart.
    private mutating func blank(_ count: Int) {
        for _ in 0..<count where position < bytes.count {
            if bytes[position] != UInt8(ascii: "\n") { bytes[position] = UInt8(ascii: " ") }
            position += 1
        }
    }

    private mutating func blank(until end: (Blanker) -> Bool) {
        while position < bytes.count, !end(self) { blank(1) }
    }

    /// In Swift a block comment may hold another one.
    private mutating func blankBlockComment() {
        var depth = 0
        repeat {
            if at("/*"), !isC || depth == 0 {
                depth += 1
                blank(2)
            } else if at("*/") {
                depth -= 1
                blank(2)
            } else {
                blank(1)
            }
        } while depth > 0 && position < bytes.count
    }

    private mutating func blankDirective() {
        while position < bytes.count, byte != UInt8(ascii: "\n") { blank(at("\\\n") ? 2 : 1) }
    }

    private mutating func blankQuoted(by quote: StaticString) {
        blank(1)
        while position < bytes.count, !at(quote) { blank(at("\\") ? 2 : 1) }
        blank(1)
    }

    /// How a Swift string starts here: its number signs, and whether it is one over several lines.
    private func swiftStringOpening() -> (signs: Int, isLong: Bool)? {
        var signs = 0
        while at("#", offset: signs) { signs += 1 }
        guard at("\"", offset: signs) else { return nil }
        return (signs, at("\"\"\"", offset: signs))
    }

    private mutating func blankSwiftString(_ opening: (signs: Int, isLong: Bool)) {
        let quotes = opening.isLong ? 3 : 1
        let signs = [UInt8](repeating: UInt8(ascii: "#"), count: opening.signs)
        let closing = [UInt8](repeating: UInt8(ascii: "\""), count: quotes) + signs
        let escape = [UInt8(ascii: "\\")] + signs
        blank(signs.count + quotes)
        while position < bytes.count, !bytes[position...].starts(with: closing) {
            if bytes[position...].starts(with: escape + [UInt8(ascii: "(")]) {
                blank(escape.count + 1)
                blankInterpolation()
            } else if bytes[position...].starts(with: escape) {
                blank(escape.count + 1)
            } else {
                blank(1)
            }
        }
        blank(closing.count)
    }

    /// An interpolation ends at its own parenthesis, and may hold strings.
    private mutating func blankInterpolation() {
        var depth = 1
        while depth > 0, position < bytes.count {
            if let opening = swiftStringOpening() {
                blankSwiftString(opening)
                continue
            }
            if at("(") { depth += 1 } else if at(")") { depth -= 1 }
            blank(1)
        }
    }

    /// Where the regular expression that starts here ends; nil where the slash is an operator.
    private func regexEnd() -> Int? {
        guard at("/"), !at("/ ") else { return nil }
        let before = bytes[..<position].last { $0 != UInt8(ascii: " ") } ?? UInt8(ascii: "\n")
        guard "(,=:[{\n#".utf8.contains(before) else { return nil }
        var end = position + 1
        while end < bytes.count, bytes[end] != UInt8(ascii: "\n") {
            if bytes[end] == UInt8(ascii: "/") { return end + 1 }
            end += bytes[end] == UInt8(ascii: "\\") ? 2 : 1
        }
        return nil
    }
}

/// Reads a JSON text into the table of a `JSONDocument`.
///
/// One pass, no look-back: every byte is looked at once, and nothing is allocated but the table.
struct JSONParser {
    private let bytes: [UInt8]
    private let depthLimit: Int
    private var position = 0
    private(set) var rows: [JSONRow] = []

    init(_ bytes: [UInt8], depth: Int) {
        self.bytes = bytes
        self.depthLimit = depth
        // A config.json has a value for about every ten bytes; indented ones have fewer.
        rows.reserveCapacity(bytes.count / 12 + 8)
    }

    /// Reads the whole text: one value and nothing behind it.
    mutating func readDocument() throws(JSONFault) {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { throw fault("the text starts with a byte order mark") }
        skipSpace()
        if position == bytes.count { throw fault("the text is empty") }
        try readValue(depth: 0)
        skipSpace()
        if position < bytes.count { throw fault("expected the end, found \(found)") }
    }

    private mutating func readValue(depth: Int) throws(JSONFault) {
        guard position < bytes.count else { throw fault("expected a value, found the end") }
        switch bytes[position] {
        case UInt8(ascii: "{"): try readObject(depth: depth)
        case UInt8(ascii: "["): try readArray(depth: depth)
        case UInt8(ascii: "\""): try readString()
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try readNumber()
        case UInt8(ascii: "t"): try readWord("true", .true)
        case UInt8(ascii: "f"): try readWord("false", .false)
        case UInt8(ascii: "n"): try readWord("null", .null)
        default: throw fault("expected a value, found \(found)")
        }
    }

    // MARK: Arrays and objects

    private mutating func readArray(depth: Int) throws(JSONFault) {
        let row = try open(.array, depth: depth)
        skipSpace()
        if take(UInt8(ascii: "]")) { return close(row) }
        while true {
            skipSpace()
            try readValue(depth: depth + 1)
            skipSpace()
            if take(UInt8(ascii: ",")) { continue }
            guard take(UInt8(ascii: "]")) else { throw fault("expected \",\" or \"]\", found \(found)") }
            return close(row)
        }
    }

    private mutating func readObject(depth: Int) throws(JSONFault) {
        let row = try open(.object, depth: depth)
        skipSpace()
        if take(UInt8(ascii: "}")) { return close(row) }
        var count = 0
        while true {
            skipSpace()
            guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
                throw fault("expected a key in quotation marks, found \(found)")
            }
            try readString()
            count += 1
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw fault("expected \":\", found \(found)") }
            skipSpace()
            try readValue(depth: depth + 1)
            skipSpace()
            if take(UInt8(ascii: ",")) { continue }
            guard take(UInt8(ascii: "}")) else { throw fault("expected \",\" or \"}\", found \(found)") }
            try refuseDuplicates(in: row, count: count)
            return close(row)
        }
    }

    private mutating func open(_ kind: JSONRow.Kind, depth: Int) throws(JSONFault) -> Int {
        guard depth < depthLimit else { throw fault("arrays and objects are nested deeper than \(depthLimit)") }
        rows.append(JSONRow(kind: kind, start: UInt32(truncatingIfNeeded: position), end: 0, next: 0))
        position += 1
        return rows.count - 1
    }

    private mutating func close(_ row: Int) {
        rows[row].end = UInt32(truncatingIfNeeded: position)
        rows[row].next = UInt32(truncatingIfNeeded: rows.count)
    }

    /// Few keys are compared each with each; many are sorted first, so that no input takes quadratic time.
    private func refuseDuplicates(in object: Int, count: Int) throws(JSONFault) {
        guard count > 1 else { return }
        var keys: [Int] = []
        keys.reserveCapacity(count)
        var index = object + 1
        var escaped = false
        while index < rows.count {
            escaped = escaped || rows[index].kind == .escapedString
            keys.append(index)
            index = Int(rows[index + 1].next)
        }
        if escaped || count > 24 {
            try refuseDuplicatesBySorting(keys, in: object)
        } else {
            for later in keys.indices.dropFirst() {
                for earlier in 0..<later where equal(keys[earlier], keys[later]) {
                    throw duplicate(keys[later], in: object)
                }
            }
        }
    }

    private func refuseDuplicatesBySorting(_ keys: [Int], in object: Int) throws(JSONFault) {
        let sorted = keys.map { (key: content($0), row: $0) }
            .sorted { $0.key.lexicographicallyPrecedes($1.key) || ($0.key == $1.key && $0.row < $1.row) }
        for index in sorted.indices.dropFirst() where sorted[index - 1].key == sorted[index].key {
            throw duplicate(sorted[index].row, in: object)
        }
    }

    private func content(_ row: Int) -> ArraySlice<UInt8> {
        let raw = bytes[Int(rows[row].start)..<Int(rows[row].end)]
        return rows[row].kind == .string ? raw : unescaped(raw)[...]
    }

    private func equal(_ left: Int, _ right: Int) -> Bool {
        let count = rows[left].end - rows[left].start
        guard rows[right].end - rows[right].start == count else { return false }
        let leftStart = Int(rows[left].start)
        let rightStart = Int(rows[right].start)
        for offset in 0..<Int(count) where bytes[leftStart + offset] != bytes[rightStart + offset] { return false }
        return true
    }

    private func duplicate(_ key: Int, in object: Int) -> JSONFault {
        let name = JSONWriter.quoted(text(of: rows[key], in: bytes))
        let (line, column) = lineAndColumn(of: Int(rows[key].start) - 1, in: bytes)
        return JSONFault(
            "the key \(name) is there twice", path: rowPath(to: object, in: rows, bytes: bytes), line: line,
            column: column
        )
    }

    // MARK: Strings

    private mutating func readString() throws(JSONFault) {
        let start = position + 1
        var kind = JSONRow.Kind.string
        position = start
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                rows.append(
                    JSONRow(
                        kind: kind, start: UInt32(truncatingIfNeeded: start), end: UInt32(truncatingIfNeeded: position),
                        next: UInt32(truncatingIfNeeded: rows.count + 1)))
                position += 1
                return
            } else if byte == UInt8(ascii: "\\") {
                kind = .escapedString
                try readEscape()
            } else if byte < 0x20 {
                throw fault("a control character (0x\(String(byte, radix: 16))) in a string must be escaped")
            } else if byte < 0x80 {
                position += 1
            } else {
                try readMultibyte(byte)
            }
        }
        position = start - 1
        throw fault("the string that starts here has no end")
    }

    private mutating func readEscape() throws(JSONFault) {
        guard position + 1 < bytes.count else { throw fault("the string has no end") }
        switch bytes[position + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 2
        case UInt8(ascii: "u"):
            let unit = try readUnit()
            if 0xDC00...0xDFFF ~= unit { throw fault("a low surrogate without a high one before it", back: 6) }
            guard 0xD800...0xDBFF ~= unit else { return }
            guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
                bytes[position + 1] == UInt8(ascii: "u"), 0xDC00...0xDFFF ~= (try readUnit())
            else { throw fault("a high surrogate without a low one behind it") }
        default:
            throw fault("an escape that JSON does not have")
        }
    }

    /// Reads `\uXXXX`, where the `\u` was seen.
    private mutating func readUnit() throws(JSONFault) -> UInt32 {
        guard position + 6 <= bytes.count else { throw fault("the string has no end") }
        var unit: UInt32 = 0
        for offset in 2..<6 {
            guard let digit = hexadecimalDigit(bytes[position + offset]) else {
                throw fault("\\u takes four hexadecimal digits")
            }
            unit = unit << 4 | UInt32(digit)
        }
        position += 6
        return unit
    }

    /// Checks one UTF-8 sequence of two to four bytes: shortest form, no surrogates, nothing above U+10FFFF (RFC 3629).
    private mutating func readMultibyte(_ first: UInt8) throws(JSONFault) {
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch first {
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: length = 3
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: length = 4
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: throw fault("a byte (0x\(String(first, radix: 16))) that is not UTF-8")
        }
        guard position + length <= bytes.count, second ~= bytes[position + 1],
            bytes[(position + 2)..<(position + length)].allSatisfy({ 0x80...0xBF ~= $0 })
        else { throw fault("a byte (0x\(String(first, radix: 16))) that is not UTF-8") }
        position += length
    }

    // MARK: Numbers and words

    private mutating func readNumber() throws(JSONFault) {
        let start = position
        _ = take(UInt8(ascii: "-"))
        if take(UInt8(ascii: "0")) {
            if position < bytes.count, UInt8(ascii: "0")...UInt8(ascii: "9") ~= bytes[position] {
                throw fault("a number must not start with 0")
            }
        } else {
            try readDigits()
        }
        if take(UInt8(ascii: ".")) { try readDigits() }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try readDigits()
        }
        append(.number, from: start)
    }

    private mutating func readDigits() throws(JSONFault) {
        let start = position
        while position < bytes.count, UInt8(ascii: "0")...UInt8(ascii: "9") ~= bytes[position] { position += 1 }
        if position == start { throw fault("expected a digit, found \(found)") }
    }

    private mutating func readWord(_ word: String, _ kind: JSONRow.Kind) throws(JSONFault) {
        let start = position
        for letter in word.utf8 {
            guard take(letter) else {
                position = start
                throw fault("expected a value, found \(found)")
            }
        }
        append(kind, from: start)
    }

    private mutating func append(_ kind: JSONRow.Kind, from start: Int) {
        rows.append(
            JSONRow(
                kind: kind, start: UInt32(truncatingIfNeeded: start), end: UInt32(truncatingIfNeeded: position),
                next: UInt32(truncatingIfNeeded: rows.count + 1)))
    }

    // MARK: Bytes and faults

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\t"), UInt8(ascii: "\r"): position += 1
            default: return
            }
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    /// What stands at the position, for an error.
    private var found: String {
        guard position < bytes.count else { return "the end" }
        let byte = bytes[position]
        switch byte {
        case 0x21...0x7E: return "\"\(Character(Unicode.Scalar(byte)))\""
        default: return "the byte 0x\(String(byte, radix: 16))"
        }
    }

    private func fault(_ reason: String, back: Int = 0) -> JSONFault {
        let (line, column) = lineAndColumn(of: position - back, in: bytes)
        return JSONFault(reason, path: rowPath(to: nil, in: rows, bytes: bytes), line: line, column: column)
    }
}

/// The text of a string row, its escapes decoded.
func text(of row: JSONRow, in bytes: [UInt8]) -> String {
    let raw = bytes[Int(row.start)..<Int(row.end)]
    // The parser has checked that this is UTF-8, so nothing is repaired here.
    if row.kind == .string { return String(decoding: raw, as: UTF8.self) }
    return String(decoding: unescaped(raw), as: UTF8.self)
}

/// The bytes of a string's content with its escapes decoded; the parser has checked them.
func unescaped(_ raw: ArraySlice<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(raw.count)
    var rest = raw
    while let byte = rest.popFirst() {
        guard byte == UInt8(ascii: "\\"), let escape = rest.popFirst() else {
            result.append(byte)
            continue
        }
        switch escape {
        case UInt8(ascii: "b"): result.append(0x08)
        case UInt8(ascii: "f"): result.append(0x0C)
        case UInt8(ascii: "n"): result.append(0x0A)
        case UInt8(ascii: "r"): result.append(0x0D)
        case UInt8(ascii: "t"): result.append(0x09)
        case UInt8(ascii: "u"): result.append(contentsOf: scalar(after: &rest).utf8)
        default: result.append(escape)
        }
    }
    return result
}

/// Takes the four digits of a `\u` escape, and the low surrogate that follows a high one.
private func scalar(after rest: inout ArraySlice<UInt8>) -> Character {
    let unit = hexadecimal(rest.prefix(4))
    rest = rest.dropFirst(4)
    var code = unit
    if 0xD800...0xDBFF ~= unit {
        let low = hexadecimal(rest.dropFirst(2).prefix(4))
        rest = rest.dropFirst(6)
        code = 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
    }
    return Character(Unicode.Scalar(code) ?? "\u{FFFD}")
}

private func hexadecimal(_ digits: ArraySlice<UInt8>) -> UInt32 {
    digits.reduce(0) { $0 << 4 | UInt32(hexadecimalDigit($1) ?? 0) }
}

/// The value of a hexadecimal digit.
func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}

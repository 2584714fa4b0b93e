/// ACPI Machine Language, as much as describes devices (ACPI 6.5, chapter 20).
enum AML {
    /// `PkgLength`, which counts its own bytes too.
    static func packageLength(of count: Int) -> [UInt8] {
        // One byte holds 6 bits; each byte more holds 8, and the first of several only 4.
        if count + 1 < 0x40 { return [UInt8(count + 1)] }
        var extra = 1
        while extra < 3, count + 1 + extra >= 1 << (4 + 8 * extra) { extra += 1 }
        let total = count + 1 + extra
        var bytes = [UInt8(extra << 6 | total & 0xF)]
        for byte in 0..<extra { bytes.append(UInt8(truncatingIfNeeded: total >> (4 + 8 * byte))) }
        return bytes
    }

    /// A name of four characters, shorter ones filled with underscores.
    static func name(_ text: String) -> [UInt8] {
        let letters = Array(text.utf8.prefix(4))
        return letters + Array(repeating: UInt8(ascii: "_"), count: 4 - letters.count)
    }

    /// The term `Scope (\name) { ... }`.
    static func scope(_ text: String, _ terms: [[UInt8]]) -> [UInt8] {
        let body = [UInt8(ascii: "\\")] + name(text) + Array(terms.joined())
        return [0x10] + packageLength(of: body.count) + body
    }

    /// The term `Device (name) { ... }`.
    static func device(_ text: String, _ terms: [[UInt8]]) -> [UInt8] {
        let body = name(text) + Array(terms.joined())
        return [0x5B, 0x82] + packageLength(of: body.count) + body
    }

    /// The term `Name (name, value)`.
    static func named(_ text: String, _ value: [UInt8]) -> [UInt8] {
        [0x08] + name(text) + value
    }

    /// A number.
    static func integer(_ value: UInt32) -> [UInt8] {
        switch value {
        case 0, 1: return [UInt8(value)]
        case 2...0xFF: return [0x0A, UInt8(value)]
        default:
            var bytes = LittleEndianBytes()
            bytes.append(UInt8(0x0C))
            bytes.append(value)
            return bytes.bytes
        }
    }

    /// A text.
    static func string(_ text: String) -> [UInt8] {
        [0x0D] + Array(text.utf8) + [0]
    }

    /// The term `Package () { ... }`.
    static func package(_ elements: [[UInt8]]) -> [UInt8] {
        let body = [UInt8(elements.count)] + Array(elements.joined())
        return [0x12] + packageLength(of: body.count) + body
    }

    /// A buffer of resource descriptors, closed by an end tag.
    static func resources(_ descriptors: [[UInt8]]) -> [UInt8] {
        let content = Array(descriptors.joined()) + [0x79, 0]
        let body = integer(UInt32(content.count)) + content
        return [0x11] + packageLength(of: body.count) + body
    }

    /// `Memory32Fixed (ReadWrite, address, size)`, ACPI 6.5, 6.4.3.4.
    static func memory(_ address: UInt32, _ size: UInt32) -> [UInt8] {
        var bytes = LittleEndianBytes()
        bytes.append([0x86, 9, 0, 1])
        bytes.append(address)
        bytes.append(size)
        return bytes.bytes
    }

    /// `Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { number }`, ACPI 6.5, 6.4.3.6.
    static func interrupt(_ number: UInt32) -> [UInt8] {
        var bytes = LittleEndianBytes()
        bytes.append([0x89, 6, 0, 3, 1])
        bytes.append(number)
        return bytes.bytes
    }

    /// `IO (Decode16, port, port, 1, count)`, ACPI 6.5, 6.4.2.5.
    static func ports(_ first: UInt16, _ count: UInt8) -> [UInt8] {
        var bytes = LittleEndianBytes()
        bytes.append([0x47, 1])
        bytes.append(first)
        bytes.append(first)
        bytes.append([1, count])
        return bytes.bytes
    }
}

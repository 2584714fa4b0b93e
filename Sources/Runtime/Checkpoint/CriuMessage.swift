/// Writes a message of protocol buffers: fields one after the other, each a number, a kind and a value.
///
/// CRIU speaks them with whoever drives it as a service worker: images/rpc.proto of CRIU.
struct CriuMessageWriter {
    /// What was written so far.
    private(set) var bytes: [UInt8] = []

    /// Writes an integer; a negative one takes ten bytes, as the format has it.
    mutating func integer(_ field: Int, _ value: Int) {
        variable(UInt64(field) << 3)
        variable(UInt64(bitPattern: Int64(value)))
    }

    /// Writes a boolean.
    mutating func flag(_ field: Int, _ value: Bool) {
        integer(field, value ? 1 : 0)
    }

    /// Writes a text.
    mutating func text(_ field: Int, _ value: String) {
        counted(field, Array(value.utf8))
    }

    /// Writes a message inside this one.
    mutating func message(_ field: Int, _ write: (inout CriuMessageWriter) -> Void) {
        var inner = CriuMessageWriter()
        write(&inner)
        counted(field, inner.bytes)
    }

    private mutating func counted(_ field: Int, _ value: [UInt8]) {
        variable(UInt64(field) << 3 | 2)
        variable(UInt64(value.count))
        bytes += value
    }

    private mutating func variable(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}

/// A message of protocol buffers that was read: its fields by their numbers, the last value of each.
struct CriuMessageFields {
    private var integers: [Int: UInt64] = [:]
    private var texts: [Int: ArraySlice<UInt8>] = [:]

    /// Reads a message.
    ///
    /// - Returns: nil for what is none.
    init?(_ bytes: ArraySlice<UInt8>) {
        var rest = bytes
        while !rest.isEmpty {
            guard let key = Self.variable(&rest), key >> 3 <= 1 << 28 else { return nil }
            let field = Int(key >> 3)
            switch key & 7 {
            case 0:
                guard let value = Self.variable(&rest) else { return nil }
                integers[field] = value
            case 1, 5:
                let size = key & 7 == 1 ? 8 : 4
                guard rest.count >= size else { return nil }
                rest = rest.dropFirst(size)
            case 2:
                guard let size = Self.variable(&rest), size <= UInt64(rest.count) else { return nil }
                texts[field] = rest.prefix(Int(size))
                rest = rest.dropFirst(Int(size))
            default: return nil
            }
        }
    }

    /// An integer field; nil where it is not there.
    func integer(_ field: Int) -> Int? {
        integers[field].map { Int(Int64(bitPattern: $0)) }
    }

    /// A text field; nil where it is not there.
    func text(_ field: Int) -> String? {
        texts[field].map { String(decoding: $0, as: UTF8.self) }
    }

    /// A message inside this one; nil where it is not there, or is none.
    func message(_ field: Int) -> CriuMessageFields? {
        texts[field].flatMap { CriuMessageFields($0) }
    }

    private static func variable(_ rest: inout ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard let byte = rest.popFirst() else { return nil }
            value |= UInt64(byte & 0x7f) << shift
            if byte & 0x80 == 0 { return value }
        }
        return nil
    }
}

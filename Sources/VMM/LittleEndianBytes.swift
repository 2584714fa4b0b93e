/// Bytes that are put together number by number, the low byte of each first.
struct LittleEndianBytes {
    /// What has been put together.
    private(set) var bytes: [UInt8] = []

    /// Adds a number.
    mutating func append<T: FixedWidthInteger>(_ value: T) {
        for byte in 0..<(T.bitWidth / 8) { bytes.append(UInt8(truncatingIfNeeded: value >> T(byte * 8))) }
    }

    /// Adds bytes as they are.
    mutating func append(_ more: [UInt8]) {
        bytes.append(contentsOf: more)
    }

    /// Adds a text of ASCII, cut or filled with spaces to a length.
    mutating func append(_ text: StaticString, padded length: Int) {
        let letters = Array("\(text)".utf8.prefix(length))
        bytes.append(contentsOf: letters)
        bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: length - letters.count))
    }

    /// Adds zeroes up to a length.
    mutating func fill(to length: Int) {
        if bytes.count < length { bytes.append(contentsOf: repeatElement(0, count: length - bytes.count)) }
    }

    /// Puts a number over what stands at an offset.
    mutating func replace<T: FixedWidthInteger>(at offset: Int, with value: T) {
        for byte in 0..<(T.bitWidth / 8) where offset + byte < bytes.count {
            bytes[offset + byte] = UInt8(truncatingIfNeeded: value >> T(byte * 8))
        }
    }

    /// Puts that value at an offset with which the bytes from `start` on, `count` of them, add up to zero.
    mutating func sum(at offset: Int, from start: Int = 0, count: Int? = nil) {
        bytes[offset] = 0
        let end = count.map { start + $0 } ?? bytes.count
        bytes[offset] = 0 &- bytes[start..<end].reduce(0, &+)
    }
}

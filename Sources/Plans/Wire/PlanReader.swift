/// Reads what `PlanWriter` wrote.
///
/// Nothing it reads can make it trap: every length is compared with what is left.
package struct PlanReader {
    private let bytes: [UInt8]
    private var position = 0

    /// Starts at the beginning of `bytes`.
    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// How many bytes are left.
    package var remaining: Int { bytes.count - position }

    /// Reads a number.
    package mutating func number<Number: FixedWidthInteger>(_ type: Number.Type = Number.self) throws(PlanFault)
        -> Number
    {
        let size = Number.bitWidth / 8
        guard remaining >= size else { throw .truncated }
        var value: UInt64 = 0
        for index in 0..<size { value |= UInt64(bytes[position + index]) << UInt64(8 * index) }
        position += size
        return Number(truncatingIfNeeded: value)
    }

    /// Reads a truth value.
    package mutating func flag() throws(PlanFault) -> Bool {
        switch try number(UInt8.self) {
        case 0: false
        case 1: true
        default: throw .malformed
        }
    }

    /// Reads bytes behind their count.
    package mutating func content() throws(PlanFault) -> [UInt8] {
        let count = try length(elementSize: 1)
        defer { position += count }
        return Array(bytes[position..<(position + count)])
    }

    /// Reads a text.
    package mutating func text() throws(PlanFault) -> String {
        let count = try length(elementSize: 1)
        defer { position += count }
        return String(decoding: bytes[position..<(position + count)], as: UTF8.self)
    }

    /// Reads a list.
    package mutating func list<Value: PlanCoded>(_ type: Value.Type = Value.self) throws(PlanFault) -> [Value] {
        let count = try length(elementSize: 1)
        var values: [Value] = []
        // A count is believed as far as values come: they are hundreds of times longer here than on the wire.
        values.reserveCapacity(min(count, 64))
        for _ in 0..<count { values.append(try Value(from: &self)) }
        return values
    }

    /// Reads a list of texts.
    package mutating func texts() throws(PlanFault) -> [String] {
        let count = try length(elementSize: 4)
        var values: [String] = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(try text()) }
        return values
    }

    /// Reads a list of numbers.
    package mutating func numbers<Number: FixedWidthInteger>(
        _ type: Number.Type = Number.self
    ) throws(PlanFault) -> [Number] {
        let count = try length(elementSize: Number.bitWidth / 8)
        var values: [Number] = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(try number()) }
        return values
    }

    /// Reads what may be absent.
    package mutating func optional<Value>(
        _ body: (inout PlanReader) throws(PlanFault) -> Value
    ) throws(PlanFault) -> Value? {
        try flag() ? try body(&self) : nil
    }

    /// Reads a case behind its raw value.
    package mutating func enumeration<Value: RawRepresentable>(
        _ type: Value.Type = Value.self
    ) throws(PlanFault) -> Value where Value.RawValue == UInt8 {
        guard let value = Value(rawValue: try number()) else { throw .malformed }
        return value
    }

    /// Reads a count of elements of at least `elementSize` bytes each, which must fit in what is left.
    private mutating func length(elementSize: Int) throws(PlanFault) -> Int {
        let count = Int(try number(UInt32.self))
        guard count <= remaining / elementSize else { throw .truncated }
        return count
    }
}

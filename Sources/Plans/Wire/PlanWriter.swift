/// Writes plans in their wire form: little-endian numbers, texts and lists behind their length, cases behind a tag.
///
/// Both ends are built together, so the form carries no names and no versions; it crosses a socket, never a disk.
package struct PlanWriter {
    /// What was written so far.
    package private(set) var bytes: [UInt8] = []

    /// Makes an empty writer.
    package init() {}

    /// Writes a number.
    package mutating func write<Number: FixedWidthInteger>(_ number: Number) {
        var rest = number.littleEndian
        for _ in 0..<(Number.bitWidth / 8) {
            bytes.append(UInt8(truncatingIfNeeded: rest))
            if Number.bitWidth > 8 { rest >>= 8 }
        }
    }

    /// Writes a truth value.
    package mutating func write(_ flag: Bool) {
        bytes.append(flag ? 1 : 0)
    }

    /// Writes bytes behind their count.
    package mutating func write(_ content: [UInt8]) {
        write(UInt32(truncatingIfNeeded: content.count))
        bytes.append(contentsOf: content)
    }

    /// Writes a text behind its count of UTF-8 bytes.
    package mutating func write(_ text: String) {
        write(UInt32(truncatingIfNeeded: text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    /// Writes a value.
    package mutating func write(_ value: some PlanCoded) {
        value.write(to: &self)
    }

    /// Writes a list behind its count.
    package mutating func write(_ list: [some PlanCoded]) {
        write(UInt32(truncatingIfNeeded: list.count))
        for element in list { element.write(to: &self) }
    }

    /// Writes a list of texts behind its count.
    package mutating func write(_ list: [String]) {
        write(UInt32(truncatingIfNeeded: list.count))
        for element in list { write(element) }
    }

    /// Writes a list of numbers behind its count.
    package mutating func writeNumbers<Number: FixedWidthInteger>(_ list: [Number]) {
        write(UInt32(truncatingIfNeeded: list.count))
        for element in list { write(element) }
    }

    /// Writes what is there, or that nothing is.
    package mutating func write<Value>(optional value: Value?, _ body: (inout PlanWriter, Value) -> Void) {
        write(value != nil)
        if let value { body(&self, value) }
    }
}

/// A value with a wire form.
package protocol PlanCoded {
    /// Writes the value.
    func write(to writer: inout PlanWriter)
    /// Reads the value.
    init(from reader: inout PlanReader) throws(PlanFault)
}

/// What came over the wire is not a plan.
package enum PlanFault: Error, Equatable, Sendable {
    /// It ends in the middle.
    case truncated
    /// A tag that no case has, or a length that cannot be.
    case malformed
}

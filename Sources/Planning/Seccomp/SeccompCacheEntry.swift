import Plans

/// A file of the cache: which profile it is for, and what that compiled to.
///
/// Little-endian: 8 bytes magic, the fingerprint of all that follows (8), the filter's flags (4), a byte of bits, 3 bytes
/// of zeros, five lengths (4 each), and then as many bytes: identity, section, instructions, listenerPath and
/// listenerMetadata.
struct SeccompCacheEntry: Equatable {
    /// What compiled it: the same section may compile to something else elsewhere.
    let identity: ArraySlice<UInt8>
    /// The profile's text.
    let section: ArraySlice<UInt8>
    /// What it compiled to.
    let compiled: CompiledSeccomp

    /// The longest profile that is cached.
    static let longestSection = 1 << 18
    /// The longest file.
    static let longest = longestSection + FilterProgram.longest * 8 + (1 << 16)

    private static let magic = Array("mvrunbpf".utf8)
    private static let headerLength = 44

    private struct Bits: OptionSet {
        let rawValue: UInt8
        static let notifies = Bits(rawValue: 1)
        static let hasListenerPath = Bits(rawValue: 2)
        static let hasListenerMetadata = Bits(rawValue: 4)
    }

    init(identity: ArraySlice<UInt8>, section: ArraySlice<UInt8>, compiled: CompiledSeccomp) {
        self.identity = identity
        self.section = section
        self.compiled = compiled
    }

    /// Reads a file; nil where anything about it is wrong.
    init?(bytes: [UInt8]) {
        guard bytes.count >= Self.headerLength, bytes.starts(with: Self.magic),
            Self.number(in: bytes, at: 8, count: 8) == Fingerprint.of(bytes[16...])
        else { return nil }
        let bits = Bits(rawValue: bytes[20])
        var start = Self.headerLength
        func part(_ index: Int) -> ArraySlice<UInt8>? {
            let length = Int(Self.number(in: bytes, at: 24 + 4 * index, count: 4))
            guard length <= bytes.count - start else { return nil }
            defer { start += length }
            return bytes[start..<start + length]
        }
        guard let identity = part(0), let section = part(1), let instructions = part(2), let path = part(3),
            let metadata = part(4), start == bytes.count,
            instructions.count % 8 == 0, instructions.count <= FilterProgram.longest * 8
        else { return nil }
        self.identity = identity
        self.section = section
        compiled = CompiledSeccomp(
            filter: SeccompFilter(
                instructions: Array(instructions), flags: UInt32(Self.number(in: bytes, at: 16, count: 4)),
                notifies: bits.contains(.notifies)),
            listenerPath: bits.contains(.hasListenerPath) ? String(decoding: path, as: UTF8.self) : nil,
            listenerMetadata: bits.contains(.hasListenerMetadata) ? String(decoding: metadata, as: UTF8.self) : nil)
    }

    /// The file's bytes.
    var bytes: [UInt8] {
        var bits: Bits = []
        if compiled.filter.notifies { bits.insert(.notifies) }
        if compiled.listenerPath != nil { bits.insert(.hasListenerPath) }
        if compiled.listenerMetadata != nil { bits.insert(.hasListenerMetadata) }
        let parts = [
            identity, section, compiled.filter.instructions[...], Array((compiled.listenerPath ?? "").utf8)[...],
            Array((compiled.listenerMetadata ?? "").utf8)[...],
        ]
        var body = Self.encoded(UInt64(compiled.filter.flags), count: 4) + [bits.rawValue, 0, 0, 0]
        for part in parts { body += Self.encoded(UInt64(part.count), count: 4) }
        for part in parts { body += part }
        return Self.magic + Self.encoded(Fingerprint.of(body[...]), count: 8) + body
    }

    private static func number(in bytes: [UInt8], at offset: Int, count: Int) -> UInt64 {
        bytes[offset..<offset + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func encoded(_ value: UInt64, count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
    }
}

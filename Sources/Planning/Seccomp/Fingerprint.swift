/// A 64-bit digest that tells texts apart quickly; not a cryptographic one.
///
/// It names files and finds what a disk has damaged. Nothing relies on two texts never sharing one: see `SeccompCache`.
struct Fingerprint {
    private var state: UInt64 = 0x9e37_79b9_7f4a_7c15
    private var word: UInt64 = 0
    private var count: UInt64 = 0

    /// Takes further bytes.
    mutating func add(_ bytes: ArraySlice<UInt8>) {
        var word = word
        var state = state
        var position = count
        for byte in bytes {
            word = word << 8 | UInt64(byte)
            position &+= 1
            if position & 7 == 0 { state = Self.mixed(state ^ word) }
        }
        self.word = word
        self.state = state
        count = position
    }

    /// The digest of all bytes so far; their number is part of it.
    var value: UInt64 {
        Self.mixed(Self.mixed(state ^ (count & 7 == 0 ? 0 : word << (64 - 8 * (count & 7)))) ^ count)
    }

    /// The digest of one text.
    static func of(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        var fingerprint = Fingerprint()
        fingerprint.add(bytes)
        return fingerprint.value
    }

    /// Makes every bit depend on every other: a bijection, so that two texts which differ in one word never collide.
    private static func mixed(_ value: UInt64) -> UInt64 {
        var value = value &* 0xff51_afd7_ed55_8ccd
        value ^= value >> 33
        value &*= 0xc4ce_b9fe_1a85_ec53
        return value ^ value >> 29
    }
}

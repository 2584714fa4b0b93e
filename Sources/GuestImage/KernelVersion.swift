/// A kernel's release, ordered as Debian orders versions.
///
/// deb-version(7): digits compare as numbers, letters before everything else, `~` before the end. A release candidate
/// (`6.13-rc1`) comes before its release.
struct KernelVersion: Comparable {
    private let text: [UInt8]

    /// Wraps a release.
    init(_ release: String) {
        let bytes = Array(release.utf8)
        let candidate = Array("-rc".utf8)
        text = bytes.indices.map { place in
            let isCandidate =
                bytes[place...].starts(with: candidate) && place + 3 < bytes.count
                && Self.isDigit(bytes[place + 3])
            return isCandidate ? UInt8(ascii: "~") : bytes[place]
        }
    }

    static func < (left: KernelVersion, right: KernelVersion) -> Bool {
        order(left.text[...], right.text[...]) < 0
    }

    private static func order(_ left: ArraySlice<UInt8>, _ right: ArraySlice<UInt8>) -> Int {
        var (left, right) = (left, right)
        while !left.isEmpty || !right.isEmpty {
            while (left.first.map { !isDigit($0) } ?? false) || (right.first.map { !isDigit($0) } ?? false) {
                let (a, b) = (weight(left.first), weight(right.first))
                if a != b { return a < b ? -1 : 1 }
                left = left.dropFirst()
                right = right.dropFirst()
            }
            // Numbers of any length: without their zeros, the longer one is the greater.
            let a = left.prefix(while: isDigit).drop { $0 == UInt8(ascii: "0") }
            let b = right.prefix(while: isDigit).drop { $0 == UInt8(ascii: "0") }
            if a.count != b.count { return a.count < b.count ? -1 : 1 }
            if !a.elementsEqual(b) { return a.lexicographicallyPrecedes(b) ? -1 : 1 }
            left = left.drop(while: isDigit)
            right = right.drop(while: isDigit)
        }
        return 0
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }

    private static func weight(_ byte: UInt8?) -> Int {
        guard let byte, !isDigit(byte) else { return 0 }
        if byte == UInt8(ascii: "~") { return -1 }
        let letter = byte | 0x20
        return letter >= UInt8(ascii: "a") && letter <= UInt8(ascii: "z") ? Int(byte) : Int(byte) + 256
    }
}

import CDigest

/// SHA-256, computed by libmd.
package struct Digest: Equatable, Sendable {
    /// The 32 bytes.
    package let bytes: [UInt8]

    /// The digest of some bytes.
    package init(of content: ArraySlice<UInt8>) {
        var context = SHA2_CTX()
        var result = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        unsafe SHA256Init(&context)
        // SAFETY: libmd only reads, and no more than the slice's length.
        unsafe content.withUnsafeBufferPointer { unsafe SHA256Update(&context, $0.baseAddress, $0.count) }
        // SAFETY: the array has the 32 bytes that are written.
        unsafe result.withUnsafeMutableBufferPointer { unsafe SHA256Final($0.baseAddress, &context) }
        bytes = result
    }

    /// The first 16 bytes as hexadecimal digits: enough for a name.
    package var name: String { Self.digits(bytes.prefix(16)) }

    /// All 64 hexadecimal digits, in small letters.
    package var hexadecimal: String { Self.digits(bytes[...]) }

    private static func digits(_ bytes: ArraySlice<UInt8>) -> String {
        let digits = bytes.flatMap { byte in
            [byte >> 4, byte & 15].map { $0 < 10 ? UInt8(ascii: "0") + $0 : UInt8(ascii: "a") + $0 - 10 }
        }
        return String(decoding: digits, as: UTF8.self)
    }
}

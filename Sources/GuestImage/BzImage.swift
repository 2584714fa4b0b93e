import Diagnostics

/// A kernel as boot loaders take it: 16-bit setup code with a header, then the compressed kernel.
///
/// Linux, Documentation/arch/x86/boot.rst; the fields needed came with protocol 2.08.
struct BzImage {
    /// The compressed kernel; its last four bytes are the length of what it decompresses to.
    let payload: Range<Int>
    /// The version, as `uname -r` will say it; nil where the image does not say.
    let release: String?

    /// The longest image that is read.
    static let longest = 256 << 20
    /// The most bytes of a file's start that tell what it is and which release.
    static let headLength = 65536

    /// Reads the header; nil where the file is no bzImage.
    ///
    /// - Parameters:
    ///   - head: the file's first `headLength` bytes, or all of it.
    ///   - size: the file's length.
    init?(head: ArraySlice<UInt8>, size: Int) throws(RuntimeError) {
        guard head.littleEndian16(at: 0x1fe) == 0xaa55, head.littleEndian32(at: 0x202) == 0x5372_6448 else {
            return nil
        }
        guard let version = head.littleEndian16(at: 0x206), version >= 0x208,
            let offset = head.littleEndian32(at: 0x248), let length = head.littleEndian32(at: 0x24c)
        else {
            throw RuntimeError(.unsupported, "its boot protocol is older than 2.08, of Linux 2.6.26")
        }
        // Each is at most 32 bits long, so no sum can overflow.
        let setupSectors = head[head.startIndex + 0x1f1]
        let setupLength = (Int(setupSectors == 0 ? 4 : setupSectors) + 1) * 512
        let start = setupLength + Int(offset)
        guard length > 8, start + Int(length) <= size else {
            throw RuntimeError(
                .invalidBundle, "its header speaks of \(start + Int(length)) bytes, and it has \(size)")
        }
        payload = start..<start + Int(length)
        let pointer = Int(head.littleEndian16(at: 0x20e) ?? 0)
        release = pointer == 0 ? nil : Self.release(in: head.dropFirst(0x200 + pointer).prefix(256))
    }

    /// The first word of the version text, which is followed by who built it and when.
    private static func release(in text: ArraySlice<UInt8>) -> String? {
        let word = text.prefix { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "/") }
        guard !word.isEmpty, word.count < text.count, word.count <= 64, word.first != UInt8(ascii: ".") else {
            return nil
        }
        return String(decoding: word, as: UTF8.self)
    }
}

import CCompression
import Diagnostics

/// The legacy frame of LZ4, which `lz4 -l` makes and kernels have: a magic number, then blocks of up to 8 MiB of output,
/// each with its length before it and nothing to say that it is the last.
enum LZ4LegacyDecoder {
    /// The four bytes a frame begins with.
    static let magic: [UInt8] = [0x02, 0x21, 0x4c, 0x18]

    private static let blockLength = 8 << 20
    // LZ4_compressBound: what a block takes that does not compress at all.
    private static let longestBlock = blockLength + blockLength / 255 + 16

    /// Decodes frames to the end of the input.
    static func decode(
        _ input: ArraySlice<UInt8>, limit: Int, into sink: (ArraySlice<UInt8>) throws(RuntimeError) -> Void
    ) throws(RuntimeError) {
        var buffer = [UInt8](repeating: 0, count: blockLength)
        var rest = input
        var total = 0
        guard rest.starts(with: magic) else { throw RuntimeError(.invalidBundle, "the LZ4 data has no magic number") }
        while !rest.isEmpty {
            // Frames may follow each other.
            if rest.starts(with: magic) {
                rest = rest.dropFirst(4)
                continue
            }
            guard let length = rest.littleEndian32(at: 0).map({ Int($0) }), length > 0, length <= longestBlock,
                length <= rest.count - 4
            else { throw RuntimeError(.invalidBundle, "the compressed data is cut off") }
            let produced = decode(rest.dropFirst(4).prefix(length), into: &buffer)
            guard produced >= 0 else { throw RuntimeError(.invalidBundle, "the LZ4 data is damaged") }
            rest = rest.dropFirst(4 + length)
            total += produced
            if total > limit { throw RuntimeError(.invalidBundle, "it decompresses to more than \(limit) bytes") }
            try sink(buffer[..<produced])
        }
    }

    private static func decode(_ block: ArraySlice<UInt8>, into buffer: inout [UInt8]) -> Int {
        // SAFETY: LZ4_decompress_safe stays within the two lengths, whatever the block holds.
        unsafe block.withUnsafeBytes { source in
            unsafe buffer.withUnsafeMutableBytes { target in
                Int(
                    unsafe LZ4_decompress_safe(
                        source.baseAddress?.assumingMemoryBound(to: CChar.self),
                        target.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(source.count),
                        Int32(target.count)))
            }
        }
    }
}

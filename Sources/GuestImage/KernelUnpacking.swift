import Diagnostics

/// Gets the ELF kernel out of a bzImage.
enum KernelUnpacking {
    /// The most bytes a kernel may have when it is unpacked.
    static let limit = 1 << 29

    /// Whether some bytes begin a kernel that can be loaded as it is: ELF, 64 bits, x86-64.
    static func isKernel(_ head: ArraySlice<UInt8>) -> Bool {
        // e_machine 62 is x86-64, e_type 2 an executable and 3 a relocatable one.
        head.starts(with: [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]) && head.count >= 64 && head.littleEndian16(at: 18) == 62
            && [2, 3].contains(head.littleEndian16(at: 16))
    }

    /// How long the ELF file will be, as the bzImage says.
    static func unpackedLength(of bytes: [UInt8]) throws(RuntimeError) -> Int {
        try expectedLength(of: bytes[try payload(of: bytes)])
    }

    private static func payload(of bytes: [UInt8]) throws(RuntimeError) -> Range<Int> {
        guard let image = try BzImage(head: bytes[...], size: bytes.count) else {
            throw RuntimeError(.invalidBundle, "it is neither a bzImage nor an ELF kernel")
        }
        return image.payload
    }

    private static func expectedLength(of payload: ArraySlice<UInt8>) throws(RuntimeError) -> Int {
        let length = Int(payload.littleEndian32(at: payload.count - 4) ?? 0)
        guard length >= 64, length <= limit else {
            throw RuntimeError(.invalidBundle, "it says that it decompresses to \(length) bytes")
        }
        return length
    }

    /// Decompresses.
    ///
    /// - Parameters:
    ///   - bytes: the whole bzImage.
    ///   - sink: gets the ELF file in order; what it got is worthless if this throws.
    static func unpack(
        _ bytes: [UInt8], into sink: (ArraySlice<UInt8>) throws(RuntimeError) -> Void
    ) throws(RuntimeError) {
        let payload = bytes[try payload(of: bytes)]
        let expected = try expectedLength(of: payload)
        guard let compression = Compression(of: payload) else { throw unknownCompression(payload) }
        var total = 0
        // gzip ends with that length itself; the kernel's makefiles append it to the others.
        let stream = compression == .gzip ? payload : payload.dropLast(4)
        try compression.decompress(stream, limit: expected) { part throws(RuntimeError) in
            if total == 0, !isKernel(part) {
                throw RuntimeError(.unsupported, "what is in it is no ELF kernel for x86-64")
            }
            total += part.count
            try sink(part)
        }
        if total != expected {
            throw RuntimeError(.invalidBundle, "it decompresses to \(total) bytes, and says \(expected)")
        }
    }

    private static func unknownCompression(_ payload: ArraySlice<UInt8>) -> RuntimeError {
        let others: [([UInt8], String)] = [
            ([0x42, 0x5a, 0x68], "bzip2"), ([0x5d, 0x00, 0x00], "LZMA"), ([0x89, 0x4c, 0x5a, 0x4f], "LZO"),
        ]
        let name = others.first { payload.starts(with: $0.0) }?.1
        return RuntimeError(
            .unsupported, "it is compressed with \(name ?? "something unknown"), not with LZ4, gzip, zstd or xz")
    }
}

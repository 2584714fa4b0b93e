import Diagnostics

/// How a kernel or a module is compressed, told by its first bytes.
enum Compression: CaseIterable {
    case lz4, gzip, zstd, xz

    private var magic: [UInt8] {
        switch self {
        case .lz4: LZ4LegacyDecoder.magic
        case .gzip: [0x1f, 0x8b]
        case .zstd: [0x28, 0xb5, 0x2f, 0xfd]
        case .xz: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]
        }
    }

    /// The compression of some data; nil where it is none of these.
    init?(of data: ArraySlice<UInt8>) {
        guard let found = Self.allCases.first(where: { data.starts(with: $0.magic) }) else { return nil }
        self = found
    }

    /// Decompresses.
    ///
    /// - Parameters:
    ///   - data: the compressed stream.
    ///   - limit: the most bytes it may become.
    ///   - sink: gets them in order.
    func decompress(
        _ data: ArraySlice<UInt8>, limit: Int, into sink: (ArraySlice<UInt8>) throws(RuntimeError) -> Void
    ) throws(RuntimeError) {
        switch self {
        case .lz4: try LZ4LegacyDecoder.decode(data, limit: limit, into: sink)
        case .gzip: try ZlibDecoder.decode(data, limit: limit, into: sink)
        case .zstd: try ZstandardDecoder.decode(data, limit: limit, into: sink)
        case .xz: try XZDecoder.decode(data, limit: limit, into: sink)
        }
    }
}

extension ArraySlice<UInt8> {
    /// Four bytes as a number, counted from the slice's own start; nil beyond its end.
    func littleEndian32(at offset: Int) -> UInt32? {
        guard offset >= 0, count >= 4, offset <= count - 4 else { return nil }
        let bytes = self[startIndex + offset..<startIndex + offset + 4]
        return bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// Two bytes as a number, counted from the slice's own start; nil beyond its end.
    func littleEndian16(at offset: Int) -> UInt16? {
        guard offset >= 0, count >= 2, offset <= count - 2 else { return nil }
        return UInt16(self[startIndex + offset]) | UInt16(self[startIndex + offset + 1]) << 8
    }
}

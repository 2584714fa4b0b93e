import Diagnostics
import Digests
import Syscalls

/// A file of the cache that says which image answers a request, and what the image was made from.
///
/// 8 bytes magic, the SHA-256 of all that follows, then fields: numbers as 8 bytes, little-endian; texts and lists with
/// their length before them.
struct ImageCacheEntry: Equatable {
    /// What was asked for.
    var request: [UInt8]
    /// The image's file name in the cache.
    var image: String
    /// The image's length.
    var size: Int64
    /// What the maker of the image noted.
    var notes: [String]
    /// The files it was made from.
    var sources: [SourceFile]

    /// The longest entry.
    static let longest = 1 << 16

    private static let magic = Array("mvrunimg".utf8)
    private static let headerLength = 40

    /// Puts one together.
    init(request: [UInt8], image: String, size: Int64, notes: [String], sources: [SourceFile]) {
        self.request = request
        self.image = image
        self.size = size
        self.notes = notes
        self.sources = sources
    }

    /// The file's bytes.
    var bytes: [UInt8] {
        var body: [UInt8] = []
        func add(_ number: Int64) {
            for shift in stride(from: Int64(0), to: 64, by: 8) {
                body.append(UInt8(truncatingIfNeeded: number >> shift))
            }
        }
        func add(_ bytes: [UInt8]) {
            add(Int64(bytes.count))
            body += bytes
        }
        add(request)
        add(Array(image.utf8))
        add(size)
        add(Int64(notes.count))
        for note in notes { add(Array(note.utf8)) }
        add(Int64(sources.count))
        for source in sources {
            add(Array(source.path.utf8))
            add(Int64(bitPattern: source.identity.device))
            add(Int64(bitPattern: source.identity.inode))
            add(source.identity.size)
            add(source.identity.modified)
            add(source.identity.changed)
        }
        return Self.magic + Digest(of: body[...]).bytes + body
    }

    /// Reads a file; nil where anything about it is wrong.
    init?(bytes: [UInt8]) {
        guard bytes.count > Self.headerLength, bytes.count <= Self.longest, bytes.starts(with: Self.magic),
            Digest(of: bytes[Self.headerLength...]).bytes.elementsEqual(bytes[8..<Self.headerLength])
        else { return nil }
        var rest = bytes[Self.headerLength...]
        func number() -> Int64? {
            guard rest.count >= 8 else { return nil }
            defer { rest = rest.dropFirst(8) }
            return Int64(bitPattern: rest.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
        }
        func part() -> [UInt8]? {
            guard let length = number(), length >= 0, length <= Int64(rest.count) else { return nil }
            defer { rest = rest.dropFirst(Int(length)) }
            return Array(rest.prefix(Int(length)))
        }
        func text() -> String? { part().map { String(decoding: $0, as: UTF8.self) } }
        func count() -> Int64? { number().flatMap { $0 >= 0 && $0 <= 1024 ? $0 : nil } }

        guard let request = part(), let image = text(), let size = number(), let noteCount = count() else { return nil }
        var notes: [String] = []
        for _ in 0..<noteCount {
            guard let note = text() else { return nil }
            notes.append(note)
        }
        guard let sourceCount = count() else { return nil }
        var sources: [SourceFile] = []
        for _ in 0..<sourceCount {
            guard let path = text(), let device = number(), let inode = number(), let length = number(),
                let modified = number(), let changed = number()
            else { return nil }
            sources.append(
                SourceFile(
                    path: path,
                    identity: FileIdentity(
                        device: UInt64(bitPattern: device), inode: UInt64(bitPattern: inode), size: length,
                        modified: modified, changed: changed)))
        }
        guard rest.isEmpty, !image.utf8.contains(UInt8(ascii: "/")) else { return nil }
        self.init(request: request, image: image, size: size, notes: notes, sources: sources)
    }
}

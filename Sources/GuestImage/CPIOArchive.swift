/// A cpio archive of the "newc" form, uncompressed, as the kernel unpacks it into its first root.
///
/// The same entries make the same bytes: no times, no owners, inode numbers in order.
/// Linux, Documentation/driver-api/early-userspace/buffer-format.rst.
struct CPIOArchive {
    private(set) var bytes: [UInt8] = []
    private var inode: UInt32 = 0

    /// Adds a directory; those above it must have been added.
    mutating func addDirectory(_ path: String, mode: UInt32 = 0o755) {
        add(path, mode: 0o040000 | mode, links: 2, content: [])
    }

    /// Adds a regular file.
    mutating func addFile(_ path: String, mode: UInt32, content: [UInt8]) {
        add(path, mode: 0o100000 | mode, links: 1, content: content)
    }

    /// Adds a character device.
    mutating func addCharacterDevice(_ path: String, mode: UInt32, major: UInt32, minor: UInt32) {
        add(path, mode: 0o020000 | mode, links: 1, content: [], device: (major, minor))
    }

    /// Writes the last entry and fills the last page up with zeros.
    mutating func finish() {
        inode = 0
        add("TRAILER!!!", mode: 0, links: 1, content: [], numbered: false)
        pad(to: 4096)
    }

    private mutating func add(
        _ path: String, mode: UInt32, links: UInt32, content: [UInt8], device: (UInt32, UInt32) = (0, 0),
        numbered: Bool = true
    ) {
        if numbered { inode += 1 }
        let fields: [UInt32] = [
            inode, mode, 0, 0, links, 0, UInt32(content.count), 0, 0, device.0, device.1, UInt32(path.utf8.count + 1),
            0,
        ]
        bytes += Array("070701".utf8)
        for field in fields { appendHexadecimal(field) }
        bytes += Array(path.utf8) + [0]
        pad(to: 4)
        bytes += content
        pad(to: 4)
    }

    private mutating func appendHexadecimal(_ value: UInt32) {
        for shift in stride(from: UInt32(28), through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: value >> shift) & 15
            bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "A") + digit - 10)
        }
        // The last shift is 0: a stride over unsigned numbers ends there by itself.
    }

    private mutating func pad(to alignment: Int) {
        let missing = (alignment - bytes.count % alignment) % alignment
        bytes.append(contentsOf: repeatElement(0, count: missing))
    }
}

import Syscalls

@testable import VMM

/// An ELF kernel made by hand, each field of which a test can spoil.
struct TinyKernel {
    struct Part {
        var kind: UInt32 = 1
        var fileOffset: UInt64
        var address: UInt64
        var fileSize: UInt64
        var memorySize: UInt64
    }

    var parts: [Part] = []
    var entry: UInt64 = 0x10_0000
    var headerSize: UInt16 = 56
    var machine: UInt16 = 62
    var tableOffset: UInt64 = 64
    /// What stands behind the headers, at 0x1000 in the file.
    var content: [UInt8] = []

    /// A kernel that is entered in 64-bit mode at 1 MiB.
    init(_ code: [UInt8]) {
        content = code
        parts = [
            Part(
                fileOffset: 0x1000, address: 0x10_0000, fileSize: UInt64(code.count),
                memorySize: UInt64(code.count) + 64)
        ]
    }

    var bytes: [UInt8] {
        var file = LittleEndianBytes()
        file.append([0x7F, 0x45, 0x4C, 0x46, 2, 1, 1, 0])
        file.fill(to: 16)
        file.append(UInt16(2))
        file.append(machine)
        file.append(UInt32(1))
        file.append(entry)
        file.append(tableOffset)
        file.fill(to: 52)
        file.append(UInt16(64))
        file.append(headerSize)
        file.append(UInt16(parts.count))
        file.fill(to: 64)
        for part in parts {
            file.append(part.kind)
            file.append(UInt32(5))
            file.append(part.fileOffset)
            file.append(UInt64(0xFFFF_FFFF_8000_0000))
            file.append(part.address)
            file.append(part.fileSize)
            file.append(part.memorySize)
            file.append(UInt64(0x1000))
        }
        file.fill(to: 0x1000)
        file.append(content)
        return file.bytes
    }

    /// The kernel in a file.
    func file() throws -> OwnedDescriptor {
        try OwnedDescriptor.memory(bytes, name: "kernel")
    }
}

import Board
import Diagnostics
import Syscalls

@testable import GuestImage
@testable import VMM

/// Kernels, modules and what says which modules there are: all of them files that anybody may have made.
enum KernelTarget {
    private static let memory = try? GuestMemory(sizeBytes: 4 << 20)

    static func run(_ input: inout FuzzInput) {
        switch input.choice(6) {
        case 0: load(input.rest())
        case 1: unpack(input.rest())
        case 2:
            if let module = try? ModuleFile.guestContent(of: input.rest()) {
                precondition(module.starts(with: [0x7f, 0x45]), "a module is an ELF file")
            }
        case 3: select(input.rest())
        case 4: _ = ImageCacheEntry(bytes: input.rest())
        default: notes(input.rest())
        }
    }

    private static func load(_ bytes: [UInt8]) {
        guard let memory, let file = try? OwnedDescriptor.memory(bytes, name: "kernel"),
            let archive = try? OwnedDescriptor.memory(Array(bytes.prefix(100)), name: "initramfs")
        else { return }
        guard let image = try? KernelImage(file, for: memory) else { return }
        for part in image.parts {
            precondition(memory.contains(part.address, part.memorySize), "a kernel lies in memory")
            precondition(part.fileSize <= part.memorySize, "what is read has room")
        }
        for (lower, upper) in zip(image.parts, image.parts.dropFirst()) {
            precondition(lower.address + lower.memorySize <= upper.address, "parts do not overlap")
        }
        let firmware = (
            ACPITables(at: MachineLayout.acpi, processors: 1, devices: 1, hasSerialPort: true),
            MPTable(at: MachineLayout.mpTable, processors: 1)
        )
        _ = try? BootImage(
            kernel: file, initramfs: archive, commandLine: CommandLine(log: .emergencies), firmware: firmware,
            into: memory)
        for part in image.parts { try? memory.zero(at: part.address, count: part.memorySize) }
    }

    private static func unpack(_ bytes: [UInt8]) {
        var total = 0
        let result = Result { () throws(RuntimeError) in
            try KernelUnpacking.unpack(bytes) { part throws(RuntimeError) in
                total += part.count
                precondition(total <= KernelUnpacking.limit, "a kernel is bounded")
            }
        }
        if case .success = result {
            precondition((try? KernelUnpacking.unpackedLength(of: bytes)) == total, "a kernel is as long as it says")
        }
    }

    private static func select(_ bytes: [UInt8]) {
        let parts = bytes.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
        let texts = parts.map { String(decoding: $0, as: UTF8.self) }
        guard let index = try? ModuleIndex(dependencies: texts[0], builtIn: texts.count > 1 ? texts[1] : "") else {
            return
        }
        for path in index.select(GuestModules.essential + ["a", "b"]).paths {
            let components = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            precondition(!components.contains { $0.elementsEqual("..".utf8) }, "a module is in its directory")
            precondition(path.utf8.first != UInt8(ascii: "/"), "a module is in its directory")
        }
    }

    private static func notes(_ bytes: [UInt8]) {
        _ = KernelImage.physicalEntry(inNotes: bytes)
        let text = String(decoding: bytes, as: UTF8.self)
        let (left, right) = (KernelVersion(text), KernelVersion(String(text.dropFirst())))
        precondition(!(left < right && right < left), "releases have an order")
        var line = CommandLine(log: .everything)
        if (try? line.append([text])) != nil, let words = try? line.bytes() {
            precondition(words.count <= MachineLayout.commandLineRoom && !words.dropLast().contains(0), "a line ends once")
        }
    }

    static var seeds: [[UInt8]] {
        let module: [UInt8] =
            [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + [UInt8](repeating: 9, count: 200)
            + [0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 100] + Array("~Module signature appended~\n".utf8)
        let dependencies = "kernel/a.ko.xz: kernel/b.ko\nkernel/b.ko:\nkernel/drivers/virtio/virtio-mmio.ko: kernel/a.ko\n"
        let note = little(UInt32(4), 4, 18) + Array("Xen\0".utf8) + little(UInt32(0x10_0000))
        let entry = ImageCacheEntry(
            request: [1, 2], image: "kernel", size: 7, notes: ["a"],
            sources: [
                SourceFile(
                    path: "/boot/vmlinuz", identity: FileIdentity(device: 1, inode: 2, size: 3, modified: 4, changed: 5))
            ])
        return [
            [0] + elf(), [0] + elf(note: note), [1] + bzImage(lz4Stream()), [1] + bzImage(gzipStream()),
            [1] + bzImage([0x28, 0xb5, 0x2f, 0xfd, 0x20, 64, 0x01, 0x02, 0x00] + header64() + little(UInt32(64))),
            [1] + bzImage([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] + [UInt8](repeating: 0, count: 64)),
            [2] + module, [2] + lz4Stream(), [3] + Array(dependencies.utf8) + [0] + Array("kernel/fuse.ko\n".utf8),
            [4] + entry.bytes, [5] + note, [5] + Array("6.1.0-rc1-amd64".utf8),
        ]
    }

    private static func elf(note: [UInt8] = []) -> [UInt8] {
        var file: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 9)
        file += [2, 0, 62, 0] + little(UInt32(1)) + little(UInt64(0x10_0000), 64, 0)
        file += little(UInt32(0)) + little(UInt16(64), 56, note.isEmpty ? 1 : 2, 0, 0, 0)
        let start = UInt64(64 + 56 * (note.isEmpty ? 1 : 2))
        file += little(UInt32(1), 5) + little(start, 0, 0x10_0000, 16, 64, 0x1000)
        if !note.isEmpty {
            file += little(UInt32(4), 4) + little(start + 16, 0, 0, UInt64(note.count), UInt64(note.count), 4)
        }
        return file + [UInt8](repeating: 0x90, count: 16) + note
    }

    /// 64 bytes that begin an ELF file.
    private static func header64() -> [UInt8] { Array(elf().prefix(64)) }

    /// A frame with a block of literals alone, which is what LZ4 makes of what it cannot compress.
    private static func lz4Stream() -> [UInt8] {
        let literals = header64()
        let block: [UInt8] = [0xf0, UInt8(literals.count - 15)] + literals
        return [0x02, 0x21, 0x4c, 0x18] + little(UInt32(block.count)) + block + little(UInt32(literals.count))
    }

    /// gzip with a stored block (RFC 1951, 3.2.4); its check sum is wrong, which the end of the stream tells.
    private static func gzipStream() -> [UInt8] {
        let content = header64()
        return [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1] + little(UInt16(content.count), ~UInt16(content.count)) + content
            + little(UInt32(0), UInt32(content.count))
    }

    private static func bzImage(_ payload: [UInt8]) -> [UInt8] {
        var image = [UInt8](repeating: 0, count: 1024)
        func put(_ bytes: [UInt8], at offset: Int) { image.replaceSubrange(offset..<(offset + bytes.count), with: bytes) }
        put([1], at: 0x1f1)
        put([0x55, 0xaa], at: 0x1fe)
        put(Array("HdrS".utf8) + [0x0f, 2], at: 0x202)
        put([0x80, 1], at: 0x20e)
        put(little(UInt32(0), UInt32(payload.count)), at: 0x248)
        put(Array("6.1.0 (a@b)".utf8), at: 0x380)
        return image + payload
    }
}

package import Board
package import Diagnostics
package import Syscalls

/// An ELF vmlinux for x86-64: what of it goes where, and where it is entered.
///
/// The file may be anything: every number of it is checked before it is used.
package struct KernelImage: Equatable, Sendable {
    /// How the kernel is entered.
    package enum Entry: Equatable, Sendable {
        /// In 32-bit protected mode without paging, as the note XEN_ELFNOTE_PHYS32_ENTRY says (Xen, docs/misc/pvh.pandoc).
        case pvh(UInt32)
        /// In 64-bit mode with the first memory mapped to itself (Linux, Documentation/arch/x86/boot.rst).
        case long(UInt64)
    }

    /// A part of the file that goes into memory.
    package struct Part: Equatable, Sendable {
        /// Where it begins in the file.
        package let fileOffset: UInt64
        /// How many bytes of the file.
        package let fileSize: UInt64
        /// Where it goes.
        package let address: UInt64
        /// How many bytes of memory; zeroes behind those of the file.
        package let memorySize: UInt64
    }

    /// The parts, in ascending order of their addresses.
    package let parts: [Part]
    /// Where it is entered.
    package let entry: Entry

    /// The first address behind the kernel.
    package var end: UInt64 {
        parts.last.map { $0.address + $0.memorySize } ?? 0
    }

    private static let headerSize = 64
    private static let partHeaderSize = 56
    private static let partLimit = 64
    private static let notesLimit: UInt64 = 1 << 16
    private static let loadable: UInt32 = 1
    private static let notes: UInt32 = 4

    /// Reads and checks the headers.
    ///
    /// - Parameters:
    ///   - file: the kernel.
    ///   - memory: where it is to fit, before the initramfs.
    package init(_ file: borrowing OwnedDescriptor, for memory: GuestMemory) throws(RuntimeError) {
        let size = try during("look at the kernel") { try file.fileSize() }
        let header = try Self.read(file, at: 0, count: Self.headerSize)
        guard header.starts(with: [0x7F, 0x45, 0x4C, 0x46, 2, 1]), Self.number(header, 18, UInt16.self) == 62 else {
            throw Self.fault("it is not an ELF file for x86-64")
        }
        let tableOffset = Self.number(header, 32, UInt64.self)
        let count = Int(Self.number(header, 56, UInt16.self))
        guard Self.number(header, 54, UInt16.self) == Self.partHeaderSize, (1...Self.partLimit).contains(count) else {
            throw Self.fault("its table of program headers has \(count) entries of a wrong size")
        }
        let table = try Self.read(file, at: tableOffset, count: count * Self.partHeaderSize)
        var parts: [Part] = []
        var noteEntry: UInt32?
        for position in 0..<count {
            let entry = Array(table[(position * Self.partHeaderSize)..<((position + 1) * Self.partHeaderSize)])
            switch Self.number(entry, 0, UInt32.self) {
            case Self.loadable:
                guard let part = try Self.part(entry, fileSize: size, memory: memory) else { continue }
                parts.append(part)
            case Self.notes where noteEntry == nil:
                let length = Self.number(entry, 32, UInt64.self)
                guard length <= Self.notesLimit else { throw Self.fault("its notes take \(length) bytes") }
                noteEntry = Self.physicalEntry(
                    inNotes: try Self.read(file, at: Self.number(entry, 8, UInt64.self), count: Int(length)))
            default: continue
            }
        }
        parts.sort { $0.address < $1.address }
        for (lower, upper) in zip(parts, parts.dropFirst()) where upper.address - lower.address < lower.memorySize {
            throw Self.fault("two of its parts overlap")
        }
        let entry = noteEntry.map(Entry.pvh) ?? .long(Self.number(header, 24, UInt64.self))
        let address =
            switch entry {
            case .pvh(let address): UInt64(address)
            case .long(let address): address
            }
        guard parts.contains(where: { address >= $0.address && address - $0.address < $0.memorySize }) else {
            throw Self.fault("its entry lies outside its parts")
        }
        self.parts = parts
        self.entry = entry
    }

    /// Puts the kernel into memory.
    package func load(from file: borrowing OwnedDescriptor, into memory: GuestMemory) throws(RuntimeError) {
        for part in parts where part.fileSize > 0 {
            try memory.fill(at: part.address, count: part.fileSize, from: file, at: part.fileOffset, what: "kernel")
        }
    }

    /// Checks a program header.
    ///
    /// - Returns: nil for one that takes no memory.
    private static func part(
        _ entry: [UInt8], fileSize: UInt64, memory: GuestMemory
    ) throws(RuntimeError) -> Part? {
        let part = Part(
            fileOffset: number(entry, 8, UInt64.self), fileSize: number(entry, 32, UInt64.self),
            address: number(entry, 24, UInt64.self), memorySize: number(entry, 40, UInt64.self))
        if part.memorySize == 0 { return nil }
        let (fileEnd, overflow) = part.fileOffset.addingReportingOverflow(part.fileSize)
        guard !overflow, fileEnd <= fileSize, part.fileSize <= part.memorySize else {
            throw fault("a part of it lies outside the file")
        }
        guard part.address >= MachineLayout.highMemory, memory.contains(part.address, part.memorySize),
            part.address < GuestMemory.gapStart
        else { throw fault("it does not fit into the machine's \(memory.size >> 20) MiB of memory") }
        return part
    }

    /// The value of the note that names the PVH entry.
    static func physicalEntry(inNotes notes: [UInt8]) -> UInt32? {
        var offset = 0
        while notes.count - offset >= 12 {
            let nameSize = UInt64(number(notes, offset, UInt32.self))
            let valueSize = UInt64(number(notes, offset + 4, UInt32.self))
            let kind = number(notes, offset + 8, UInt32.self)
            let value = UInt64(offset) + 12 + (nameSize + 3) & ~3
            let next = value + (valueSize + 3) & ~3
            guard value + valueSize <= UInt64(notes.count) else { return nil }
            let isXen = nameSize == 4 && notes[(offset + 12)..<(offset + 16)].elementsEqual([0x58, 0x65, 0x6E, 0])
            if isXen, kind == 18, valueSize >= 4 { return number(notes, Int(value), UInt32.self) }
            if next > UInt64(notes.count) { return nil }
            offset = Int(next)
        }
        return nil
    }

    private static func read(
        _ file: borrowing OwnedDescriptor, at offset: UInt64, count: Int
    ) throws(RuntimeError) -> [UInt8] {
        let bytes = try during("read the kernel's headers") { try file.read(at: offset, count: count) }
        guard bytes.count == count else { throw fault("it ends inside its headers") }
        return bytes
    }

    private static func number<T: FixedWidthInteger>(_ bytes: [UInt8], _ offset: Int, _ type: T.Type) -> T {
        var value: T = 0
        for byte in bytes[offset..<(offset + T.bitWidth / 8)].reversed() { value = value << 8 | T(byte) }
        return value
    }

    private static func fault(_ text: String) -> RuntimeError {
        RuntimeError(.invalidBundle, text).during("load the kernel")
    }
}

extension GuestMemory {
    /// Fills memory from a file, all of it.
    ///
    /// - Parameters:
    ///   - address: where to.
    ///   - count: bytes.
    ///   - file: where from.
    ///   - offset: where in the file.
    ///   - what: the file's name for an error.
    func fill(
        at address: UInt64, count: UInt64, from file: borrowing OwnedDescriptor, at offset: UInt64, what: String
    ) throws(RuntimeError) {
        var done: UInt64 = 0
        while done < count {
            let length = UInt32(min(count - done, 1 << 30))
            let segments = SegmentList([Segment(address: address + done, length: length)])
            let read = try during("load the \(what)") {
                try receive(from: file, fileOffset: Int64(offset + done), into: segments)
            }
            guard read > 0 else {
                throw RuntimeError(.invalidBundle, "it has become shorter").during("load the \(what)")
            }
            done += UInt64(read)
        }
    }
}

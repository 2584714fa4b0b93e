import Board
import Diagnostics
import Syscalls
import Testing

@testable import VMM

/// A kernel file may hold anything.
@Suite struct KernelImageTests {
    private let memory: GuestMemory

    init() throws {
        memory = try GuestMemory(sizeBytes: 16 << 20)
    }

    /// What the loader says of a kernel; nil where it takes it.
    private func fault(_ change: (inout TinyKernel) -> Void) throws -> String? {
        var kernel = TinyKernel(Array(repeating: 0x90, count: 256))
        change(&kernel)
        let file = try kernel.file()
        do throws(RuntimeError) {
            try KernelImage(file, for: memory).load(from: file, into: memory)
            return nil
        } catch {
            return error.message
        }
    }

    @Test func aKernelIsPutWhereItsHeadersSayAndZeroesBehindIt() throws {
        var kernel = TinyKernel([1, 2, 3, 4])
        kernel.parts.append(.init(fileOffset: 0x1002, address: 0x20_0000, fileSize: 2, memorySize: 0x1000))
        let file = try kernel.file()
        let image = try KernelImage(file, for: memory)
        try image.load(from: file, into: memory)
        #expect(image.entry == .long(0x10_0000))
        #expect(image.end == 0x20_1000)
        #expect(try memory.read(0x10_0000, 6) == [1, 2, 3, 4, 0, 0])
        #expect(try memory.read(0x20_0000, 4) == [3, 4, 0, 0])
    }

    @Test func theNoteOfTheXenABINamesThePVHEntry() throws {
        var kernel = TinyKernel([
            // Another owner's note of the same type, then "Xen", type 18, the address 0x100010.
            4, 0, 0, 0, 4, 0, 0, 0, 18, 0, 0, 0, 0x47, 0x4E, 0x55, 0, 1, 1, 1, 1,
            4, 0, 0, 0, 8, 0, 0, 0, 18, 0, 0, 0, 0x58, 0x65, 0x6E, 0, 0x10, 0, 0x10, 0, 0, 0, 0, 0,
        ])
        kernel.parts.append(.init(kind: 4, fileOffset: 0x1000, address: 0, fileSize: 44, memorySize: 0))
        #expect(try KernelImage(try kernel.file(), for: memory).entry == .pvh(0x10_0010))
    }

    @Test func notesWhoseSizesLieAreNoNotes() {
        #expect(KernelImage.physicalEntry(inNotes: []) == nil)
        #expect(KernelImage.physicalEntry(inNotes: Array(repeating: 0xFF, count: 64)) == nil)
        let cut: [UInt8] = [4, 0, 0, 0, 4, 0, 0, 0, 18, 0, 0, 0, 0x58, 0x65, 0x6E, 0, 1, 2, 3]
        #expect(KernelImage.physicalEntry(inNotes: cut) == nil)
        #expect(KernelImage.physicalEntry(inNotes: cut + [4]) == 0x0403_0201)
        // A value too short to be an address, at the end.
        #expect(
            KernelImage.physicalEntry(inNotes: [4, 0, 0, 0, 0, 0, 0, 0, 18, 0, 0, 0, 0x58, 0x65, 0x6E, 0]) == nil)
    }

    @Test func whatIsNoELFFileForThisProcessorIsRefused() throws {
        #expect(try fault { $0.machine = 183 } == "it is not an ELF file for x86-64")
        for size in [0, 1, 63] {
            let file = try OwnedDescriptor.memory(Array(TinyKernel([]).bytes.prefix(size)), name: "kernel")
            #expect(throws: RuntimeError.self) { try KernelImage(file, for: memory) }
        }
    }

    @Test func aTableOfHeadersIsBounded() throws {
        #expect(try fault { $0.parts = [] }?.contains("table of program headers") == true)
        #expect(try fault { $0.headerSize = 57 }?.contains("table of program headers") == true)
        #expect(try fault { $0.parts = Array(repeating: $0.parts[0], count: 65) }?.contains("65 entries") == true)
        #expect(try fault { $0.tableOffset = 1 << 40 } == "it ends inside its headers")
        #expect(try fault { $0.tableOffset = .max } != nil)
        #expect(try fault { $0.tableOffset = UInt64(Int.max) - 8 } != nil)
    }

    @Test func aPartThatIsNotInTheFileIsRefused() throws {
        let text = "a part of it lies outside the file"
        #expect(try fault { $0.parts[0].fileOffset = 1 << 40 } == text)
        #expect(try fault { $0.parts[0].fileOffset = .max } == text)
        #expect(try fault { $0.parts[0].fileSize = .max } == text)
        #expect(try fault { $0.parts[0].fileSize = $0.parts[0].memorySize + 1 } == text)
    }

    @Test(arguments: [0, 0xF_F000, 0xFF_FFFF, 0x100_0000, 0xC000_0000, 0x1_0000_0000, UInt64.max])
    func aPartThatDoesNotFitIntoMemoryIsRefused(address: UInt64) throws {
        #expect(try fault { $0.parts[0].address = address } == "it does not fit into the machine's 16 MiB of memory")
    }

    @Test func aPartThatTakesMoreMemoryThanThereIsIsRefused() throws {
        for size in [UInt64(16 << 20), .max, .max - 0x10_0000] {
            #expect(try fault { $0.parts[0].memorySize = size }?.contains("does not fit") == true)
        }
    }

    @Test func partsThatOverlapAreRefused() throws {
        #expect(
            try fault {
                $0.parts.append($0.parts[0])
                $0.parts[1].address += 319
            } == "two of its parts overlap")
        #expect(
            try fault {
                $0.parts.append($0.parts[0])
                $0.parts[1].address += 320
            } == nil)
    }

    @Test func anEntryOutsideThePartsIsRefused() throws {
        for entry in [0, 0xF_FFFF, 0x10_0140, UInt64.max] {
            #expect(try fault { $0.entry = entry } == "its entry lies outside its parts")
        }
    }

    @Test func notesThatTakeTooMuchAreRefused() throws {
        #expect(
            try fault {
                $0.parts.append(.init(kind: 4, fileOffset: 0, address: 0, fileSize: 1 << 40, memorySize: 0))
            }?.hasPrefix("its notes take") == true)
    }
}

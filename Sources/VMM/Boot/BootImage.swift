import Board
import CLinux
import Diagnostics
import KVM
import Syscalls

/// What lies in the memory of a machine that is about to start, and where its first processor starts.
struct BootImage {
    /// Where the initramfs lies.
    struct Initramfs {
        let address: UInt64
        let size: UInt64
    }

    private let memory: GuestMemory
    private let kernel: KernelImage
    private let initramfs: Initramfs?

    /// Loads kernel and initramfs, and writes what the kernel reads before it has drivers.
    ///
    /// An empty initramfs is none.
    init(
        kernel file: borrowing OwnedDescriptor, initramfs archive: borrowing OwnedDescriptor,
        commandLine: CommandLine, firmware: (acpi: ACPITables, mp: MPTable), into memory: GuestMemory
    ) throws(RuntimeError) {
        self.memory = memory
        kernel = try KernelImage(file, for: memory)
        try kernel.load(from: file, into: memory)
        initramfs = try Self.load(archive, after: kernel, into: memory)
        let text = try commandLine.bytes()
        try Self.writing("the command line and the tables") { () throws(MemoryFault) in
            try memory.write(text, at: MachineLayout.commandLine)
            try memory.write(firmware.acpi.bytes, at: MachineLayout.acpi)
            try memory.write(firmware.mp.bytes, at: MachineLayout.mpTable)
        }
        switch kernel.entry {
        case .pvh: try writeStartInformation()
        case .long: try writeZeroPage(commandLineLength: text.count - 1)
        }
    }

    /// Puts the initramfs as high as the kernel accepts it, at a page of its own.
    private static func load(
        _ file: borrowing OwnedDescriptor, after kernel: KernelImage, into memory: GuestMemory
    ) throws(RuntimeError) -> Initramfs? {
        let size = try during("look at the initramfs") { try file.fileSize() }
        if size == 0 { return nil }
        let end = min(memory.regions[0].size, MachineLayout.initramfsEnd)
        guard size < end else {
            throw RuntimeError(.invalidBundle, "it has \(size) bytes").during("load the initramfs")
        }
        let address = (end - size) & ~(GuestMemory.pageSize - 1)
        guard address >= kernel.end else {
            throw RuntimeError(
                .invalidBundle, "kernel and initramfs do not fit into \(memory.size >> 20) MiB of memory",
                hint: "give the machine more memory"
            ).during("load the initramfs")
        }
        try memory.fill(at: address, count: size, from: file, at: 0, what: "initramfs")
        return Initramfs(address: address, size: size)
    }

    private static func writing(
        _ what: String, _ body: () throws(MemoryFault) -> Void
    ) throws(RuntimeError) {
        do throws(MemoryFault) {
            try body()
        } catch {
            throw RuntimeError(.invalidBundle, "the machine has too little memory").during("write \(what)")
        }
    }

    /// `struct hvm_start_info`, version 1 (Xen, xen/include/public/arch-x86/hvm/start_info.h).
    private func writeStartInformation() throws(RuntimeError) {
        let map = MachineLayout.map(of: memory)
        let (moduleOffset, mapOffset): (UInt64, UInt64) = (0x40, 0x60)
        var bytes = LittleEndianBytes()
        bytes.append(UInt32(0x336E_C578))
        bytes.append(UInt32(1))
        bytes.append(UInt32(0))
        bytes.append(UInt32(initramfs == nil ? 0 : 1))
        bytes.append(MachineLayout.startInformation + moduleOffset)
        bytes.append(MachineLayout.commandLine)
        bytes.append(MachineLayout.acpi)
        bytes.append(MachineLayout.startInformation + mapOffset)
        bytes.append(UInt32(map.count))
        bytes.fill(to: Int(moduleOffset))
        bytes.append(initramfs?.address ?? 0)
        bytes.append(initramfs?.size ?? 0)
        bytes.fill(to: Int(mapOffset))
        for entry in map {
            bytes.append(entry.address)
            bytes.append(entry.size)
            bytes.append(UInt32(entry.isUsable ? 1 : 2))
            bytes.append(UInt32(0))
        }
        try Self.writing("the start information") { () throws(MemoryFault) in
            try memory.write(bytes.bytes, at: MachineLayout.startInformation)
        }
    }

    /// `struct boot_params` (Linux, Documentation/arch/x86/zero-page.rst), and the page tables of the 64-bit entry.
    private func writeZeroPage(commandLineLength: Int) throws(RuntimeError) {
        let map = MachineLayout.map(of: memory)
        var bytes = LittleEndianBytes()
        bytes.fill(to: 4096)
        bytes.replace(at: 0x70, with: MachineLayout.acpi)
        bytes.replace(at: 0x1E8, with: UInt8(map.count))
        bytes.replace(at: 0x1FE, with: UInt16(0xAA55))
        bytes.replace(at: 0x202, with: UInt32(0x5372_6448))
        bytes.replace(at: 0x206, with: UInt16(0x20C))
        // A loader without a number of its own; the kernel lies high.
        bytes.replace(at: 0x210, with: UInt8(0xFF))
        bytes.replace(at: 0x211, with: UInt8(1))
        bytes.replace(at: 0x218, with: UInt32(initramfs?.address ?? 0))
        bytes.replace(at: 0x21C, with: UInt32(initramfs?.size ?? 0))
        bytes.replace(at: 0x228, with: UInt32(MachineLayout.commandLine))
        bytes.replace(at: 0x238, with: UInt32(commandLineLength))
        for (position, entry) in map.enumerated() {
            bytes.replace(at: 0x2D0 + position * 20, with: entry.address)
            bytes.replace(at: 0x2D8 + position * 20, with: entry.size)
            bytes.replace(at: 0x2E0 + position * 20, with: UInt32(entry.isUsable ? 1 : 2))
        }
        let tables = MachineLayout.pageTables
        try Self.writing("the zero page") { () throws(MemoryFault) in
            try memory.write(bytes.bytes, at: MachineLayout.zeroPage)
            // The first GiB is mapped to itself, by pages of 2 MiB.
            try memory.store((tables + 0x1000) | 3, at: tables)
            try memory.store((tables + 0x2000) | 3, at: tables + 0x1000)
            for page in 0..<UInt64(512) { try memory.store(page << 21 | 0x83, at: tables + 0x2000 + page * 8) }
            for (position, entry) in [0, 0, 0x00AF_9B00_0000_FFFF, 0x00CF_9300_0000_FFFF].enumerated() {
                try memory.store(UInt64(entry), at: MachineLayout.descriptorTable + UInt64(position) * 8)
            }
        }
    }

    /// Sets the registers of the first processor.
    func prepare(_ cpu: VirtualCPU) throws(SystemError) {
        var special = try cpu.specialRegisters()
        var registers = kvm_regs()
        registers.rflags = 2
        let isLong: Bool
        switch kernel.entry {
        case .pvh(let entry):
            isLong = false
            registers.rip = UInt64(entry)
            registers.rbx = MachineLayout.startInformation
            special.cr0 = 1
        case .long(let entry):
            isLong = true
            registers.rip = entry
            registers.rsi = MachineLayout.zeroPage
            special.cr0 = 1 << 31 | 1
            special.cr3 = MachineLayout.pageTables
            special.cr4 = 1 << 5
            special.efer = 1 << 10 | 1 << 8
            special.gdt.base = MachineLayout.descriptorTable
            special.gdt.limit = 31
        }
        var code = kvm_segment()
        code.limit = 0xFFFF_FFFF
        code.selector = 0x10
        code.type = 11
        code.present = 1
        code.s = 1
        code.g = 1
        code.l = isLong ? 1 : 0
        code.db = isLong ? 0 : 1
        var data = code
        data.selector = 0x18
        data.type = 3
        data.l = 0
        data.db = 1
        special.cs = code
        (special.ds, special.es, special.fs, special.gs, special.ss) = (data, data, data, data, data)
        special.tr.type = 11
        special.tr.limit = 0x67
        special.tr.s = 0
        special.tr.present = 1
        try cpu.setSpecialRegisters(special)
        try cpu.setRegisters(registers)
    }
}

import Board
import CLinux
import KVM
import Syscalls
import Testing

/// Whether this host's KVM runs a guest of a few instructions: any KVM does.
let kvmIsUsable = (try? KVMSystem.open())?.missingCapabilities().isEmpty ?? false

/// A guest of a few instructions in 64-bit mode, the first GiB mapped to itself, its code at 0x1000.
struct TinyGuest {
    static let code: UInt64 = 0x1000
    static let stack: UInt64 = 0x9000

    let memory: GuestMemory
    let machine: VirtualMachine
    let cpu: VirtualCPU

    init(_ instructions: [UInt8], interruptControllers: Bool = false) throws {
        let system = try KVMSystem.open()
        memory = try GuestMemory(sizeBytes: 2 << 20)
        machine = try system.createMachine()
        if interruptControllers { try machine.createInterruptControllers() }
        for (slot, region) in memory.regions.enumerated() {
            try machine.setMemory(
                slot: UInt32(slot), guestAddress: region.address, size: region.size, hostAddress: region.hostAddress)
        }
        cpu = try machine.createCPU(0)
        try cpu.setCPUID(try system.supportedCPUID())
        try memory.write(instructions, at: Self.code)
        // A PML4 at 0xA000, a PDPT at 0xB000, and pages of 1 GiB's worth of 2 MiB each at 0xC000.
        try memory.store(UInt64(0xB003), at: 0xA000)
        try memory.store(UInt64(0xC003), at: 0xB000)
        for page in 0..<UInt64(512) { try memory.store(page << 21 | 0x83, at: 0xC000 + page * 8) }
        // A GDT at 0x2000: code 0x10, data 0x18.
        try memory.store(UInt64(0x00AF_9B00_0000_FFFF), at: 0x2010)
        try memory.store(UInt64(0x00CF_9300_0000_FFFF), at: 0x2018)
        var special = try cpu.specialRegisters()
        special.cr0 = 0x8000_0001
        special.cr3 = 0xA000
        special.cr4 = 1 << 5
        special.efer = 1 << 10 | 1 << 8
        special.gdt.base = 0x2000
        special.gdt.limit = 31
        var segment = kvm_segment()
        segment.limit = 0xFFFF_FFFF
        segment.present = 1
        segment.s = 1
        segment.g = 1
        (segment.selector, segment.type, segment.l) = (0x10, 11, 1)
        special.cs = segment
        (segment.selector, segment.type, segment.l, segment.db) = (0x18, 3, 0, 1)
        (special.ds, special.es, special.ss) = (segment, segment, segment)
        try cpu.setSpecialRegisters(special)
        var registers = kvm_regs()
        registers.rip = Self.code
        registers.rsp = Self.stack
        registers.rflags = 2
        try cpu.setRegisters(registers)
    }

    /// Runs until the guest does something, interruptions aside.
    func run() throws -> VCPUExit {
        for _ in 0..<16 {
            let exit = try cpu.run()
            if exit != .interrupted { return exit }
        }
        return .interrupted
    }
}

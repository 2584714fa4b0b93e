import Board
import Devices
import KVM
import Syscalls
import Testing

@testable import VMM

private let kvmIsUsable = (try? KVMSystem.open())?.missingCapabilities().isEmpty ?? false

/// Hostile kernels of a few instructions on this host's own KVM; see docs/hostile-guests.md.
@Suite(.enabled(if: kvmIsUsable, "needs a usable /dev/kvm")) struct HostileKernelTests {
    /// Maps the 2 MiB of the devices' registers: an entry of the page tables that the monitor made, and a table at 2 MiB.
    private static let mapDevices: [UInt8] = [
        0xBB, 0x18, 0xA0, 0, 0, 0xC7, 0x03, 0x03, 0, 0x20, 0,  // mov ebx, 0xA018; mov dword [rbx], 0x20_0003
        0xBB, 0, 0x04, 0x20, 0, 0xC7, 0x03, 0x83, 0, 0, 0xD0,  // mov ebx, 0x20_0400; mov dword [rbx], 0xD000_0083
    ]

    /// Says a letter on the console and resets the machine.
    private static func goodbye(_ letter: Character) -> [UInt8] {
        // mov dx, 0x3F8; mov al, letter; out dx, al; 0xFE to port 0x64; jmp $
        [0x66, 0xBA, 0xF8, 0x03, 0xB0, letter.asciiValue ?? 0, 0xEE, 0xB0, 0xFE, 0xE6, 0x64, 0xEB, 0xFE]
    }

    private func machine(_ code: [UInt8]) throws -> (machine: Machine, log: ServedFile) {
        let log = try OwnedDescriptor.memory([], name: "console")
        let other = ServedFile(try log.duplicate())
        let machine = try Machine(
            MachineConfiguration(processors: 1, memoryMiB: 16, log: .emergencies), on: try KVMSystem.open(),
            console: ConsoleLog(log))
        try machine.add(EntropyDevice())
        try machine.start(
            kernel: try TinyKernel(code).file(), initramfs: try OwnedDescriptor.memory([], name: "initramfs"))
        return (machine, other)
    }

    @Test func accessesOfEveryWidthToTheRegistersAreAnswered() throws {
        // mov ebx, 0xD000_0000; mov ecx, 0x300; then for each byte: reads of 1, 2, 4 and 8 bytes, writes of as many.
        let sweep: [UInt8] = [
            0xBB, 0, 0, 0, 0xD0, 0xB9, 0, 0x03, 0, 0,
            0x8A, 0x03, 0x66, 0x8B, 0x03, 0x8B, 0x03, 0x48, 0x8B, 0x03,
            0x88, 0x0B, 0x66, 0x89, 0x0B, 0x89, 0x0B, 0x48, 0x89, 0x0B,
            0xFF, 0xC3, 0xFF, 0xC9, 0x75, 0xE6,  // inc ebx; dec ecx; jnz to the first read
        ]
        let (machine, _) = try machine(Self.mapDevices + sweep + Self.goodbye("D"))
        #expect(try machine.run() == .reset)
        #expect(machine.consoleTail == "D")
        // The writes, and the reads where KVM does not show the registers.
        #expect(machine.exits.memory >= 0x300 * 4)
    }

    /// A guest sees at once what its write has changed, by a read that is no exit; and can change nothing by itself.
    ///
    /// What it has seen of used buffers it may say without an exit, too.
    @Test func registersAreReadWithoutAnExitAndWrittenWithOne() throws {
        let check: [UInt8] = [
            0xBB, 0, 0, 0, 0xD0,  // mov ebx, 0xD000_0000
            0xC7, 0x43, 0x64, 1, 0, 0, 0,  // mov dword [rbx + InterruptACK], 1
            0xC7, 0x43, 0x70, 1, 0, 0, 0, 0x8B, 0x43, 0x70,  // mov dword [rbx + Status], 1; mov eax, [rbx + Status]
            0x83, 0xF8, 0x01, 0x75, 28,  // cmp eax, 1; jne to the second goodbye
            0xC7, 0x03, 5, 0, 0, 0, 0x8B, 0x03,  // mov dword [rbx], 5; mov eax, [rbx]
            0x3D, 0x76, 0x69, 0x72, 0x74, 0x75, 13,  // cmp eax, "virt"; jne to the second goodbye
        ]
        let (machine, _) = try machine(Self.mapDevices + check + Self.goodbye("D") + Self.goodbye("F"))
        #expect(try machine.run() == .reset)
        #expect(machine.consoleTail == "D")
        let shown = try KVMSystem.open().check(.readOnlyMemory) > 0
        #expect(machine.exits.memory == (shown ? 2 : 4))
    }

    @Test func aFloodOfStringOutputStaysInTheLog() throws {
        // cld; mov esi, 0x10_0000; mov dx, 0x3F8; mov ecx, 400000; rep outsb
        let flood: [UInt8] = [
            0xFC, 0xBE, 0, 0, 0x10, 0, 0x66, 0xBA, 0xF8, 0x03, 0xB9, 0x80, 0x1A, 0x06, 0, 0xF3, 0x6E,
        ]
        let (machine, log) = try machine(flood + Self.goodbye("D"))
        #expect(try machine.run() == .reset)
        #expect(machine.consoleTail.hasSuffix("D"))
        #expect(try log.descriptor.fileSize() <= UInt64(ConsoleLog.fileLimit))
    }

    /// The whole way of an attack: a kernel sets a queue up, offers a chain that has no end, and is told to reset the device.
    @Test func aChainWithoutAnEndStopsTheQueueAndNothingElse() throws {
        let device: UInt32 = 0xD000_0000
        let (descriptors, available, used): (UInt32, UInt32, UInt32) = (0x30_0000, 0x31_0000, 0x32_0000)
        let writes: [(UInt32, UInt32)] = [
            // Descriptor 0: 16 bytes at 0x40_0000, to be written, and next comes 0.
            (descriptors, 0x40_0000), (descriptors + 8, 16), (descriptors + 12, 3),
            // Flags 0, index 1, head 0.
            (available, 0x1_0000),
            (device + 0x70, 0), (device + 0x70, 1), (device + 0x70, 3), (device + 0x24, 1), (device + 0x20, 1),
            (device + 0x70, 11), (device + 0x30, 0), (device + 0x38, 16), (device + 0x80, descriptors),
            (device + 0x90, available), (device + 0xA0, used), (device + 0x44, 1), (device + 0x70, 15),
            (device + 0x50, 0),
        ]
        // lea rsi, [rip + table]; lodsd; cmp eax, -1; je done; mov ebx, eax; lodsd; mov [rbx], eax; jmp to lodsd
        // done: mov ebx, 0xD000_0070; mov eax, [rbx]; test al, 64; jz to the mov
        let tail: [UInt8] = [0xBB, 0x70, 0, 0, 0xD0, 0x8B, 0x03, 0xA8, 0x40, 0x74, 0xFA] + Self.goodbye("R")
        let loop: [UInt8] = [0xAD, 0x83, 0xF8, 0xFF, 0x74, 0x07, 0x89, 0xC3, 0xAD, 0x89, 0x03, 0xEB, 0xF3]
        let distance = UInt32(loop.count + tail.count)
        var code = Self.mapDevices + [0x48, 0x8D, 0x35] + Self.bytes(distance) + loop + tail
        for (address, value) in writes { code += Self.bytes(address) + Self.bytes(value) }
        code += [0xFF, 0xFF, 0xFF, 0xFF]
        let (machine, _) = try machine(code)
        #expect(try machine.run() == .reset)
        #expect(machine.consoleTail == "R")
    }

    private static func bytes(_ value: UInt32) -> [UInt8] {
        [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: value >> $0) }
    }
}

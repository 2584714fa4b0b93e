import Board
import Diagnostics
import KVM
import Syscalls
import Testing

@testable import VMM

private let kvmIsUsable = (try? KVMSystem.open())?.missingCapabilities().isEmpty ?? false

/// Whole machines with kernels of a few instructions, on this host's own KVM.
@Suite(.enabled(if: kvmIsUsable, "needs a usable /dev/kvm")) struct MachineTests {
    /// A machine whose kernel is these instructions, started.
    private func machine(
        _ code: [UInt8], processors: Int = 1, log: borrowing OwnedDescriptor? = nil
    ) throws -> Machine {
        let configuration = MachineConfiguration(processors: processors, memoryMiB: 16, log: .everything)
        let console = ConsoleLog(try OwnedDescriptor.memory([], name: "console"))
        let machine = try Machine(configuration, on: try KVMSystem.open(), console: console)
        let kernel = try TinyKernel(code).file()
        try machine.start(kernel: kernel, initramfs: try OwnedDescriptor.memory([0x49], name: "initramfs"))
        return machine
    }

    @Test func aKernelWritesToItsConsoleAndResets() throws {
        // mov dx, 0x3F8; "O"; "K"; 0xFE to port 0x64; jmp $
        let machine = try machine([
            0x66, 0xBA, 0xF8, 0x03, 0xB0, 0x4F, 0xEE, 0xB0, 0x4B, 0xEE, 0xB0, 0xFE, 0xE6, 0x64, 0xEB, 0xFE,
        ])
        #expect(try machine.run() == .reset)
        #expect(machine.consoleTail == "OK")
        #expect(machine.exits.port == 3)
    }

    @Test func theZeroPageNamesCommandLineAndInitramfs() throws {
        // The magic of the setup header, the length of the initramfs and its first byte go to the console.
        // mov dx, 0x3F8; mov al, [rsi+0x202]; out; mov al, [rsi+0x21C]; add al, '0'; out;
        // mov ebx, [rsi+0x218]; mov al, [rbx]; out; 0xFE to port 0x64; jmp $
        let machine = try machine([
            0x66, 0xBA, 0xF8, 0x03, 0x8A, 0x86, 0x02, 0x02, 0, 0, 0xEE, 0x8A, 0x86, 0x1C, 0x02, 0, 0, 0x04, 0x30, 0xEE,
            0x8B, 0x9E, 0x18, 0x02, 0, 0, 0x8A, 0x03, 0xEE, 0xB0, 0xFE, 0xE6, 0x64, 0xEB, 0xFE,
        ])
        #expect(try machine.run() == .reset)
        #expect(machine.consoleTail == "H1I")
    }

    @Test func switchingOffIsNoReset() throws {
        // mov dx, 0x600; mov al, 0x34; out dx, al; jmp $
        let machine = try machine([0x66, 0xBA, 0x00, 0x06, 0xB0, 0x34, 0xEE, 0xEB, 0xFE])
        #expect(try machine.run() == .poweredOff)
    }

    @Test func aTripleFaultEndsTheMachine() throws {
        // push 0; push 0; lidt [rsp]; ud2, with a stack in memory
        let machine = try machine([0xBC, 0, 0, 0x20, 0, 0x6A, 0, 0x6A, 0, 0x0F, 0x01, 0x1C, 0x24, 0x0F, 0x0B])
        #expect(try machine.run() == .shutdown)
    }

    @Test func aMachineThatLoopsIsStopped() throws {
        let machine = try machine([0xEB, 0xFE], processors: 4)
        machine.loop.post { [stop = machine.stopper] in stop() }
        #expect(try machine.run() == .stopped)
    }

    @Test func aPausedMachineDoesNothingUntilItIsResumed() throws {
        // Counts at 2 MiB: inc dword [0x200000]; jmp back
        let machine = try machine([0xFF, 0x04, 0x25, 0, 0, 0x20, 0, 0xEB, 0xF7])
        func count() throws -> UInt32 { try machine.memory.load(0x20_0000, as: UInt32.self) }
        func waitForMore(than start: UInt32) throws -> Bool {
            for _ in 0..<200 where try count() == start { sleep(milliseconds: 10) }
            return try count() != start
        }
        #expect(try waitForMore(than: 0))
        try machine.pause()
        let paused = try count()
        sleep(milliseconds: 100)
        #expect(try count() == paused)
        machine.resume()
        #expect(try waitForMore(than: paused))
        machine.stop()
        #expect(try machine.run() == .stopped)
    }

    @Test func aKernelThatPanickedIsQuoted() throws {
        // Writes the text behind the code byte by byte: lea rsi, [rip+14]; mov dx, 0x3F8; lodsb; test al, al; jz +3; out
        // dx, al; jmp -8; 0xFE to port 0x64; jmp $
        var code: [UInt8] = [
            0x48, 0x8D, 0x35, 0x12, 0, 0, 0, 0x66, 0xBA, 0xF8, 0x03, 0xAC, 0x84, 0xC0, 0x74, 0x03, 0xEE, 0xEB, 0xF8,
            0xB0,
            0xFE, 0xE6, 0x64, 0xEB, 0xFE,
        ]
        code += Array("[1.0] Kernel panic - not syncing: no init\nmore\n".utf8) + [0]
        #expect(try machine(code).run() == .panic("Kernel panic - not syncing: no init"))
    }

    @Test(arguments: [0, 33, -1]) func aMachineHasOneToThirtyTwoProcessors(count: Int) throws {
        let console = ConsoleLog(try OwnedDescriptor.memory([], name: "console"))
        let configuration = MachineConfiguration(processors: count, memoryMiB: 16, log: .everything)
        #expect(throws: RuntimeError.self) { try Machine(configuration, on: try KVMSystem.open(), console: console) }
    }
}

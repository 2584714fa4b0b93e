import Board
import KVM
import Syscalls
import Testing

/// Guests of a few instructions on this host's own KVM.
@Suite(.enabled(if: kvmIsUsable, "needs a usable /dev/kvm")) struct GuestTests {
    @Test func aWriteToAPortStopsTheGuestWithItsValue() throws {
        // mov al, 0x41; out 0x10, al; hlt
        let guest = try TinyGuest([0xB0, 0x41, 0xE6, 0x10, 0xF4])
        #expect(try guest.run() == .portWrite(port: 0x10, size: 1, count: 1))
        #expect(guest.cpu.portValue(index: 0) == 0x41)
        #expect(try guest.run() == .halted)
    }

    @Test func aReadOfAPortWaitsForItsAnswer() throws {
        // mov dx, 0x1234; in eax, dx; out 0x10, eax; hlt
        let guest = try TinyGuest([0x66, 0xBA, 0x34, 0x12, 0xED, 0xE7, 0x10, 0xF4])
        #expect(try guest.run() == .portRead(port: 0x1234, size: 4, count: 1))
        guest.cpu.answerPort(0xDEAD_BEEF)
        #expect(try guest.run() == .portWrite(port: 0x10, size: 4, count: 1))
        #expect(guest.cpu.portValue(index: 0) == 0xDEAD_BEEF)
    }

    @Test func whereThereIsNoMemoryTheMonitorAnswers() throws {
        // mov ebx, 0x3000_0000; mov dword [rbx], 0x11223344; mov eax, [rbx+8]; out 0x10, eax
        let guest = try TinyGuest([
            0xBB, 0, 0, 0, 0x30, 0xC7, 0x03, 0x44, 0x33, 0x22, 0x11, 0x8B, 0x43, 0x08, 0xE7, 0x10,
        ])
        #expect(try guest.run() == .memoryWrite(address: 0x3000_0000, value: 0x1122_3344, size: 4))
        #expect(try guest.run() == .memoryRead(address: 0x3000_0008, size: 4))
        guest.cpu.answerMemory(0x5566_7788)
        #expect(try guest.run() == .portWrite(port: 0x10, size: 4, count: 1))
        #expect(guest.cpu.portValue(index: 0) == 0x5566_7788)
    }

    @Test func anIoeventfdTakesTheValueThatItWaitsForAndNoOther() throws {
        // mov ebx, 0x3000_0050; mov dword [rbx], 1; mov dword [rbx], 2; hlt
        let guest = try TinyGuest([
            0xBB, 0x50, 0, 0, 0x30, 0xC7, 0x03, 1, 0, 0, 0, 0xC7, 0x03, 2, 0, 0, 0, 0xF4,
        ])
        let event = try EventDescriptor()
        try guest.machine.connect(event: event.file.number, toWriteAt: 0x3000_0050, of: 1)
        #expect(try guest.run() == .memoryWrite(address: 0x3000_0050, value: 2, size: 4))
        #expect(event.drain())
        #expect(try guest.run() == .halted)
        #expect(!event.drain())
    }

    @Test func anInterruptEventWakesAHaltedGuest() throws {
        // lidt [0x1080]; the PIC's four initialisation words, nothing masked; "I"; sti; hlt; "R"; hlt
        let code: [UInt8] = [
            0x0F, 0x01, 0x1C, 0x25, 0x80, 0x10, 0, 0,  // lidt [0x1080]
            0xB0, 0x11, 0xE6, 0x20, 0xB0, 0x20, 0xE6, 0x21, 0xB0, 4, 0xE6, 0x21, 0xB0, 1, 0xE6, 0x21, 0xB0, 0, 0xE6,
            0x21, 0xB0, 0x49, 0xE6, 0x10, 0xFB, 0xF4, 0xB0, 0x52, 0xE6, 0x10, 0xF4,
        ]
        let guest = try TinyGuest(code, interruptControllers: true)
        let handler: UInt64 = 0x1100
        // "Q"; iretq
        try guest.memory.write([0xB0, 0x51, 0xE6, 0x10, 0x48, 0xCF], at: handler)
        try guest.memory.write([0xFF, 0x0F, 0, 0x30, 0, 0, 0, 0, 0, 0], at: 0x1080)
        let gate = handler & 0xFFFF | 0x10 << 16 | 0x8E00 << 32
        try guest.memory.store(gate, at: 0x3000 + 0x25 * 16)
        let line = try InterruptEvent(5, of: guest.machine)
        for letter in Array("IQR".utf8) {
            #expect(try guest.run() == .portWrite(port: 0x10, size: 1, count: 1))
            #expect(guest.cpu.portValue(index: 0) == UInt64(letter))
            if letter == UInt8(ascii: "I") { line.trigger() }
        }
    }

    @Test func aTripleFaultIsAShutdown() throws {
        // lidt [0x1080], which is an empty table; ud2
        let guest = try TinyGuest([0x0F, 0x01, 0x1C, 0x25, 0x80, 0x10, 0, 0, 0x0F, 0x0B])
        #expect(try guest.run() == .shutdown)
    }

    @Test func aRequestedExitComesBeforeTheNextInstruction() throws {
        let guest = try TinyGuest([0xEB, 0xFE])
        guest.cpu.requestExit()
        #expect(try guest.cpu.run() == .interrupted)
        #expect(try guest.cpu.registers().rip == TinyGuest.code)
    }

    @Test func aRegisterThatKVMDoesNotKnowIsNotTaken() throws {
        let guest = try TinyGuest([0xF4])
        #expect(try guest.cpu.setModelSpecificRegisters([(0x1A0, 1), (0x4A4A_4A4A, 1), (0x1A0, 1)]) == 1)
    }

    @Test func theLocalInterruptControllerKeepsWhatItIsGiven() throws {
        let guest = try TinyGuest([0xF4], interruptControllers: true)
        let state = try guest.cpu.localAPIC()
        try guest.cpu.setLocalAPIC(state)
        #expect(guest.cpu.timeStampFrequency() ?? 0 > 0)
    }
}

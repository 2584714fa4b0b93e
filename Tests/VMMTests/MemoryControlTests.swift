import AgentProtocol
import Devices
import GuestDriver
import KVM
import Syscalls
import Testing
import Virtio

@testable import VMM

private let kvmIsUsable = (try? KVMSystem.open())?.missingCapabilities().isEmpty ?? false

@Suite(.enabled(if: kvmIsUsable, "needs a usable /dev/kvm")) struct MemoryControlTests {
    private func machine() throws -> Machine {
        let console = ConsoleLog(try OwnedDescriptor.memory([], name: "console"))
        return try Machine(
            MachineConfiguration(memoryMiB: 16, log: .emergencies), on: try KVMSystem.open(), console: console)
    }

    /// What somebody was told.
    private final class Told {
        var count = 0
        var figures: MachineFigures?
    }

    @Test func whoMovesTheBalloonIsToldWhenTheGuestHasMovedIt() throws {
        let (machine, balloon, told) = (try machine(), BalloonDevice(), Told())
        let driver = try GuestDriver(balloon)
        try driver.start()
        let control = MemoryControl(balloon, in: machine)
        control.inflate(targetPages: 1024) { told.count += 1 }
        #expect(driver.transport.read(at: 0x100, size: 4) == 1024)
        driver.transport.write(1000, at: 0x104, size: 4)
        try driver.loop.poll(timeoutMilliseconds: 0)
        #expect(told.count == 0)
        driver.transport.write(1024, at: 0x104, size: 4)
        #expect(told.count == 0, "a processor's thread tells nobody")
        try driver.loop.poll(timeoutMilliseconds: 0)
        #expect(told.count == 1)
        control.inflate(targetPages: 1024) { told.count += 1 }
        #expect(told.count == 2, "what is there already is not waited for")
    }

    @Test func anotherTargetEndsTheWaitForTheFirst() throws {
        let (machine, balloon, told) = (try machine(), BalloonDevice(), Told())
        let driver = try GuestDriver(balloon)
        try driver.start()
        let control = MemoryControl(balloon, in: machine)
        control.inflate(targetPages: 1024) { told.count += 1 }
        control.inflate(targetPages: .max) {}
        #expect(told.count == 1)
        #expect(balloon.targetPages == 4096, "a balloon is no larger than the memory")
    }

    @Test func withoutADriverNobodyWaits() throws {
        let (machine, balloon, told) = (try machine(), BalloonDevice(), Told())
        let control = MemoryControl(balloon, in: machine)
        control.inflate(targetPages: 1024) { told.count += 1 }
        control.figures { told.figures = $0 }
        #expect(told.count == 1)
        let figures = try #require(told.figures)
        #expect(figures.memory == 16 << 20 && !figures.hasBalloonDriver && figures.balloon == 0)
        #expect(figures.resident > 1 << 20)
    }

    @Test func aGuestThatDoesNotAnswerHoldsNoFiguresBack() throws {
        let (machine, balloon, told) = (try machine(), BalloonDevice(), Told())
        let driver = try GuestDriver(balloon)
        try driver.start()
        let control = MemoryControl(balloon, in: machine)
        control.figures { told.figures = $0 }
        #expect(told.figures == nil)
        try machine.loop.poll(timeoutMilliseconds: 5000)
        #expect(told.figures?.hasBalloonDriver == true && told.figures?.available == nil)
    }
}

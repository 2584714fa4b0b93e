import Board
import Synchronization
import Syscalls
import Testing

@testable import VMM

/// Counts how often an interrupt was raised.
private final class CountingLine: InterruptLine {
    private let counter = Atomic(0)
    var count: Int { counter.load(ordering: .relaxed) }
    func trigger() { counter.add(1, ordering: .relaxed) }
}

/// What was sent.
private final class Sent: Sendable {
    private let bytes = Mutex<[UInt8]>([])
    var text: String { String(decoding: bytes.withLock { $0 }, as: UTF8.self) }
    func append(_ byte: UInt8) { bytes.withLock { $0.append(byte) } }
}

/// What is left of a PC.
@Suite struct LegacyDeviceTests {
    @Test func whatIsWrittenToTheSerialPortIsSentAtOnce() {
        let sent = Sent()
        let port = SerialPort(interrupt: CountingLine()) { sent.append($0) }
        for byte in Array("hi".utf8) {
            #expect(port.read(at: 5, size: 1) == 0x60)
            port.write(UInt64(byte), at: 0, size: 1)
        }
        #expect(sent.text == "hi")
    }

    @Test func aDivisorIsNotSent() {
        let sent = Sent()
        let port = SerialPort(interrupt: CountingLine()) { sent.append($0) }
        port.write(0x83, at: 3, size: 1)
        port.write(1, at: 0, size: 1)
        port.write(2, at: 1, size: 1)
        #expect(port.read(at: 0, size: 1) == 1)
        #expect(port.read(at: 1, size: 1) == 2)
        port.write(3, at: 3, size: 1)
        #expect(port.read(at: 1, size: 1) == 0)
        #expect(sent.text.isEmpty)
    }

    @Test func theTransmittersInterruptIsThereWheneverItIsAskedFor() {
        let line = CountingLine()
        let port = SerialPort(interrupt: line) { _ in }
        #expect(port.read(at: 2, size: 1) == 1)
        for round in 1...2 {
            port.write(2, at: 1, size: 1)
            #expect(line.count == round)
            #expect(port.read(at: 2, size: 1) == 2)
            #expect(port.read(at: 2, size: 1) == 1)
            port.write(0, at: 1, size: 1)
        }
        port.write(2, at: 1, size: 1)
        _ = port.read(at: 2, size: 1)
        port.write(UInt64(UInt8(ascii: "x")), at: 0, size: 1)
        #expect(line.count == 4)
        #expect(port.read(at: 2, size: 1) == 2)
    }

    @Test func theModemLinesComeBackInTheLoop() {
        let sent = Sent()
        let port = SerialPort(interrupt: CountingLine()) { sent.append($0) }
        port.write(0x1A, at: 4, size: 1)
        #expect(port.read(at: 6, size: 1) == 0x90)
        port.write(0x41, at: 0, size: 1)
        #expect(sent.text.isEmpty)
    }

    @Test func onlyTheResetCommandResets() {
        let resets = Sent()
        let controller = KeyboardController { resets.append(0x52) }
        controller.write(0xFE, at: 0, size: 1)
        controller.write(0xFF, at: 4, size: 1)
        #expect(resets.text.isEmpty)
        #expect(controller.read(at: 4, size: 1) == 0)
        controller.write(0xFE, at: 4, size: 1)
        #expect(resets.text == "R")
    }

    @Test func onlySoftOffWithItsBitSwitchesOff() {
        let offs = Sent()
        let register = SleepRegister { offs.append(0x4F) }
        register.write(5 << 2, at: 0, size: 1)
        register.write(3 << 2 | 0x20, at: 0, size: 1)
        register.write(0x34, at: 1, size: 1)
        #expect(offs.text.isEmpty)
        register.write(0x34, at: 0, size: 1)
        #expect(offs.text == "O")
    }
}

/// The kernel's log.
@Suite struct ConsoleLogTests {
    private func write(_ text: String, to log: ConsoleLog) {
        for byte in Array(text.utf8) { log.append(byte) }
    }

    @Test func aFullFileLosesItsOlderHalf() throws {
        let file = try OwnedDescriptor.memory([], name: "log")
        let log = ConsoleLog(try file.duplicate(), limit: 1000)
        for line in 0..<300 { write("line \(line)\n", to: log) }
        let text = String(decoding: try file.read(at: 0, count: 5000), as: UTF8.self)
        #expect(text.utf8.count <= 1000)
        #expect(text.utf8.count > 400)
        #expect(text.hasSuffix("line 298\nline 299\n"))
    }

    @Test func aLineThatDoesNotEndIsWrittenAllTheSame() throws {
        let file = try OwnedDescriptor.memory([], name: "log")
        let log = ConsoleLog(try file.duplicate())
        write(String(repeating: "x", count: 3000), to: log)
        #expect(try file.fileSize() == 2048)
        log.flush()
        #expect(try file.fileSize() == 3000)
    }

    @Test func theTailHoldsTheEndAndNoControlCharacters() throws {
        let log = ConsoleLog(try OwnedDescriptor.memory([], name: "log"))
        write(String(repeating: "y\n", count: 5000) + "the\u{1B}[end", to: log)
        #expect(log.tail.hasSuffix("y\nthe [end"))
        #expect(log.tail.utf8.count <= ConsoleLog.tailLimit + 16)
    }
}

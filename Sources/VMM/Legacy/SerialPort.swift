package import Board
import Synchronization

/// A 16550 UART that only sends: the guest kernel's console.
///
/// A byte is sent the moment it is written, so the transmitter is always empty, and its interrupt is there again as soon as
/// it has been asked for. What a terminal would send back never comes.
package final class SerialPort: BusDevice {
    private struct Registers {
        var interruptEnable: UInt8 = 0
        var lineControl: UInt8 = 0
        var modemControl: UInt8 = 0
        var scratch: UInt8 = 0
        var divisor: (low: UInt8, high: UInt8) = (0x0C, 0)
        var hasFIFO = false
        /// The transmitter has become empty since the guest last asked which interrupt there is.
        var emptied = false
    }

    private static let divisorLatch: UInt8 = 1 << 7
    private static let loopback: UInt8 = 1 << 4
    private static let transmitterEmptyEnable: UInt8 = 1 << 1
    /// Transmitter empty, shift register empty; never anything received.
    private static let lineStatus: UInt8 = 0x60
    /// Carrier, data set ready, clear to send.
    private static let modemStatus: UInt8 = 0xB0

    private let registers = Mutex(Registers())
    private let interrupt: any InterruptLine
    private let output: @Sendable (UInt8) -> Void

    /// Makes a port.
    ///
    /// - Parameters:
    ///   - interrupt: its line.
    ///   - output: takes each byte that is sent.
    package init(interrupt: any InterruptLine, output: @escaping @Sendable (UInt8) -> Void) {
        self.interrupt = interrupt
        self.output = output
    }

    /// What the guest reads; the registers are bytes.
    package func read(at offset: UInt64, size: Int) -> UInt64 {
        UInt64(registers.withLock { Self.read(offset, &$0) })
    }

    /// What the guest writes; the registers are bytes.
    package func write(_ value: UInt64, at offset: UInt64, size: Int) {
        let byte = UInt8(truncatingIfNeeded: value)
        let (sent, raised) = registers.withLock { Self.write(byte, offset, &$0) }
        if sent { output(byte) }
        if raised { interrupt.trigger() }
    }

    private static func read(_ offset: UInt64, _ registers: inout Registers) -> UInt8 {
        let isLatched = registers.lineControl & divisorLatch != 0
        switch offset {
        case 0: return isLatched ? registers.divisor.low : 0
        case 1: return isLatched ? registers.divisor.high : registers.interruptEnable
        case 2:
            let fifo: UInt8 = registers.hasFIFO ? 0xC0 : 0
            if registers.emptied, registers.interruptEnable & transmitterEmptyEnable != 0 {
                registers.emptied = false
                return fifo | 2
            }
            return fifo | 1
        case 3: return registers.lineControl
        case 4: return registers.modemControl
        case 5: return lineStatus
        case 6:
            if registers.modemControl & loopback == 0 { return modemStatus }
            // In the loop, the outputs DTR, RTS, OUT1, OUT2 come back as DSR, CTS, RI, DCD.
            let outputs = registers.modemControl
            return (outputs & 1) << 5 | (outputs & 2) << 3 | (outputs & 4) << 4 | (outputs & 8) << 4
        default: return registers.scratch
        }
    }

    /// - Returns: whether the byte leaves the port, and whether the interrupt is raised.
    private static func write(
        _ byte: UInt8, _ offset: UInt64, _ registers: inout Registers
    ) -> (sent: Bool, raised: Bool) {
        let isLatched = registers.lineControl & divisorLatch != 0
        switch offset {
        case 0 where isLatched: registers.divisor.low = byte
        case 0:
            let isEnabled = registers.interruptEnable & transmitterEmptyEnable != 0
            registers.emptied = true
            return (registers.modemControl & loopback == 0, isEnabled)
        case 1 where isLatched: registers.divisor.high = byte
        case 1:
            let becomesEnabled = byte & ~registers.interruptEnable & transmitterEmptyEnable != 0
            registers.interruptEnable = byte & 0xF
            if becomesEnabled { registers.emptied = true }
            return (false, becomesEnabled)
        case 2: registers.hasFIFO = byte & 1 != 0
        case 3: registers.lineControl = byte
        case 4: registers.modemControl = byte & 0x1F
        case 7: registers.scratch = byte
        default: break
        }
        return (false, false)
    }
}

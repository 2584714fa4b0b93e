import Board

/// What is left of a PC's keyboard controller: the command that resets the machine.
///
/// It has no keyboard: its output buffer is empty, and its input buffer is always free.
final class KeyboardController: BusDevice {
    /// Pulses the reset line.
    static let resetCommand: UInt8 = 0xFE
    private static let commandPort: UInt64 = 4

    private let reset: @Sendable () -> Void

    /// Makes a controller.
    ///
    /// - Parameter reset: what a reset does.
    init(reset: @escaping @Sendable () -> Void) {
        self.reset = reset
    }

    func read(at offset: UInt64, size: Int) -> UInt64 { 0 }

    func write(_ value: UInt64, at offset: UInt64, size: Int) {
        if offset == Self.commandPort, UInt8(truncatingIfNeeded: value) == Self.resetCommand { reset() }
    }
}

/// The sleep registers of ACPI's reduced hardware (ACPI 6.5, 4.8.3.7).
final class SleepRegister: BusDevice {
    /// The type that the DSDT gives to the state S5.
    static let softOff: UInt64 = 5
    private static let enable: UInt64 = 1 << 5

    private let powerOff: @Sendable () -> Void

    /// Makes the registers.
    ///
    /// - Parameter powerOff: what switching off does.
    init(powerOff: @escaping @Sendable () -> Void) {
        self.powerOff = powerOff
    }

    func read(at offset: UInt64, size: Int) -> UInt64 { 0 }

    func write(_ value: UInt64, at offset: UInt64, size: Int) {
        if offset == 0, value & Self.enable != 0, value >> 2 & 7 == Self.softOff { powerOff() }
    }
}

/// The ACPI tables of a machine of reduced hardware: RSDP, XSDT, FADT, MADT and DSDT (ACPI 6.5, chapter 5).
///
/// They are what makes an unmodified kernel find its virtio devices: each is an `LNRO0005`, which the driver of
/// virtio-mmio asks for.
package struct ACPITables {
    /// The tables, as they lie from the address on.
    package let bytes: [UInt8]

    /// Makes the tables.
    ///
    /// - Parameters:
    ///   - address: where they will lie, the RSDP first.
    ///   - processors: how many.
    ///   - devices: how many virtio devices, at the addresses and interrupts of `MachineLayout`.
    ///   - hasSerialPort: whether COM1 is described.
    package init(at address: UInt64, processors: Int, devices: Int, hasSerialPort: Bool) {
        var place = Placement(address: address)
        // Each table after those that it points to; the RSDP has its place before all.
        let description = place.add(Self.differentiated(devices: devices, hasSerialPort: hasSerialPort))
        let fixed = place.add(Self.fixed(differentiated: description))
        let controllers = place.add(Self.interruptControllers(processors: processors))
        var root = Self.table("XSDT", revision: 1)
        root.append(fixed)
        root.append(controllers)
        let rootAddress = place.add(root)
        bytes = place.finished(root: rootAddress)
    }

    /// Puts tables behind each other.
    private struct Placement {
        private static let pointerSize = 36

        let address: UInt64
        private var bytes = [UInt8](repeating: 0, count: 64)

        init(address: UInt64) {
            self.address = address
        }

        /// Completes a table, and says where it lies.
        mutating func add(_ table: LittleEndianBytes) -> UInt64 {
            var table = table
            table.replace(at: 4, with: UInt32(table.bytes.count))
            table.sum(at: 9)
            let place = address + UInt64(bytes.count)
            bytes += table.bytes
            bytes += Array(repeating: 0, count: -bytes.count & 15)
            return place
        }

        /// The tables with the RSDP before them.
        func finished(root: UInt64) -> [UInt8] {
            var pointer = LittleEndianBytes()
            pointer.append("RSD PTR ", padded: 9)
            pointer.append("MVRUN", padded: 6)
            pointer.append(UInt8(2))
            pointer.append(UInt32(0))
            pointer.append(UInt32(Self.pointerSize))
            pointer.append(root)
            pointer.fill(to: Self.pointerSize)
            pointer.sum(at: 8, count: 20)
            pointer.sum(at: 32)
            return pointer.bytes + bytes[Self.pointerSize...]
        }
    }

    /// The header that all tables but the RSDP have; length and checksum come when the table is complete.
    private static func table(_ signature: StaticString, revision: UInt8) -> LittleEndianBytes {
        var table = LittleEndianBytes()
        table.append(signature, padded: 4)
        table.append(UInt32(0))
        table.append(revision)
        table.append(UInt8(0))
        table.append("MVRUN", padded: 6)
        table.append("MVRUNVM", padded: 8)
        table.append(UInt32(1))
        table.append("MVRN", padded: 4)
        table.append(UInt32(1))
        return table
    }

    /// An address in the space of ports, "Generic Address Structure".
    private static func port(_ number: UInt16) -> LittleEndianBytes {
        var address = LittleEndianBytes()
        address.append([1, 8, 0, 1])
        address.append(UInt64(number))
        return address
    }

    /// FADT: no fixed hardware, no CMOS clock, no VGA, no keyboard controller to look for.
    private static func fixed(differentiated: UInt64) -> LittleEndianBytes {
        var table = table("FACP", revision: 6)
        table.append(UInt32(0))
        table.append(UInt32(truncatingIfNeeded: differentiated))
        table.fill(to: 109)
        let bootFlags: UInt16 = 1 << 2 | 1 << 5
        table.append(bootFlags)
        table.append(UInt8(0))
        // WBINVD, no power and no sleep button of the fixed kind, reset register, reduced hardware.
        let flags: UInt32 = 1 | 1 << 4 | 1 << 5 | 1 << 10 | 1 << 20
        table.append(flags)
        table.append(port(MachineLayout.keyboardController + 4).bytes)
        table.append(KeyboardController.resetCommand)
        table.fill(to: 131)
        table.append(UInt8(5))
        table.fill(to: 140)
        table.append(differentiated)
        table.fill(to: 244)
        table.append(port(MachineLayout.sleepControl).bytes)
        table.append(port(MachineLayout.sleepControl + 1).bytes)
        table.append("KVM", padded: 8)
        return table
    }

    /// MADT: a LAPIC for each processor and the one I/O APIC.
    private static func interruptControllers(processors: Int) -> LittleEndianBytes {
        var table = table("APIC", revision: 5)
        table.append(UInt32(truncatingIfNeeded: MachineLayout.localAPIC))
        table.append(UInt32(0))
        for processor in 0..<UInt8(clamping: processors) {
            table.append([0, 8, processor, processor])
            table.append(UInt32(1))
        }
        table.append([1, 12, 0, 0])
        table.append(UInt32(truncatingIfNeeded: MachineLayout.ioAPIC))
        table.append(UInt32(0))
        return table
    }

    /// DSDT: the devices, and how the machine is switched off.
    private static func differentiated(devices: Int, hasSerialPort: Bool) -> LittleEndianBytes {
        var table = table("DSDT", revision: 2)
        var terms: [[UInt8]] = []
        if hasSerialPort {
            // EISAID ("PNP0501"): a UART with a FIFO.
            let identity: [UInt8] = [0x0C, 0x41, 0xD0, 0x05, 0x01]
            let resources = AML.resources([
                AML.ports(MachineLayout.serialPort, 8), AML.interrupt(MachineLayout.serialInterrupt),
            ])
            terms.append(
                AML.device(
                    "COM1",
                    [AML.named("_HID", identity), AML.named("_UID", AML.integer(0)), AML.named("_CRS", resources)]))
        }
        for position in 0..<devices {
            let number = String(position)
            let resources = AML.resources([
                AML.memory(
                    UInt32(truncatingIfNeeded: MachineLayout.address(ofDevice: position)),
                    UInt32(MachineLayout.deviceSize)),
                AML.interrupt(MachineLayout.interrupt(ofDevice: position)),
            ])
            terms.append(
                AML.device(
                    "V" + String(repeating: "0", count: 3 - number.count) + number,
                    [
                        AML.named("_HID", AML.string("LNRO0005")), AML.named("_UID", AML.integer(UInt32(position))),
                        AML.named("_CCA", AML.integer(1)), AML.named("_CRS", resources),
                    ]))
        }
        table.append(AML.scope("_SB", terms))
        table.append(AML.named("_S5", AML.package([AML.integer(UInt32(SleepRegister.softOff))])))
        return table
    }
}

/// The tables of Intel's MultiProcessor Specification 1.4, for kernels that are built without ACPI.
package struct MPTable {
    /// The floating pointer and the configuration behind it.
    package let bytes: [UInt8]

    private static let pointerSize = 16
    private static let headerSize = 44
    /// The inputs of the I/O APIC, which are the ISA interrupts of the same numbers.
    private static let inputs: UInt8 = 24

    /// Makes the tables.
    ///
    /// - Parameters:
    ///   - address: where they will lie; the kernel looks at multiples of 16.
    ///   - processors: how many.
    package init(at address: UInt64, processors: Int) {
        var entries = LittleEndianBytes()
        let controller = UInt8(clamping: processors)
        for processor in 0..<controller {
            // Usable, and the first one boots; a signature and features that nobody reads.
            entries.append([0, processor, 0x14, processor == 0 ? 3 : 1])
            entries.append(UInt32(0x600))
            entries.append(UInt32(0x201))
            entries.append(UInt64(0))
        }
        entries.append([1, 0])
        entries.append("ISA", padded: 6)
        entries.append([2, controller, 0x11, 1])
        entries.append(UInt32(truncatingIfNeeded: MachineLayout.ioAPIC))
        for input in 0..<Self.inputs {
            entries.append([3, 0, 0, 0, 0, input, controller, input])
        }
        // The PIC on LINT0 of the first processor, NMI on LINT1 of all.
        entries.append([4, 3, 0, 0, 0, 0, 0, 0])
        entries.append([4, 1, 0, 0, 0, 0, 0xFF, 1])

        var table = LittleEndianBytes()
        table.append("PCMP", padded: 4)
        table.append(UInt16(Self.headerSize + entries.bytes.count))
        table.append([4, 0])
        table.append("MVRUN", padded: 8)
        table.append("VM", padded: 12)
        table.append(UInt32(0))
        table.append(UInt16(0))
        table.append(UInt16(processors + 4 + Int(Self.inputs)))
        table.append(UInt32(truncatingIfNeeded: MachineLayout.localAPIC))
        table.append(UInt32(0))
        table.append(entries.bytes)
        table.sum(at: 7)

        var pointer = LittleEndianBytes()
        pointer.append("_MP_", padded: 4)
        pointer.append(UInt32(truncatingIfNeeded: address) + UInt32(Self.pointerSize))
        pointer.append([1, 4, 0, 0])
        pointer.fill(to: Self.pointerSize)
        pointer.sum(at: 10)
        bytes = pointer.bytes + table.bytes
    }
}

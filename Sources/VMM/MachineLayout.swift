package import Board

/// Where what lies in the guest's addresses and interrupts.
///
/// Memory is `GuestMemory`'s business: from 0 to 3 GiB at most, the rest from 4 GiB on.
package enum MachineLayout {
    /// The global descriptor table of the 64-bit entry.
    package static let descriptorTable: UInt64 = 0x500
    /// `struct hvm_start_info` of the PVH entry, its list of modules and its map of memory behind it.
    package static let startInformation: UInt64 = 0x6000
    /// `struct boot_params` of the 64-bit entry.
    package static let zeroPage: UInt64 = 0x7000
    /// The page tables of the 64-bit entry: three pages.
    package static let pageTables: UInt64 = 0x9000
    /// The kernel command line, and how many bytes x86's COMMAND_LINE_SIZE leaves for it, its NUL included.
    package static let commandLine: UInt64 = 0x2_0000
    /// See `commandLine`.
    package static let commandLineRoom = 2048
    /// Where the conventional memory of a PC ends.
    package static let conventionalEnd: UInt64 = 0xA_0000
    /// The RSDP and the other ACPI tables behind it.
    package static let acpi: UInt64 = 0xE_0000
    /// The MP table, where kernels without ACPI look for it.
    package static let mpTable: UInt64 = 0xF_0000
    /// Where the memory goes on: the kernel lies from here on.
    package static let highMemory: UInt64 = 0x10_0000
    /// The initramfs ends here at the latest: `initrd_addr_max` of the kernels that Linux builds today.
    package static let initramfsEnd: UInt64 = 0x8000_0000

    /// The registers of the first virtio device.
    package static let devices: UInt64 = 0xD000_0000
    /// The distance from one device to the next.
    package static let deviceSize: UInt64 = 0x1000
    /// The interrupt of the first virtio device.
    package static let firstInterrupt: UInt32 = 5
    /// How many devices there can be: the I/O APIC has 24 inputs.
    package static let deviceLimit = 19

    /// The I/O APIC of KVM's.
    package static let ioAPIC: UInt64 = 0xFEC0_0000
    /// The LAPIC of each processor.
    package static let localAPIC: UInt64 = 0xFEE0_0000
    /// Four pages that KVM wants for itself on Intel processors.
    package static let reservedPages: UInt64 = 0xFFFB_D000

    /// COM1.
    package static let serialPort: UInt16 = 0x3F8
    /// COM1's interrupt.
    package static let serialInterrupt: UInt32 = 4
    /// The keyboard controller's data port; its commands are at 0x64.
    package static let keyboardController: UInt16 = 0x60
    /// ACPI's sleep control register, its sleep status register behind it.
    package static let sleepControl: UInt16 = 0x600

    /// Where the registers of a device begin.
    package static func address(ofDevice position: Int) -> UInt64 {
        devices + UInt64(position) * deviceSize
    }

    /// KVM's number for the memory that shows a device's registers: behind those of memory and of the window for files.
    package static func memorySlot(ofDevice position: Int) -> UInt32 {
        16 + UInt32(position)
    }

    /// The interrupt of a device.
    package static func interrupt(ofDevice position: Int) -> UInt32 {
        firstInterrupt + UInt32(position)
    }

    /// A part of the addresses, as the kernel is told of it.
    package struct MapEntry: Equatable, Sendable {
        /// Where it begins.
        package let address: UInt64
        /// Bytes.
        package let size: UInt64
        /// Whether it is memory for use; otherwise it is memory that holds tables.
        package let isUsable: Bool
    }

    /// What the kernel may use, in ascending order.
    package static func map(of memory: GuestMemory) -> [MapEntry] {
        var entries = [
            MapEntry(address: 0, size: conventionalEnd, isUsable: true),
            MapEntry(address: acpi, size: highMemory - acpi, isUsable: false),
        ]
        for region in memory.regions {
            let start = max(region.address, highMemory)
            let end = region.address + region.size
            if end > start { entries.append(MapEntry(address: start, size: end - start, isUsable: true)) }
        }
        return entries
    }
}

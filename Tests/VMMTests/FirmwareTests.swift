import Testing

@testable import VMM

/// The tables that firmware would have left.
@Suite struct FirmwareTests {
    private static let address: UInt64 = 0xE_0000
    private let tables = ACPITables(at: address, processors: 3, devices: 2, hasSerialPort: true)

    /// The table at a guest address, as long as its header says.
    private func table(at address: UInt64) -> [UInt8] {
        let bytes = tables.bytes[Int(address - Self.address)...]
        return Array(bytes.prefix(Int(number(Array(bytes), 4, 4))))
    }

    private func number(_ bytes: [UInt8], _ offset: Int, _ size: Int) -> UInt64 {
        bytes[offset..<(offset + size)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// The tables that the XSDT names, by their signatures, and the DSDT that the FADT names.
    private func named() -> [String: [UInt8]] {
        var found = ["XSDT": table(at: number(tables.bytes, 24, 8))]
        let root = found["XSDT"] ?? []
        for offset in stride(from: 36, to: root.count, by: 8) {
            let table = table(at: number(root, offset, 8))
            found[String(decoding: table.prefix(4), as: UTF8.self)] = table
        }
        found["DSDT"] = table(at: number(found["FACP"] ?? [], 140, 8))
        return found
    }

    @Test func thePointerLeadsToTablesWhoseSumsAreZero() {
        #expect(tables.bytes.starts(with: Array("RSD PTR ".utf8)))
        #expect(tables.bytes[15] == 2)
        #expect(tables.bytes[..<20].reduce(0, &+) == 0)
        #expect(tables.bytes[..<36].reduce(0, &+) == 0)
        let named = named()
        #expect(Set(named.keys) == ["XSDT", "FACP", "APIC", "DSDT"])
        for table in named.values { #expect(table.reduce(0, &+) == 0) }
    }

    @Test func theFixedTableSaysThatTheHardwareIsReduced() {
        let fixed = named()["FACP"] ?? []
        #expect(fixed.count == 276)
        #expect(number(fixed, 112, 4) == 0x0010_0431)
        #expect(number(fixed, 109, 2) == 0x24)
        // The reset register: port 0x64, the value 0xFE.
        #expect(Array(fixed[116..<129]) == [1, 8, 0, 1, 0x64, 0, 0, 0, 0, 0, 0, 0, 0xFE])
        #expect(Array(fixed[244..<256]) == [1, 8, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0])
    }

    @Test func eachProcessorHasALocalInterruptController() {
        let controllers = named()["APIC"] ?? []
        #expect(
            Array(controllers[36...]) == [
                0, 0, 0xE0, 0xFE, 0, 0, 0, 0,  // the LAPICs' address, no PIC
                0, 8, 0, 0, 1, 0, 0, 0, 0, 8, 1, 1, 1, 0, 0, 0, 0, 8, 2, 2, 1, 0, 0, 0,
                1, 12, 0, 0, 0, 0, 0xC0, 0xFE, 0, 0, 0, 0,
            ])
    }

    @Test func aVirtioDeviceIsAnLNRO0005WithItsWindowAndItsInterrupt() {
        let device: [UInt8] = [
            0x5B, 0x82, 0x41, 0x04,  // Device, 65 bytes
            0x56, 0x30, 0x30, 0x31,  // V001
            0x08, 0x5F, 0x48, 0x49, 0x44, 0x0D, 0x4C, 0x4E, 0x52, 0x4F, 0x30, 0x30, 0x30, 0x35, 0,  // _HID
            0x08, 0x5F, 0x55, 0x49, 0x44, 0x01,  // _UID, 1
            0x08, 0x5F, 0x43, 0x43, 0x41, 0x01,  // _CCA, 1
            0x08, 0x5F, 0x43, 0x52, 0x53, 0x11, 0x1A, 0x0A, 0x17,  // _CRS, a buffer of 23 bytes
            0x86, 9, 0, 1, 0x00, 0x10, 0x00, 0xD0, 0x00, 0x10, 0, 0,
            0x89, 6, 0, 3, 1, 6, 0, 0, 0,
            0x79, 0,
        ]
        let description = named()["DSDT"] ?? []
        #expect(contains(description, device))
        // Name (_S5, Package () { 5 })
        #expect(description.suffix(10).elementsEqual([0x08, 0x5F, 0x53, 0x35, 0x5F, 0x12, 0x04, 0x01, 0x0A, 0x05]))
    }

    private func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
        (0...max(0, bytes.count - part.count)).contains { bytes[$0...].starts(with: part) }
    }

    @Test(arguments: [(0, [1]), (62, [63]), (63, [0x41, 4]), (4093, [0x4F, 0xFF]), (4094, [0x81, 0, 1])])
    func aPackageLengthCountsItsOwnBytes(count: Int, expected: [UInt8]) {
        #expect(AML.packageLength(of: count) == expected)
    }

    @Test func theMPTableAddsUpAndNamesEveryProcessor() {
        let bytes = MPTable(at: 0xF_0000, processors: 32).bytes
        #expect(bytes.starts(with: Array("_MP_".utf8) + [0x10, 0, 0xF, 0, 1, 4]))
        #expect(bytes[..<16].reduce(0, &+) == 0)
        let table = Array(bytes[16...])
        #expect(table.starts(with: Array("PCMP".utf8)))
        #expect(table.count == Int(number(table, 4, 2)))
        #expect(table.reduce(0, &+) == 0)
        #expect(number(table, 34, 2) == 32 + 2 + 24 + 2)
        // The first one boots; the I/O APIC has the id behind the last.
        #expect(Array(table[44..<48]) == [0, 0, 0x14, 3])
        #expect(Array(table[64..<68]) == [0, 1, 0x14, 1])
        #expect(Array(table[(44 + 32 * 20)...].prefix(12)) == Array([1, 0] + "ISA   ".utf8) + [2, 32, 0x11, 1])
    }
}

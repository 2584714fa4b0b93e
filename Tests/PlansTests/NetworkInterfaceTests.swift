import Testing

@testable import Plans

@Suite struct NetworkInterfaceTests {
    private func sample() throws -> NetworkInterface {
        let address = try #require(InternetAddress([10, 0, 0, 2]))
        let address6 = try #require(InternetAddress([0xfd] + [UInt8](repeating: 0, count: 14) + [2]))
        var interface = NetworkInterface(name: "eth0", hardwareAddress: [2, 0, 0, 0, 0, 1], mtu: 1500)
        interface.networks = [
            InterfaceNetwork(address: address, broadcast: address, prefixLength: 24),
            InterfaceNetwork(address: address6, peer: address6, prefixLength: 128, scope: 253),
        ]
        interface.routes = [
            InterfaceRoute(isVersion6: false, gateway: address),
            InterfaceRoute(
                isVersion6: true, destination: address6, prefixLength: 64, source: address6, priority: 7, scope: 1,
                isOnLink: true, mtu: 1400),
        ]
        interface.neighbours = [InterfaceNeighbour(address: address, hardwareAddress: [2, 0, 0, 0, 0, 9])]
        return interface
    }

    private func bytes(_ value: some PlanCoded) -> [UInt8] {
        var writer = PlanWriter()
        writer.write(value)
        return writer.bytes
    }

    private func interface(_ bytes: [UInt8]) throws -> NetworkInterface {
        var reader = PlanReader(bytes)
        return try NetworkInterface(from: &reader)
    }

    @Test func anInterfaceSurvivesTheWire() throws {
        #expect(try interface(bytes(sample())) == sample())
        for length in bytes(try sample()).indices {
            #expect(throws: PlanFault.self) { try interface(Array(bytes(sample()).prefix(length))) }
        }
    }

    @Test(arguments: ["", "a/b", "a b", ".", "..", "0123456789abcdef", "a\u{1}"])
    func whatIsNoNameOfAnInterfaceIsRefused(name: String) throws {
        var wrong = try sample()
        wrong.name = name
        #expect(throws: PlanFault.malformed) { try interface(bytes(wrong)) }
    }

    /// RFC 5952, 4.2: the first of the longest runs of two zeros or more.
    @Test(
        arguments: [
            ([0xfd77, 0, 0, 0, 0, 0, 0, 2], "fd77::2"), ([0, 0, 0, 0, 0, 0, 0, 0], "::"),
            ([0, 0, 0, 0, 0, 0, 0, 1], "::1"),
            ([1, 0, 0, 0, 0, 0, 0, 0], "1::"), ([1, 0, 0, 2, 0, 0, 0, 3], "1:0:0:2::3"),
            ([1, 0, 0, 2, 3, 0, 0, 4], "1::2:3:0:0:4"), ([1, 0, 2, 3, 4, 5, 6, 7], "1:0:2:3:4:5:6:7"),
        ] as [([UInt16], String)])
    func anAddressIsWrittenShort(groups: [UInt16], text: String) throws {
        let bytes = groups.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] }
        #expect(try #require(InternetAddress(bytes)).description == text)
    }

    @Test func addressesOfOtherLengthsAreRefused() throws {
        #expect(InternetAddress([]) == nil && InternetAddress([1, 2, 3]) == nil)
        #expect(InternetAddress([UInt8](repeating: 0, count: 17)) == nil)
        var wrong = try sample()
        wrong.hardwareAddress = [1, 2, 3]
        #expect(throws: PlanFault.malformed) { try interface(bytes(wrong)) }
        wrong = try sample()
        wrong.networks[0].prefixLength = 33
        #expect(throws: PlanFault.malformed) { try interface(bytes(wrong)) }
        wrong = try sample()
        wrong.routes[0].isVersion6 = true
        #expect(throws: PlanFault.malformed) { try interface(bytes(wrong)) }
    }
}

import Plans
import Syscalls
import Testing

@testable import Rtnetlink

/// The requests as linux/rtnetlink.h lays them out, on a machine whose low bytes come first.
@Suite struct RouteMessageTests {
    private func address(_ bytes: UInt8...) throws -> InternetAddress { try #require(InternetAddress(bytes)) }

    @Test func aLinkIsNamedSizedAndBroughtUp() {
        let interface = NetworkInterface(name: "eth0", hardwareAddress: [2, 0, 0, 0, 0, 1], mtu: 9000)
        #expect(
            interface.bringingUp(3).bytes(sequence: 7) == [
                52, 0, 0, 0, 16, 0, 5, 0, 7, 0, 0, 0, 0, 0, 0, 0,  // length, RTM_NEWLINK, REQUEST|ACK, sequence, port
                0, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0,  // family, index, IFF_UP, which counts
                8, 0, 4, 0, 0x28, 0x23, 0, 0,  // IFLA_MTU
                9, 0, 3, 0, 0x65, 0x74, 0x68, 0x30, 0, 0, 0, 0,  // IFLA_IFNAME, padded
            ])
    }

    @Test func anAddressOfVersion4HasItsBroadcastAddress() throws {
        let network = InterfaceNetwork(
            address: try address(10, 0, 0, 2), broadcast: try address(10, 0, 0, 255), prefixLength: 24)
        #expect(
            NetworkInterface.adding(network, to: 3).bytes(sequence: 1).dropFirst(16) == [
                2, 24, 0, 0, 3, 0, 0, 0,  // AF_INET, /24, flags, scope, index
                8, 0, 2, 0, 10, 0, 0, 2,  // IFA_LOCAL
                8, 0, 1, 0, 10, 0, 0, 2,  // IFA_ADDRESS
                8, 0, 4, 0, 10, 0, 0, 255,  // IFA_BROADCAST
            ])
    }

    @Test func anAddressOfVersion6IsNotLookedForFirst() throws {
        let bytes: [UInt8] = [0xfd] + [UInt8](repeating: 0, count: 14) + [2]
        let network = InterfaceNetwork(address: try #require(InternetAddress(bytes)), prefixLength: 64)
        var expected: [UInt8] = [10, 64, 2, 0, 3, 0, 0, 0, 20, 0, 2, 0]
        expected += bytes
        expected += [20, 0, 1, 0]
        expected += bytes
        #expect(Array(NetworkInterface.adding(network, to: 3).bytes(sequence: 1).dropFirst(16)) == expected)
    }

    @Test func aPointToPointLinkNamesItsOtherEnd() throws {
        let network = InterfaceNetwork(
            address: try address(10, 0, 0, 2), peer: try address(10, 9, 9, 9), prefixLength: 32)
        let bytes = NetworkInterface.adding(network, to: 3).bytes(sequence: 1)
        #expect(bytes.suffix(16) == [8, 0, 2, 0, 10, 0, 0, 2, 8, 0, 1, 0, 10, 9, 9, 9])
    }

    @Test func aRouteHasWhatIsSaidOfItAndNothingElse() throws {
        let route = InterfaceRoute(
            isVersion6: false, destination: try address(10, 1, 0, 0), prefixLength: 16,
            gateway: try address(10, 0, 0, 1), source: try address(10, 0, 0, 2), priority: 5, isOnLink: true, mtu: 1400)
        #expect(
            NetworkInterface.adding(route, to: 3).bytes(sequence: 1).dropFirst(16) == [
                2, 16, 0, 0, 254, 4, 0, 1, 4, 0, 0, 0,  // lengths, service, main, static, scope, unicast, onlink
                8, 0, 1, 0, 10, 1, 0, 0,  // RTA_DST
                8, 0, 4, 0, 3, 0, 0, 0,  // RTA_OIF
                8, 0, 5, 0, 10, 0, 0, 1,  // RTA_GATEWAY
                8, 0, 7, 0, 10, 0, 0, 2,  // RTA_PREFSRC
                8, 0, 6, 0, 5, 0, 0, 0,  // RTA_PRIORITY
                12, 0, 8, 0, 8, 0, 2, 0, 0x78, 5, 0, 0,  // RTA_METRICS, in it RTAX_MTU
            ])
        let anywhere = NetworkInterface.adding(InterfaceRoute(isVersion6: true), to: 3).bytes(sequence: 1)
        #expect(anywhere.dropFirst(16) == [10, 0, 0, 0, 254, 4, 0, 1, 0, 0, 0, 0, 8, 0, 4, 0, 3, 0, 0, 0])
    }

    @Test func aNeighbourStays() throws {
        let neighbour = InterfaceNeighbour(address: try address(10, 0, 0, 1), hardwareAddress: [2, 0, 0, 0, 0, 9])
        #expect(
            NetworkInterface.adding(neighbour, to: 3).bytes(sequence: 1).dropFirst(16) == [
                2, 0, 0, 0, 3, 0, 0, 0, 0x80, 0, 0, 0,  // family, index, NUD_PERMANENT, flags, type
                8, 0, 1, 0, 10, 0, 0, 1,  // NDA_DST
                10, 0, 2, 0, 2, 0, 0, 0, 0, 9, 0, 0,  // NDA_LLADDR, padded
            ])
    }

    @Test func theAnswerIsTheRequestsErrorNumber() throws {
        let answer: [UInt8] = [36, 0, 0, 0, 2, 0, 0, 1, 7, 0, 0, 0, 0, 0, 0, 0, 0xef, 0xff, 0xff, 0xff, 9, 9]
        let read = try #require(RouteAnswer(answer[...]))
        #expect(read.sequence == 7 && read.errorNumber == 17)
        #expect(RouteAnswer([9] + answer[...]) == nil, "another type")
        for length in 0..<20 { #expect(RouteAnswer(answer.prefix(length)) == nil) }
    }
}

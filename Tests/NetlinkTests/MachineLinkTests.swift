import Foundation
import Netlink
import Plans
import Rtnetlink
import Syscalls
import Testing

/// Links on their way into a machine, with two network namespaces and the host's own tc(8) to look at them.
@Suite(
    .serialized,
    .enabled(if: PrivateNetworks.canBeMade, "needs root, and the programs ip and nsenter"))
struct MachineLinkTests {
    private static let hasTap = FileManager.default.fileExists(atPath: "/dev/net/tun")
    private static let hasTrafficControl = FileManager.default.isExecutableFile(atPath: "/usr/sbin/tc")

    /// A link outside, `eth0`, with addresses, routes and a neighbour; its other end is `peer0` inside.
    private func makeLink(_ networks: borrowing PrivateNetworks) throws {
        try networks.outside(
            """
            ip link add eth0 address 02:00:00:00:00:05 mtu 1400 type veth peer name peer0 netns \(networks.insidePath)
            ip addr add 10.7.0.2/24 broadcast 10.7.0.255 dev eth0; ip addr add fd07::2/64 dev eth0 nodad
            ip link set eth0 up
            ip route add default via 10.7.0.1; ip route add 10.9.0.0/16 via 10.7.0.3 src 10.7.0.2 metric 7
            ip -6 route add default via fd07::1; ip route add 10.8.0.1 dev eth0 scope link
            ip neigh add 10.7.0.1 lladdr 02:00:00:00:00:09 dev eth0 nud permanent
            """)
        try networks.inside("ip link set lo up; ip link set peer0 up")
    }

    @Test func aLinkIsFoundWithAllThatWasSetUp() throws {
        try PrivateNetworks.with { networks in
            try makeLink(networks)
            let found = try MachineLinks().find()
            #expect(found.count == 1)
            let link = try #require(found.first)
            let interface = link.interface
            #expect(interface.name == "eth0" && interface.mtu == 1400 && !link.hasIngress)
            #expect(interface.hardwareAddress == [2, 0, 0, 0, 0, 5])
            let networks = interface.networks.map { "\($0.address)/\($0.prefixLength) \($0.scope)" }
            #expect(networks.contains("10.7.0.2/24 0") && networks.contains("fd07::2/64 0"), "\(networks)")
            #expect(interface.networks.first?.broadcast?.description == "10.7.0.255")
            let routes = interface.routes.map(\.description)
            #expect(
                Set(routes) == [
                    "10.8.0.1/32", "the default route by 10.7.0.1", "10.9.0.0/16 by 10.7.0.3",
                    "the default route by fd07::1",
                ], "\(routes)")
            #expect(routes.first == "10.8.0.1/32", "what is on the link comes first")
            let chosen = try #require(interface.routes.first { $0.priority == 7 })
            #expect(chosen.source?.description == "10.7.0.2")
            #expect(interface.neighbours.map(\.hardwareAddress) == [[2, 0, 0, 0, 0, 9]])
        }
    }

    @Test func whatIsDownOrNoEthernetOrAPartOfABridgeIsNoLinkOfAMachines() throws {
        try PrivateNetworks.with { networks in
            try networks.outside(
                """
                ip link set lo up; ip link add down0 type veth peer name down1
                ip link add up0 type veth peer name up1; ip link add part0 type veth peer name part1
                ip link add bridge0 type bridge
                ip link set part0 master bridge0; ip link set part0 up; ip link set up0 up
                ip link add gre9 type gre local 10.0.0.1 remote 10.0.0.2 || true; ip link set gre9 up || true
                """)
            #expect(try MachineLinks().find().map(\.interface.name) == ["up0"])
        }
    }

    @Test(.enabled(if: hasTap && hasTrafficControl, "needs /dev/net/tun and tc")) func packetsOfALinkGoToItsTap() throws
    {
        try PrivateNetworks.with { networks in
            try makeLink(networks)
            let links = try MachineLinks()
            let link = try #require(try links.find().first)
            do {
                let tap = try links.attach(link)
                let name = "mvrun\(link.index)"
                let described = try networks.outside("ip -d link show \(name)")
                #expect(described.contains("mtu 1400") && described.contains("addrgenmode none"), "\(described)")
                let filters = try networks.outside(
                    "tc filter show dev eth0 ingress; tc filter show dev \(name) ingress")
                #expect(filters.contains("Egress Redirect to device \(name)"), "\(filters)")
                #expect(filters.contains("Egress Redirect to device eth0"), "\(filters)")
                #expect(try links.find().map(\.interface.name) == ["eth0"], "the tap is no link of another machine")
                // A frame of nobody's, from outside in: a header of virtio's comes before it.
                let frame = [UInt8](repeating: 0xff, count: 6) + [2, 0, 0, 0, 0, 7, 0x88, 0xb5] + Array("hello".utf8)
                try send(frame, by: "peer0", networks)
                #expect(try receive(tap, whatEndsWith: Array("hello".utf8)) == 10 + frame.count)
                // And back.
                let before = try count(networks)
                try tap.writeAll([UInt8](repeating: 0, count: 10) + frame, subject: "tap")
                // The kernel may send frames of its own meanwhile.
                #expect(try count(networks) > before)
            }
            links.detach(link)
            #expect(!(try networks.outside("tc qdisc show dev eth0")).contains("ingress"))
            #expect(!(try networks.outside("ip link")).contains("mvrun"))
        }
    }

    @Test(.enabled(if: hasTap && hasTrafficControl, "needs /dev/net/tun and tc"))
    func filtersOfOthersStay() throws {
        try PrivateNetworks.with { networks in
            try makeLink(networks)
            try networks.outside(
                """
                tc qdisc add dev eth0 ingress
                tc filter add dev eth0 parent ffff: protocol ip prio 3 u32 match u8 0 0 flowid 1:1
                """)
            let links = try MachineLinks()
            let link = try #require(try links.find().first)
            #expect(link.hasIngress)
            do {
                let tap = try links.attach(link)
                let filters = try networks.outside("tc filter show dev eth0 ingress")
                #expect(filters.contains("pref 3") && filters.contains("Redirect"), "\(filters)")
                _ = consume tap
            }
            links.detach(link)
            let filters = try networks.outside("tc filter show dev eth0 ingress")
            #expect(filters.contains("pref 3") && !filters.contains("Redirect"), "\(filters)")
        }
    }

    @Test(.enabled(if: hasTap, "needs /dev/net/tun")) func aLinkIsGivenToOneMachineOnly() throws {
        try PrivateNetworks.with { networks in
            try makeLink(networks)
            let links = try MachineLinks()
            let link = try #require(try links.find().first)
            let tap = try links.attach(link)
            do {
                _ = try links.attach(link)
                Issue.record("the link was given twice")
            } catch {
                #expect("\(error)".contains("eth0") && "\(error)".contains("another virtual machine"), "\(error)")
            }
            _ = consume tap
        }
    }

    @Test func anInterfaceIsSetUpAsALinkWasFound() throws {
        try PrivateNetworks.with { networks in
            try makeLink(networks)
            let before = try #require(try MachineLinks().find().first).interface
            // The guest's side of it: another device, in a network of its own.
            try networks.outside(
                """
                ip link del eth0; ip link add plain0 address 02:00:00:00:00:05 type veth peer name other0
                ip link set other0 up
                """)
            try before.setUp("plain0")
            let after = try #require(try MachineLinks().find().first { $0.interface.name == "eth0" }).interface
            #expect(after.mtu == before.mtu && after.hardwareAddress == before.hardwareAddress)
            // The kernel gives a link an address of its own as soon as the other end is up.
            func texts(_ interface: NetworkInterface) -> Set<String> {
                Set(interface.networks.filter { $0.scope == 0 }.map { "\($0.address)/\($0.prefixLength)" })
            }
            #expect(texts(after) == texts(before))
            let routes = [after, before].map { Set($0.routes.map { "\($0) \($0.priority)" }) }
            #expect(routes[0] == routes[1])
            #expect(after.neighbours == before.neighbours)
        }
    }

    @Test func aFaultNamesTheInterfaceAndTheAddress() throws {
        try PrivateNetworks.with { networks in
            try networks.outside("ip link add plain0 type bridge")
            var interface = NetworkInterface(name: "eth0", hardwareAddress: [2, 0, 0, 0, 0, 5], mtu: 1500)
            interface.routes = [
                InterfaceRoute(isVersion6: false, gateway: InternetAddress([10, 0, 0, 1]))
            ]
            do {
                try interface.setUp("plain0")
                Issue.record("a route without a way was made")
            } catch {
                #expect("\(error)".hasPrefix("set eth0 up: RTM_NEWROUTE(the default route by 10.0.0.1)"), "\(error)")
            }
        }
    }

    /// Sends a frame from inside.
    private func send(_ frame: [UInt8], by name: String, _ networks: borrowing PrivateNetworks) throws {
        let text = frame.map { String(format: "\\x%02x", $0) }.joined()
        try networks.inside(
            """
            python3 -c 'import socket
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(("\(name)", 0)); s.send(b"\(text)")'
            """)
    }

    /// How many frames came in at the other end.
    private func count(_ networks: borrowing PrivateNetworks) throws -> Int {
        // The first figures are of what was received: bytes, packets.
        let lines = try networks.inside("ip -s link show peer0").split(separator: "\n")
        let title = try #require(lines.firstIndex { $0.contains("RX:") })
        return try #require(Int(lines[title + 1].split(separator: " ")[1]))
    }

    /// The size of the first frame with this end.
    private func receive(_ tap: borrowing OwnedDescriptor, whatEndsWith end: [UInt8]) throws -> Int? {
        var bytes = [UInt8](repeating: 0, count: 4096)
        for _ in 0..<50 {
            while let count = try? tap.read(into: &bytes, subject: "tap") {
                if bytes[..<count].suffix(end.count) == end[...] { return count }
            }
            usleep(20_000)
        }
        return nil
    }
}

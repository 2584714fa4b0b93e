/// An address of IPv4 or IPv6.
package struct InternetAddress: Hashable, Sendable {
    /// Its 4 or 16 bytes, in network order.
    package let bytes: [UInt8]

    /// Takes an address.
    ///
    /// - Parameter bytes: in network order; anything but 4 or 16 of them is no address.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        self.bytes = bytes
    }

    /// Whether it is one of IPv6.
    package var isVersion6: Bool { bytes.count == 16 }
    /// AF_INET or AF_INET6, address_families(7).
    package var family: UInt8 { isVersion6 ? 10 : 2 }
    /// Whether it is an IPv6 address that is good for one link alone, fe80::/10.
    package var isLinkLocal6: Bool { isVersion6 && bytes[0] == 0xfe && bytes[1] & 0xc0 == 0x80 }
}

/// An address of a network interface, with the network around it.
package struct InterfaceNetwork: Equatable, Sendable {
    /// The interface's own address.
    package var address: InternetAddress
    /// The other end of a point-to-point link; nil for a network that several share.
    package var peer: InternetAddress?
    /// The address that reaches all of an IPv4 network.
    package var broadcast: InternetAddress?
    /// How many bits name the network.
    package var prefixLength: UInt8
    /// RT_SCOPE_*, rtnetlink(7): how far away the address means something; 0 for everywhere.
    package var scope: UInt8

    /// Describes an address.
    package init(
        address: InternetAddress, peer: InternetAddress? = nil, broadcast: InternetAddress? = nil,
        prefixLength: UInt8, scope: UInt8 = 0
    ) {
        self.address = address
        self.peer = peer
        self.broadcast = broadcast
        self.prefixLength = prefixLength
        self.scope = scope
    }
}

/// A route through a network interface, rtnetlink(7).
package struct InterfaceRoute: Equatable, Sendable {
    /// Whether it is one of IPv6.
    package var isVersion6: Bool
    /// Where it leads; nil for everywhere.
    package var destination: InternetAddress?
    /// How many bits of the destination count; 0 for everywhere.
    package var prefixLength: UInt8
    /// The router; nil where the destination is on the link.
    package var gateway: InternetAddress?
    /// The address that packets are sent from.
    package var source: InternetAddress?
    /// Which of several routes is taken; 0 for the kernel's choice.
    package var priority: UInt32
    /// RT_SCOPE_*.
    package var scope: UInt8
    /// Whether the router is reached although no address has a network with it (RTNH_F_ONLINK).
    package var isOnLink: Bool
    /// The largest packet; 0 for the interface's.
    package var mtu: UInt32

    /// Describes a route.
    package init(
        isVersion6: Bool, destination: InternetAddress? = nil, prefixLength: UInt8 = 0, gateway: InternetAddress? = nil,
        source: InternetAddress? = nil, priority: UInt32 = 0, scope: UInt8 = 0, isOnLink: Bool = false, mtu: UInt32 = 0
    ) {
        self.isVersion6 = isVersion6
        self.destination = destination
        self.prefixLength = prefixLength
        self.gateway = gateway
        self.source = source
        self.priority = priority
        self.scope = scope
        self.isOnLink = isOnLink
        self.mtu = mtu
    }
}

/// A neighbour that somebody has written down, rather than one that was asked for: arp(7).
package struct InterfaceNeighbour: Equatable, Sendable {
    /// Its address.
    package var address: InternetAddress
    /// Its Ethernet address.
    package var hardwareAddress: [UInt8]

    /// Describes a neighbour.
    package init(address: InternetAddress, hardwareAddress: [UInt8]) {
        self.address = address
        self.hardwareAddress = hardwareAddress
    }
}

/// A network interface that a guest gets, as a link of the host's network namespace has been set up.
package struct NetworkInterface: Equatable, Sendable {
    /// Its name: up to 15 bytes.
    package var name: String
    /// Its Ethernet address, six bytes.
    package var hardwareAddress: [UInt8]
    /// The largest packet.
    package var mtu: UInt32
    /// Its addresses.
    package var networks: [InterfaceNetwork]
    /// The routes through it, in an order in which each can be made.
    package var routes: [InterfaceRoute]
    /// Its known neighbours.
    package var neighbours: [InterfaceNeighbour]

    /// How many interfaces a guest can have.
    package static let limit = 8
    /// Where a resolver of the network namespace listens, RFC 1035, 4.2.
    package static let resolverPort: UInt16 = 53
    /// How many sockets lead to a resolver of the network namespace: one is in use, the others are for when it is refused.
    package static let resolverSockets = 2
    /// The most bytes of an interface's name.
    package static let nameLimit = 15

    /// Describes an interface without addresses.
    package init(name: String, hardwareAddress: [UInt8], mtu: UInt32) {
        self.name = name
        self.hardwareAddress = hardwareAddress
        self.mtu = mtu
        networks = []
        routes = []
        neighbours = []
    }
}

extension InternetAddress: CustomStringConvertible {
    /// As in "10.0.0.2" or "fd00:0:0:0:0:0:0:2".
    package var description: String {
        if !isVersion6 { return bytes.map(String.init).joined(separator: ".") }
        let groups = stride(from: 0, to: 16, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
        func text(_ range: Range<Int>) -> String {
            groups[range].map { String($0, radix: 16) }.joined(separator: ":")
        }
        let zeros = Self.longestZeros(groups)
        return zeros.count < 2 ? text(0..<8) : text(0..<zeros.lowerBound) + "::" + text(zeros.upperBound..<8)
    }

    /// The first of the longest runs of zeros, which RFC 5952 leaves out of an address where it has two groups or more.
    private static func longestZeros(_ groups: [UInt16]) -> Range<Int> {
        var longest = 0..<0
        var start = 0
        for (index, group) in groups.enumerated() {
            if group != 0 {
                start = index + 1
            } else if index + 1 - start > longest.count {
                longest = start..<index + 1
            }
        }
        return longest
    }
}

extension InterfaceRoute: CustomStringConvertible {
    /// As in "10.1.0.0/16 by 10.0.0.1".
    package var description: String {
        (destination.map { "\($0)/\(prefixLength)" } ?? "the default route") + (gateway.map { " by \($0)" } ?? "")
    }
}

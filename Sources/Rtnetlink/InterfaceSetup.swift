package import Diagnostics
import Glibc
package import Plans
import Syscalls

extension NetworkInterface {
    /// Sets a device of the calling thread's network namespace up as this interface: its name, size, addresses, routes and
    /// neighbours; it is up afterwards.
    ///
    /// - Parameter device: the device's present name; it is down.
    package func setUp(_ device: String) throws(RuntimeError) {
        do {
            let index = try Self.index(of: device)
            var socket = try RouteSocket()
            try socket.request(bringingUp(index), subject: name)
            for network in networks {
                try socket.request(
                    Self.adding(network, to: index), subject: "\(network.address)/\(network.prefixLength)")
            }
            for neighbour in neighbours {
                try socket.request(Self.adding(neighbour, to: index), subject: "\(neighbour.address)")
            }
            // AFTER the addresses, whose networks are where routers are found.
            for route in routes { try socket.request(Self.adding(route, to: index), subject: "\(route)") }
        } catch {
            let lacksFamily = error.errno == .notSupported || error.errno == .noFamily
            throw RuntimeError(
                error,
                hint: lacksFamily
                    ? "the guest's kernel has no such protocol, IPv6 perhaps (ipv6.disable=1): boot another one, "
                        + "or take these addresses and routes off the link" : nil
            ).during("set \(name) up")
        }
    }

    private static func index(of device: String) throws(SystemError) -> UInt32 {
        let index = unsafe if_nametoindex(device)
        guard index != 0 else { throw SystemError("if_nametoindex", device, .current) }
        return index
    }

    /// A device is renamed only while it is down, so the kernel looks at the name before the flags.
    func bringingUp(_ index: UInt32) -> RouteMessage {
        var message = RouteMessage(.changeLink)
        // struct ifinfomsg: family, type, index, flags and which of them count (IFF_UP).
        for number in [0, index, 1, 1] as [UInt32] { message.append(number) }
        message.append(Attribute.linkMTU, number: mtu)
        message.append(Attribute.linkName, text: name)
        return message
    }

    static func adding(_ network: InterfaceNetwork, to index: UInt32) -> RouteMessage {
        var message = RouteMessage(.newAddress, flags: RouteMessage.Flag.make)
        let isVersion6 = network.address.isVersion6
        // struct ifaddrmsg. What was given to the container was looked for in the network before: IFA_F_NODAD.
        for byte in [network.address.family, network.prefixLength, isVersion6 ? 2 : 0, network.scope] {
            message.append(byte)
        }
        message.append(index)
        message.append(Attribute.local, network.address.bytes)
        message.append(Attribute.address, (network.peer ?? network.address).bytes)
        if let broadcast = network.broadcast { message.append(Attribute.broadcast, broadcast.bytes) }
        return message
    }

    static func adding(_ neighbour: InterfaceNeighbour, to index: UInt32) -> RouteMessage {
        var message = RouteMessage(.newNeighbour, flags: RouteMessage.Flag.make)
        // struct ndmsg: family, index, state (NUD_PERMANENT), flags and type.
        message.append(UInt32(neighbour.address.family))
        message.append(index)
        message.append(0x80 as UInt16)
        message.append(0 as UInt16)
        message.append(Attribute.destination, neighbour.address.bytes)
        message.append(Attribute.hardwareAddress, neighbour.hardwareAddress)
        return message
    }

    static func adding(_ route: InterfaceRoute, to index: UInt32) -> RouteMessage {
        var message = RouteMessage(.newRoute, flags: RouteMessage.Flag.append)
        // struct rtmsg: family, lengths, service, table (main), protocol (static), scope, type (unicast), flags (onlink).
        for byte in [route.isVersion6 ? 10 : 2, route.prefixLength, 0, 0, 254, 4, route.scope, 1] as [UInt8] {
            message.append(byte)
        }
        message.append((route.isOnLink ? 4 : 0) as UInt32)
        if let destination = route.destination { message.append(Attribute.destination, destination.bytes) }
        message.append(Attribute.outInterface, number: index)
        if let gateway = route.gateway { message.append(Attribute.gateway, gateway.bytes) }
        if let source = route.source { message.append(Attribute.preferredSource, source.bytes) }
        if route.priority != 0 { message.append(Attribute.priority, number: route.priority) }
        if route.mtu != 0 { message.append(Attribute.metrics, holding: Attribute.metricMTU, number: route.mtu) }
        return message
    }
}

/// The attributes of rtnetlink(7) that are written here.
private enum Attribute {
    /// IFLA_IFNAME and IFLA_MTU.
    static let (linkName, linkMTU): (UInt16, UInt16) = (3, 4)
    /// IFA_ADDRESS, IFA_LOCAL and IFA_BROADCAST.
    static let (address, local, broadcast): (UInt16, UInt16, UInt16) = (1, 2, 4)
    /// RTA_DST, which has the number of NDA_DST.
    static let destination: UInt16 = 1
    /// NDA_LLADDR.
    static let hardwareAddress: UInt16 = 2
    /// RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_PREFSRC and RTA_METRICS.
    static let (outInterface, gateway, priority): (UInt16, UInt16, UInt16) = (4, 5, 6)
    static let (preferredSource, metrics): (UInt16, UInt16) = (7, 8)
    /// RTAX_MTU.
    static let metricMTU: UInt16 = 2
}

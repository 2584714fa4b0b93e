import CNetlink
import Glibc
import Plans
import Syscalls

extension NetlinkSocket {
    /// The Ethernet links that are up, but for loopback, taps of machines and what is only a part of another link.
    ///
    /// What a new namespace has by itself, tunnels that nobody has set up, is down or no Ethernet.
    ///
    /// - Returns: each with its number, without addresses.
    borrowing func ethernetLinks() throws(SystemError) -> [(index: Int32, interface: NetworkInterface)] {
        var cache: OpaquePointer?
        try check(unsafe rtnl_link_alloc_cache(handle, AF_UNSPEC, &cache), "RTM_GETLINK", on: "all")
        // SAFETY: the cache owns its objects, none of which is kept beyond the loop step that copies from it.
        defer { unsafe nl_cache_free(cache) }
        var links: [(Int32, NetworkInterface)] = []
        var object = unsafe nl_cache_get_first(cache)
        while let link = unsafe object {
            if let interface = unsafe ethernetInterface(link) {
                links.append((unsafe rtnl_link_get_ifindex(link), interface))
            }
            unsafe object = nl_cache_get_next(link)
        }
        return links
    }

    private borrowing func ethernetInterface(_ link: OpaquePointer) -> NetworkInterface? {
        let flags = unsafe rtnl_link_get_flags(link)
        guard flags & IFF_UP.rawValue != 0, flags & IFF_LOOPBACK.rawValue == 0,
            unsafe rtnl_link_get_arptype(link) == UInt32(ARPHRD_ETHER), unsafe rtnl_link_get_master(link) == 0,
            let name = unsafe rtnl_link_get_name(link), let address = unsafe bytes(of: rtnl_link_get_addr(link)),
            address.count == 6
        else { return nil }
        let text = unsafe String(cString: name)
        // The taps of others are how rootless engines (pasta, slirp4netns) bring a network.
        if text.hasPrefix(machineTapPrefix), let kind = unsafe rtnl_link_get_type(link),
            unsafe String(cString: kind) == "tun"
        {
            return nil
        }
        return unsafe NetworkInterface(
            name: text, hardwareAddress: address, mtu: rtnl_link_get_mtu(link))
    }

    /// The routes of the main table that somebody has made, rather than the kernel for an address or a router's word.
    ///
    /// - Parameter index: the link they lead through.
    borrowing func routes(through index: Int32) throws(SystemError) -> [InterfaceRoute] {
        var cache: OpaquePointer?
        try check(unsafe rtnl_route_alloc_cache(handle, AF_UNSPEC, 0, &cache), "RTM_GETROUTE", on: "all")
        // SAFETY: the cache owns its objects, none of which is kept beyond the loop step that copies from it.
        defer { unsafe nl_cache_free(cache) }
        var routes: [InterfaceRoute] = []
        var object = unsafe nl_cache_get_first(cache)
        while let route = unsafe object {
            unsafe routes += hops(of: route, through: index)
            unsafe object = nl_cache_get_next(route)
        }
        // What is on the link comes first: it may be how a router is reached.
        return routes.filter { $0.gateway == nil } + routes.filter { $0.gateway != nil }
    }

    private borrowing func hops(of route: OpaquePointer, through index: Int32) -> [InterfaceRoute] {
        let origin = Int32(unsafe rtnl_route_get_protocol(route))
        guard unsafe rtnl_route_get_table(route) == UInt32(RT_TABLE_MAIN.rawValue),
            unsafe rtnl_route_get_type(route) == UInt8(RTN_UNICAST), origin != RTPROT_KERNEL, origin != RTPROT_RA,
            unsafe rtnl_route_get_flags(route) & UInt32(RTM_F_CLONED) == 0
        else { return [] }
        let isVersion6 = Int32(unsafe rtnl_route_get_family(route)) == AF_INET6
        var result = InterfaceRoute(isVersion6: isVersion6)
        if let destination = unsafe rtnl_route_get_dst(route) {
            result.destination = unsafe internetAddress(destination)
            result.prefixLength = UInt8(clamping: unsafe nl_addr_get_prefixlen(destination))
        }
        unsafe result.source = internetAddress(rtnl_route_get_pref_src(route))
        unsafe result.priority = rtnl_route_get_priority(route)
        unsafe result.scope = rtnl_route_get_scope(route)
        var mtu: UInt32 = 0
        if unsafe rtnl_route_get_metric(route, Int32(RTAX_MTU), &mtu) == 0 { result.mtu = mtu }
        return (0..<max(0, unsafe rtnl_route_get_nnexthops(route))).compactMap { place in
            guard let hop = unsafe rtnl_route_nexthop_n(route, place),
                unsafe rtnl_route_nh_get_ifindex(hop) == index, unsafe rtnl_route_nh_get_via(hop) == nil
            else { return nil }
            unsafe result.gateway = internetAddress(rtnl_route_nh_get_gateway(hop))
            result.isOnLink = unsafe rtnl_route_nh_get_flags(hop) & UInt32(RTNH_F_ONLINK) != 0
            return result
        }
    }

    /// The neighbours of a link that somebody has written down.
    borrowing func permanentNeighbours(of index: Int32) throws(SystemError) -> [InterfaceNeighbour] {
        var cache: OpaquePointer?
        try check(unsafe rtnl_neigh_alloc_cache(handle, &cache), "RTM_GETNEIGH", on: "all")
        // SAFETY: the cache owns its objects, none of which is kept beyond the loop step that copies from it.
        defer { unsafe nl_cache_free(cache) }
        var neighbours: [InterfaceNeighbour] = []
        var object = unsafe nl_cache_get_first(cache)
        while let neighbour = unsafe object {
            if unsafe rtnl_neigh_get_ifindex(neighbour) == index,
                unsafe rtnl_neigh_get_state(neighbour) & Int32(NUD_PERMANENT) != 0,
                let address = unsafe internetAddress(rtnl_neigh_get_dst(neighbour)),
                let hardware = unsafe bytes(of: rtnl_neigh_get_lladdr(neighbour)), hardware.count == 6
            {
                neighbours.append(InterfaceNeighbour(address: address, hardwareAddress: hardware))
            }
            unsafe object = nl_cache_get_next(neighbour)
        }
        return neighbours
    }
}

extension InterfaceNetwork {
    /// An address that a guest can have as its own: one that stays.
    init?(_ address: InterfaceAddress) {
        guard address.flags & UInt32(IFA_F_PERMANENT) != 0, address.flags & UInt32(IFA_F_DADFAILED) == 0,
            let local = InternetAddress(address.local)
        else { return nil }
        self.init(
            address: local, peer: address.peer.flatMap { InternetAddress($0) },
            broadcast: address.broadcast.flatMap { InternetAddress($0) },
            prefixLength: UInt8(clamping: address.prefixLength), scope: UInt8(clamping: address.scope))
    }
}

private func internetAddress(_ address: OpaquePointer?) -> InternetAddress? {
    unsafe bytes(of: address).flatMap { InternetAddress($0) }
}

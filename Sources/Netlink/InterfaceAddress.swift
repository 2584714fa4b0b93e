import CNetlink
import Glibc
import Syscalls

/// An address of a network device, rtnetlink(7).
struct InterfaceAddress: Equatable, Sendable {
    /// AF_INET or AF_INET6.
    var family: Int32
    /// The bytes of the address, in network order.
    var local: [UInt8]
    /// The other end of a point-to-point link.
    var peer: [UInt8]?
    /// The broadcast address, of IPv4 alone.
    var broadcast: [UInt8]?
    /// How many bits name the network.
    var prefixLength: Int32
    /// RT_SCOPE_*: how far away the address means something.
    var scope: Int32
    /// IFA_F_*.
    var flags: UInt32
    /// A name for the address that starts with the device's, of IPv4 alone.
    var label: String?
    /// For how many seconds it may be used by new connections; UInt32.max for ever.
    var preferredLifetime: UInt32

    /// Whether it goes along with its device: a permanent address of global scope.
    ///
    /// The kernel derives others anew, or they were only lent. Runtime-spec, config-linux.md, "Network Devices".
    var movesWithDevice: Bool {
        flags & UInt32(IFA_F_PERMANENT) != 0 && scope == Int32(RT_SCOPE_UNIVERSE.rawValue)
    }

    /// The same address for a device of another name, as its label begins with that name.
    func relabelled(from old: String, to new: String) -> InterfaceAddress {
        var copy = self
        guard let label else { return copy }
        // Without a label the kernel uses the device's name, whatever that is by then.
        copy.label = nil
        if label.hasPrefix(old + ":") {
            let moved = new + label.dropFirst(old.utf8.count)
            // IFNAMSIZ is 16, with the 0 at the end.
            if moved.utf8.count < 16 { copy.label = moved }
        }
        return copy
    }
}

// What somebody set on an address; the other flags say what the kernel has made of it.
private let settableFlags = UInt32(
    IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN)

extension NetlinkSocket {
    /// The addresses of a device, in the kernel's order.
    ///
    /// The corresponding request is `RTM_GETADDR` of `rtnetlink(7)`.
    borrowing func addresses(of link: Link, subject: String) throws(SystemError) -> [InterfaceAddress] {
        var cache: OpaquePointer?
        try check(unsafe rtnl_addr_alloc_cache(handle, &cache), "RTM_GETADDR", on: subject)
        // SAFETY: the cache owns its objects, none of which is kept beyond the loop step that copies from it.
        defer { unsafe nl_cache_free(cache) }
        var addresses: [InterfaceAddress] = []
        var object = unsafe nl_cache_get_first(cache)
        while let address = unsafe object {
            if unsafe rtnl_addr_get_ifindex(address) == link.index {
                addresses.append(unsafe InterfaceAddress(address))
            }
            unsafe object = nl_cache_get_next(address)
        }
        return addresses
    }

    /// Gives a device an address.
    ///
    /// The corresponding request is `RTM_NEWADDR` of `rtnetlink(7)`.
    borrowing func add(_ address: InterfaceAddress, to link: Link, subject: String) throws(SystemError) {
        guard let object = unsafe rtnl_addr_alloc() else { throw SystemError("RTM_NEWADDR", subject, .noMemory) }
        // SAFETY: the object was made here and is let go of once, after the request that reads it.
        defer { unsafe rtnl_addr_put(object) }
        unsafe rtnl_addr_set_ifindex(object, link.index)
        unsafe rtnl_addr_set_family(object, address.family)
        try unsafe set(address.local, address.family, subject) { unsafe rtnl_addr_set_local(object, $0) }
        if let peer = address.peer {
            try unsafe set(peer, address.family, subject) { unsafe rtnl_addr_set_peer(object, $0) }
        }
        if let broadcast = address.broadcast {
            try unsafe set(broadcast, address.family, subject) { unsafe rtnl_addr_set_broadcast(object, $0) }
        }
        // AFTER the addresses, from which libnl takes a length of their own.
        unsafe rtnl_addr_set_prefixlen(object, address.prefixLength)
        unsafe rtnl_addr_set_scope(object, address.scope)
        unsafe rtnl_addr_set_flags(object, address.flags & settableFlags)
        unsafe rtnl_addr_set_valid_lifetime(object, .max)
        unsafe rtnl_addr_set_preferred_lifetime(object, address.preferredLifetime)
        if let label = address.label {
            try check(unsafe rtnl_addr_set_label(object, label), "RTM_NEWADDR", on: subject)
        }
        try check(unsafe rtnl_addr_add(handle, object, 0), "RTM_NEWADDR", on: subject)
    }
}

extension InterfaceAddress {
    /// Copies an object of libnl.
    fileprivate init(_ object: OpaquePointer) {
        unsafe family = rtnl_addr_get_family(object)
        unsafe local = bytes(of: rtnl_addr_get_local(object)) ?? []
        unsafe peer = bytes(of: rtnl_addr_get_peer(object))
        unsafe broadcast = bytes(of: rtnl_addr_get_broadcast(object))
        unsafe prefixLength = rtnl_addr_get_prefixlen(object)
        unsafe scope = rtnl_addr_get_scope(object)
        unsafe flags = rtnl_addr_get_flags(object)
        unsafe label = rtnl_addr_get_label(object).map { unsafe String(cString: $0) }
        unsafe preferredLifetime = rtnl_addr_get_preferred_lifetime(object)
    }
}

/// Copies an address of libnl.
func bytes(of address: OpaquePointer?) -> [UInt8]? {
    guard let address = unsafe address, let start = unsafe nl_addr_get_binary_addr(address) else { return nil }
    // SAFETY: libnl keeps that many bytes at that place for as long as the address lives.
    return unsafe Array(UnsafeRawBufferPointer(start: start, count: Int(nl_addr_get_len(address))))
}

/// Gives the bytes to `body` as an address of libnl, which keeps a reference if it wants one.
private func set(
    _ bytes: [UInt8], _ family: Int32, _ subject: String, _ body: (OpaquePointer) -> Int32
) throws(SystemError) {
    guard let address = unsafe nl_addr_build(family, bytes, bytes.count) else {
        throw SystemError("RTM_NEWADDR", subject, .noMemory)
    }
    // SAFETY: this is the reference that nl_addr_build gave.
    defer { unsafe nl_addr_put(address) }
    try check(unsafe body(address), "RTM_NEWADDR", on: subject)
}

extension InterfaceAddress: CustomStringConvertible {
    /// As in "10.0.0.2/24".
    var description: String {
        // INET6_ADDRSTRLEN.
        var text = [CChar](repeating: 0, count: 46)
        // SAFETY: inet_ntop reads the 4 or 16 bytes of its family and writes at most the buffer's length.
        guard local.count >= (family == AF_INET6 ? 16 : 4),
            unsafe inet_ntop(family, local, &text, socklen_t(text.count)) != nil
        else { return "an address of family \(family)" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            + "/\(prefixLength)"
    }
}

import CNetlink
import Syscalls

/// A network device as its namespace knows it.
struct Link: Equatable, Sendable {
    /// Its number in the namespace; another namespace may number it differently.
    var index: Int32
    /// Whether it is administratively up.
    var isUp: Bool
}

extension NetlinkSocket {
    /// The device of this name; nil where the namespace has none.
    ///
    /// The corresponding request is `RTM_GETLINK` of `rtnetlink(7)`.
    borrowing func link(named name: String) throws(SystemError) -> Link? {
        var found: OpaquePointer?
        let code = unsafe rtnl_link_get_kernel(handle, 0, name, &found)
        if code == -NLE_NODEV || code == -NLE_OBJ_NOTFOUND { return nil }
        try check(code, "RTM_GETLINK", on: name)
        // SAFETY: libnl gives the caller a reference of its own, which ends here.
        defer { unsafe rtnl_link_put(found) }
        return unsafe Link(
            index: rtnl_link_get_ifindex(found), isUp: rtnl_link_get_flags(found) & IFF_UP.rawValue != 0)
    }

    /// Moves a device into another network namespace, under another name.
    ///
    /// The kernel takes it down and drops its addresses and routes. The name must be free in both namespaces: the kernel
    /// renames as a second step, and a device whose renaming fails has moved all the same.
    ///
    /// The corresponding request is `RTM_SETLINK` with `IFLA_NET_NS_FD` and `IFLA_IFNAME`.
    borrowing func move(
        _ link: Link, to namespace: borrowing OwnedDescriptor, as name: String
    ) throws(SystemError) {
        let number = namespace.number
        try unsafe change(link, subject: name) { changes in
            unsafe rtnl_link_set_ns_fd(changes, number)
            unsafe rtnl_link_set_name(changes, name)
        }
    }

    /// Renames a device that is down; `%d` in the name becomes the first number that is free.
    borrowing func rename(_ link: Link, to name: String) throws(SystemError) {
        try unsafe change(link, subject: name) { unsafe rtnl_link_set_name($0, name) }
    }

    /// Brings a device up.
    borrowing func bringUp(_ link: Link, subject: String) throws(SystemError) {
        try unsafe change(link, subject: subject) { unsafe rtnl_link_set_flags($0, IFF_UP.rawValue) }
    }

    /// Changes a device.
    borrowing func change(
        _ link: Link, subject: String, _ set: (OpaquePointer) -> Void
    ) throws(SystemError) {
        guard let present = unsafe rtnl_link_alloc() else { throw SystemError("RTM_SETLINK", subject, .noMemory) }
        // SAFETY: both objects were made here and are let go of once, after the request that reads them.
        defer { unsafe rtnl_link_put(present) }
        guard let changes = unsafe rtnl_link_alloc() else { throw SystemError("RTM_SETLINK", subject, .noMemory) }
        defer { unsafe rtnl_link_put(changes) }
        unsafe rtnl_link_set_ifindex(present, link.index)
        unsafe set(changes)
        try check(unsafe rtnl_link_change(handle, present, changes, 0), "RTM_SETLINK", on: subject)
    }

    /// Sets a tap up that carries another link's packets: as large ones as that takes, and nothing of the host's own.
    ///
    /// - Returns: its number.
    borrowing func prepareTap(_ name: String, mtu: UInt32) throws(SystemError) -> Int32 {
        guard let link = try link(named: name) else { throw SystemError("RTM_GETLINK", name, .noDevice) }
        try unsafe change(link, subject: name) { changes in
            unsafe rtnl_link_set_mtu(changes, mtu)
            // Without an address of its own the host's IPv6 says nothing into the guest.
            _ = unsafe rtnl_link_inet6_set_addr_gen_mode(changes, noGeneratedAddress)
            unsafe rtnl_link_set_flags(changes, IFF_UP.rawValue)
        }
        return link.index
    }
}

/// IN6_ADDR_GEN_MODE_NONE of linux/if_link.h.
private let noGeneratedAddress: UInt8 = 1

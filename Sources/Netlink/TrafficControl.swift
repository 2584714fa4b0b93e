import CNetlink
import Syscalls

/// Traffic control, tc(8): all packets that come in at one link go out at another.
extension NetlinkSocket {
    /// Which of several filters comes first: those of others do.
    ///
    /// It is "MV".
    private static var priority: UInt16 { 0x4d56 }
    /// The handle that every ingress qdisc has, and where its filters are.
    private static var ingressHandle: UInt32 { 0xffff_0000 }
    private static var ingressFilters: UInt32 { 0xffff_fff2 }
    private static var allProtocols: UInt16 { 0x0003 }

    /// Whether a link has a place for filters of what comes in.
    ///
    /// The corresponding request is `RTM_GETQDISC` of `rtnetlink(7)`.
    borrowing func hasIngress(_ index: Int32, subject: String) throws(SystemError) -> Bool {
        var cache: OpaquePointer?
        try check(unsafe rtnl_qdisc_alloc_cache(handle, &cache), "RTM_GETQDISC", on: subject)
        // SAFETY: the cache owns its objects, none of which is kept beyond the loop step that looks at it.
        defer { unsafe nl_cache_free(cache) }
        var object = unsafe nl_cache_get_first(cache)
        while let discipline = unsafe object {
            if unsafe rtnl_tc_get_ifindex(discipline) == index, unsafe rtnl_tc_get_parent(discipline) == TC_H_INGRESS {
                return true
            }
            unsafe object = nl_cache_get_next(discipline)
        }
        return false
    }

    /// Gives a link a place for filters of what comes in.
    ///
    /// The corresponding request is `RTM_NEWQDISC` of `rtnetlink(7)`.
    borrowing func addIngress(to index: Int32, subject: String) throws(SystemError) {
        let code = unsafe withIngress(index) { unsafe rtnl_qdisc_add(handle, $0, NLM_F_CREATE | NLM_F_EXCL) }
        try check(code, "RTM_NEWQDISC", on: subject)
    }

    /// Takes that place away, with all filters in it.
    ///
    /// The corresponding request is `RTM_DELQDISC` of `rtnetlink(7)`.
    borrowing func removeIngress(from index: Int32, subject: String) throws(SystemError) {
        try check(unsafe withIngress(index) { unsafe rtnl_qdisc_delete(handle, $0) }, "RTM_DELQDISC", on: subject)
    }

    private borrowing func withIngress(_ index: Int32, _ body: (OpaquePointer) -> Int32) -> Int32 {
        guard let discipline = unsafe rtnl_qdisc_alloc() else { return -NLE_NOMEM }
        // SAFETY: the object was made here and is let go of once, after the request that reads it.
        defer { unsafe rtnl_qdisc_put(discipline) }
        unsafe rtnl_tc_set_ifindex(discipline, index)
        unsafe rtnl_tc_set_parent(discipline, TC_H_INGRESS)
        unsafe rtnl_tc_set_handle(discipline, Self.ingressHandle)
        let code = unsafe rtnl_tc_set_kind(discipline, "ingress")
        return code < 0 ? code : unsafe body(discipline)
    }

    /// Sends all that comes in at a link out at another.
    ///
    /// u32 and mirred are older than what would be simpler (matchall), and everywhere.
    ///
    /// The corresponding request is `RTM_NEWTFILTER` of `rtnetlink(7)`.
    borrowing func redirect(from index: Int32, to target: Int32, subject: String) throws(SystemError) {
        let code = unsafe withFilter(of: index) { filter in
            guard let action = unsafe rtnl_act_alloc() else { return -NLE_NOMEM }
            // The filter takes the action over, and what libnl counts of it ends with this short-lived process.
            var code = unsafe rtnl_tc_set_kind(action, "mirred")
            if code == 0 { unsafe code = rtnl_mirred_set_action(action, TCA_EGRESS_REDIR) }
            if code == 0 { unsafe code = rtnl_mirred_set_ifindex(action, UInt32(bitPattern: target)) }
            if code == 0 { unsafe code = rtnl_mirred_set_policy(action, TC_ACT_STOLEN) }
            // A key whose mask is empty fits every packet.
            if code == 0 { unsafe code = rtnl_u32_add_key(filter, 0, 0, 0, 0) }
            if code == 0 { unsafe code = rtnl_u32_add_action(filter, action) }
            if code == 0 { unsafe code = rtnl_u32_set_cls_terminal(filter) }
            return code < 0 ? code : unsafe rtnl_cls_add(handle, filter, NLM_F_CREATE | NLM_F_EXCL)
        }
        try check(code, "RTM_NEWTFILTER", on: subject)
    }

    /// Removes what `redirect` made, and no filter of anybody else.
    ///
    /// The corresponding request is `RTM_DELTFILTER` of `rtnetlink(7)`.
    borrowing func removeRedirect(from index: Int32, subject: String) throws(SystemError) {
        try check(
            unsafe withFilter(of: index) { unsafe rtnl_cls_delete(handle, $0, 0) }, "RTM_DELTFILTER", on: subject)
    }

    private borrowing func withFilter(of index: Int32, _ body: (OpaquePointer) -> Int32) -> Int32 {
        guard let filter = unsafe rtnl_cls_alloc() else { return -NLE_NOMEM }
        // SAFETY: the object was made here and is let go of once, after the request that reads it.
        defer { unsafe rtnl_cls_put(filter) }
        unsafe rtnl_tc_set_ifindex(filter, index)
        unsafe rtnl_tc_set_parent(filter, Self.ingressFilters)
        unsafe rtnl_cls_set_prio(filter, Self.priority)
        unsafe rtnl_cls_set_protocol(filter, Self.allProtocols)
        let code = unsafe rtnl_tc_set_kind(filter, "u32")
        return code < 0 ? code : unsafe body(filter)
    }
}

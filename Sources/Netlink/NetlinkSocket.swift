import CNetlink
import Glibc
import Syscalls

/// A conversation with the kernel about the links and addresses of one network namespace, rtnetlink(7).
///
/// A socket belongs to the namespace that its thread was in when it was opened, and stays there.
@safe struct NetlinkSocket: ~Copyable {
    // SAFETY: used by this value alone, and freed exactly once, by `deinit`.
    @unsafe let handle: OpaquePointer

    /// Opens a socket in the calling thread's network namespace.
    init() throws(SystemError) {
        guard let handle = unsafe nl_socket_alloc() else { throw SystemError("socket", "NETLINK_ROUTE", .noMemory) }
        // Closed on exec: that is libnl's default.
        let code = unsafe nl_connect(handle, NETLINK_ROUTE)
        guard code >= 0 else {
            unsafe nl_socket_free(handle)
            throw SystemError("socket", "NETLINK_ROUTE", Errno(netlinkCode: code))
        }
        unsafe self.handle = unsafe handle
    }

    deinit {
        unsafe nl_socket_free(handle)
    }
}

/// Throws what a function of libnl returned, where that is an error.
///
/// - Parameters:
///   - code: zero or more, or an error code of libnl.
///   - request: the request that was made, as rtnetlink(7) names it.
///   - subject: what the request was about.
func check(_ code: Int32, _ request: String, on subject: String) throws(SystemError) {
    guard code < 0 else { return }
    throw SystemError(request, subject, Errno(netlinkCode: code))
}

extension Errno {
    /// The error number behind a code of libnl.
    ///
    /// libnl folds the kernel's numbers into fewer codes of its own; each becomes the number that a request for links or
    /// addresses means by it, and EIO where libnl itself does not tell.
    init(netlinkCode code: Int32) {
        let number: Int32
        switch -code {
        case NLE_NODEV: number = ENODEV
        case NLE_EXIST: number = EEXIST
        case NLE_PERM: number = EPERM
        case NLE_NOACCESS: number = EACCES
        case NLE_INVAL: number = EINVAL
        case NLE_BUSY: number = EBUSY
        case NLE_OPNOTSUPP: number = EOPNOTSUPP
        case NLE_OBJ_NOTFOUND: number = ENOENT
        case NLE_NOADDR: number = EADDRNOTAVAIL
        case NLE_AF_NOSUPPORT: number = EAFNOSUPPORT
        case NLE_PROTO_MISMATCH: number = EPROTONOSUPPORT
        case NLE_RANGE: number = ERANGE
        case NLE_NOMEM: number = ENOMEM
        case NLE_AGAIN: number = EAGAIN
        default: number = EIO
        }
        self.init(rawValue: number)
    }
}

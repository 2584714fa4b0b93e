import CLinux
import Glibc

/// The calls that change as whom this process runs, credentials(7).
///
/// The process must have one thread.
package enum Credentials {
    /// The effective user id.
    package static var effectiveUser: UInt32 { geteuid() }

    /// The effective group id.
    package static var effectiveGroup: UInt32 { getegid() }

    /// Sets the real, effective and saved user id.
    ///
    /// The corresponding system call is `setresuid(2)`.
    package static func setUser(_ id: UInt32) throws(SystemError) {
        try syscall("setresuid", on: "\(id)") { clx_setresuid(id, id, id) }
    }

    /// Sets the real, effective and saved group id.
    ///
    /// The corresponding system call is `setresgid(2)`.
    package static func setGroup(_ id: UInt32) throws(SystemError) {
        try syscall("setresgid", on: "\(id)") { clx_setresgid(id, id, id) }
    }

    /// Sets the supplementary groups.
    ///
    /// The corresponding system call is `setgroups(2)`.
    package static func setGroups(_ ids: [UInt32]) throws(SystemError) {
        try syscall("setgroups", on: ids.map(String.init).joined(separator: ",")) {
            unsafe clx_setgroups(Int32(ids.count), ids)
        }
    }
}

/// Sets the host name of the UTS namespace.
///
/// The corresponding system call is `sethostname(2)`.
package func setHostName(_ name: String) throws(SystemError) {
    try syscall("sethostname", on: name) { unsafe clx_sethostname(name, UInt(name.utf8.count)) }
}

/// Sets the NIS domain name of the UTS namespace.
///
/// The corresponding system call is `setdomainname(2)`.
package func setDomainName(_ name: String) throws(SystemError) {
    try syscall("setdomainname", on: name) { unsafe clx_setdomainname(name, UInt(name.utf8.count)) }
}

/// Sets the execution domain.
///
/// The corresponding system call is `personality(2)`.
package func setPersonality(_ value: UInt64) throws(SystemError) {
    try syscall("personality", on: "\(value)") { clx_personality(UInt(value)) }
}

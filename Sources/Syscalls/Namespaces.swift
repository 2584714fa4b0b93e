import CLinux

/// Enters a namespace.
///
/// The corresponding system call is `setns(2)`.
///
/// - Parameters:
///   - file: the namespace's file, or a pidfd.
///   - kinds: CLONE_NEW* flags: the one kind it must have, or for a pidfd those to enter.
///   - subject: its name for an error.
package func enterNamespaces(
    of file: borrowing OwnedDescriptor, kinds: UInt64, subject: String
) throws(SystemError) {
    let number = file.number
    try syscall("setns", on: subject) { clx_setns(number, Int32(truncatingIfNeeded: kinds)) }
}

/// Makes namespaces for this process.
///
/// The corresponding system call is `unshare(2)`.
///
/// - Parameters:
///   - kinds: CLONE_NEW* flags.
///   - subject: their names for an error.
package func unshareNamespaces(_ kinds: UInt64, subject: String) throws(SystemError) {
    try syscall("unshare", on: subject) { clx_unshare(Int32(truncatingIfNeeded: kinds)) }
}

extension OwnedDescriptor {
    /// The CLONE_NEW* flag of the namespace this file stands for.
    ///
    /// The corresponding request is `NS_GET_NSTYPE` of
    /// `ioctl_ns(2)`.
    package borrowing func namespaceKind(subject: String) throws(SystemError) -> UInt64 {
        let number = self.number
        return UInt64(try syscall("ioctl", on: subject) { clx_namespace_kind(number) })
    }
}

/// Brings the loopback device of this process's network namespace up, netdevice(7).
package func bringLoopbackUp() throws(SystemError) {
    try syscall("ioctl", on: "SIOCSIFFLAGS lo") { clx_loopback_up() }
}

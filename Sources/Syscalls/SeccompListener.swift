import CLinux
import Glibc

/// A system call that waits for an answer, seccomp_unotify(2).
package struct SeccompNotification: Sendable {
    /// What an answer must carry.
    package let id: UInt64
    /// The thread, as this process's pid namespace numbers it; 0 where it does not see it.
    package let pid: Int32
    /// The calling convention, AUDIT_ARCH_*.
    package let architecture: UInt32
    /// The system call's number.
    package let number: UInt32
    /// Where it was made.
    package let instructionPointer: UInt64
    /// The six argument registers.
    package let arguments: [UInt64]
}

/// The descriptor that a seccomp filter asks by.
package struct SeccompListener: ~Copyable, Sendable {
    /// The descriptor: readable when a call waits, and at its end when no process has the filter any more.
    package let descriptor: OwnedDescriptor

    /// Takes a listener.
    package init(_ descriptor: consuming OwnedDescriptor) {
        self.descriptor = descriptor
    }

    /// The next call that waits; nil where its thread gave up in the meantime.
    ///
    /// The corresponding request is `SECCOMP_IOCTL_NOTIF_RECV`.
    package borrowing func receive() throws(SystemError) -> SeccompNotification? {
        var raw = clx_seccomp_notification()
        let number = descriptor.number
        do {
            try syscall("ioctl", on: "SECCOMP_IOCTL_NOTIF_RECV") { unsafe clx_seccomp_receive(number, &raw) }
        } catch  where error.errno == .noEntry {
            return nil
        }
        let arguments = [
            raw.arguments.0, raw.arguments.1, raw.arguments.2, raw.arguments.3, raw.arguments.4, raw.arguments.5,
        ]
        return SeccompNotification(
            id: raw.id, pid: Int32(bitPattern: raw.pid), architecture: raw.arch, number: UInt32(bitPattern: raw.nr),
            instructionPointer: raw.instruction_pointer, arguments: arguments)
    }

    /// Lets a waiting call return an error instead of being made.
    ///
    /// The corresponding request is `SECCOMP_IOCTL_NOTIF_SEND`.
    package borrowing func refuse(_ notification: SeccompNotification, with errno: Errno) throws(SystemError) {
        try respond(notification, error: -errno.rawValue, flags: 0)
    }

    /// Lets a waiting call be made.
    package borrowing func resume(_ notification: SeccompNotification) throws(SystemError) {
        try respond(notification, error: 0, flags: CLX_SECCOMP_CONTINUE)
    }

    /// Whether the call still waits: what was read about its thread before is then about no other.
    package borrowing func stillWaits(_ notification: SeccompNotification) -> Bool {
        clx_seccomp_still_waits(descriptor.number, notification.id) != 0
    }

    private borrowing func respond(
        _ notification: SeccompNotification, error: Int32, flags: UInt32
    ) throws(SystemError) {
        let number = descriptor.number
        do {
            try syscall("ioctl", on: "SECCOMP_IOCTL_NOTIF_SEND") {
                clx_seccomp_respond(number, notification.id, error, flags)
            }
        } catch  where error.errno == .noEntry {
            // A signal ended the wait: there is nobody to answer any more.
            return
        }
    }
}

extension PacketSocket {
    /// Sends one packet under a filter that this thread has just installed.
    ///
    /// It says at which number the filter's listener is; the receiver takes a copy by `pidfd_getfd(2)`. Of all calls only
    /// this one is made before somebody answers notifications, so it must be one that no filter asks about: write(2),
    /// for which profiles cannot notify. sendmsg(2), which could carry the descriptor itself, is what agents for
    /// networks do ask about.
    package borrowing func sendUnderFilter(_ packet: [UInt8]) throws(SystemError) {
        let number = descriptor.number
        let sent = try syscall("write", on: "\(number)") {
            unsafe clx_seccomp_hand_over(number, packet, packet.count)
        }
        if sent != packet.count { throw SystemError("write", "\(number)", .inputOutput) }
    }
}

extension OwnedDescriptor {
    /// A copy of a descriptor of the process that this pidfd stands for, closed on exec.
    ///
    /// The corresponding system call is `pidfd_getfd(2)`.
    package borrowing func copyDescriptor(_ descriptor: Int32) throws(SystemError) -> OwnedDescriptor {
        let number = self.number
        return OwnedDescriptor(
            owning: try syscall("pidfd_getfd", on: "\(descriptor)") { clx_pidfd_getfd(number, descriptor) })
    }
}

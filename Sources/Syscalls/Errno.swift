import Glibc

/// An error number of the kernel, errno(3).
package struct Errno: Error, Equatable, Hashable, RawRepresentable, Sendable {
    /// The number, as in errno.h.
    package let rawValue: Int32

    /// Wraps a number.
    package init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    /// ENOENT.
    package static let noEntry = Errno(rawValue: ENOENT)
    /// EEXIST.
    package static let exists = Errno(rawValue: EEXIST)
    /// EPERM.
    package static let notPermitted = Errno(rawValue: EPERM)
    /// EACCES.
    package static let accessDenied = Errno(rawValue: EACCES)
    /// EINVAL.
    package static let invalidArgument = Errno(rawValue: EINVAL)
    /// ENOSYS.
    package static let noSystemCall = Errno(rawValue: ENOSYS)
    /// EOPNOTSUPP.
    package static let notSupported = Errno(rawValue: EOPNOTSUPP)
    /// EAFNOSUPPORT.
    package static let noFamily = Errno(rawValue: EAFNOSUPPORT)
    /// ENOTDIR.
    package static let notDirectory = Errno(rawValue: ENOTDIR)
    /// EISDIR.
    package static let isDirectory = Errno(rawValue: EISDIR)
    /// ELOOP.
    package static let symlinkLoop = Errno(rawValue: ELOOP)
    /// EBUSY.
    package static let busy = Errno(rawValue: EBUSY)
    /// ENOTEMPTY.
    package static let notEmpty = Errno(rawValue: ENOTEMPTY)
    /// ESRCH.
    package static let noProcess = Errno(rawValue: ESRCH)
    /// ECHILD.
    package static let noChild = Errno(rawValue: ECHILD)
    /// EAGAIN.
    package static let wouldBlock = Errno(rawValue: EAGAIN)
    /// E2BIG.
    package static let argumentsTooLong = Errno(rawValue: E2BIG)
    /// ENOEXEC.
    package static let executableFormat = Errno(rawValue: ENOEXEC)
    /// EPIPE.
    package static let brokenPipe = Errno(rawValue: EPIPE)
    /// ENOTTY.
    package static let notTerminal = Errno(rawValue: ENOTTY)
    /// ENODEV.
    package static let noDevice = Errno(rawValue: ENODEV)
    /// ECONNREFUSED.
    package static let connectionRefused = Errno(rawValue: ECONNREFUSED)
    /// ECONNRESET.
    package static let connectionReset = Errno(rawValue: ECONNRESET)
    /// ETIMEDOUT.
    package static let timedOut = Errno(rawValue: ETIMEDOUT)
    /// EBADMSG: what came over a channel is not of the expected form.
    package static let badMessage = Errno(rawValue: EBADMSG)
    /// EIO.
    package static let inputOutput = Errno(rawValue: EIO)
    /// EROFS.
    package static let readOnly = Errno(rawValue: EROFS)
    /// EINTR.
    package static let interrupted = Errno(rawValue: EINTR)
    /// ENOMEM.
    package static let noMemory = Errno(rawValue: ENOMEM)
    /// EXDEV.
    package static let crossDevice = Errno(rawValue: EXDEV)
    /// ENOSPC.
    package static let noSpace = Errno(rawValue: ENOSPC)

    /// The calling thread's errno.
    package static var current: Errno {
        Errno(rawValue: Glibc.errno)
    }
}

extension Errno: CustomStringConvertible {
    /// The text of strerror(3), its first letter in lower case: it stands in the middle of a line.
    package var description: String {
        guard let text = unsafe strerror(rawValue) else { return "error \(rawValue)" }
        let message = unsafe String(cString: text)
        return message.prefix(1).lowercased() + message.dropFirst()
    }
}

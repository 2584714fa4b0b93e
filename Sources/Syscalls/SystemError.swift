/// One failed system call: which, on what, and why.
package struct SystemError: Error, Equatable, Sendable {
    /// The call's name, as in its man page.
    package let call: String
    /// What it was called on: a path, a name, a number.
    package let subject: String
    /// Why it failed.
    package let errno: Errno

    /// Makes an error.
    package init(_ call: String, _ subject: String, _ errno: Errno) {
        self.call = call
        self.subject = subject
        self.errno = errno
    }
}

extension SystemError: CustomStringConvertible {
    /// As in "open(/dev/kvm): permission denied".
    package var description: String {
        "\(call)(\(subject)): \(errno)"
    }
}

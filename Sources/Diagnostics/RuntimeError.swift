package import Syscalls

/// What a command failed with: what was being done, outside in, what went wrong, and where it helps a hint.
///
/// There are two error types in mvrun: `SystemError`, one failed system call, and this one above it. A `RuntimeError`
/// says everything in one line, because that line is what containerd, podman and docker show to their users.
package struct RuntimeError: Error, Equatable, Sendable {
    /// Whose fault it is and what a caller can do about it.
    package enum Kind: UInt8, Sendable {
        /// The bundle, its config.json or another input file is not valid.
        case invalidBundle
        /// The input is valid, but this host, this kernel or this build cannot do it.
        case unsupported
        /// Something that was named does not exist.
        case notFound
        /// Something that was to be made exists.
        case alreadyExists
        /// The container's state does not allow the operation.
        case wrongState
        /// A system call failed.
        case system
        /// The guest failed.
        case guest
        /// The command line is wrong.
        case usage
        /// The workload's program does not exist (exit status 127).
        case programNotFound
        /// The workload's program exists and cannot be executed (exit status 126).
        case programNotExecutable
    }

    /// Whose fault it is.
    package var kind: Kind
    /// What was being done, outermost first.
    package var context: [String]
    /// What went wrong: lower case, no full stop, nothing that `context` says already.
    package var message: String
    /// The errno behind it, where a system call failed.
    package var errno: Errno?
    /// What the reader may do about it; shown on a line of its own, on stderr only.
    package var hint: String?

    /// Makes an error without context; `during` adds that on the way up.
    package init(_ kind: Kind, _ message: String, errno: Errno? = nil, hint: String? = nil) {
        self.kind = kind
        self.context = []
        self.message = message
        self.errno = errno
        self.hint = hint
    }

    /// Makes an error out of a failed system call.
    package init(_ error: SystemError, hint: String? = nil) {
        self.init(.system, error.description, errno: error.errno, hint: hint)
    }

    /// The same error with one more level of context outside.
    ///
    /// - Parameter activity: what was being done, as in "mount proc at /proc".
    package func during(_ activity: String) -> RuntimeError {
        var copy = self
        copy.context.insert(activity, at: 0)
        return copy
    }

    /// The same error with a hint, unless it has one.
    package func hinting(_ hint: String) -> RuntimeError {
        var copy = self
        copy.hint = copy.hint ?? hint
        return copy
    }
}

extension RuntimeError: CustomStringConvertible {
    /// The whole error in one line, without the hint.
    package var description: String {
        (context + [message]).joined(separator: ": ")
    }
}

/// Runs `body` and says, should it fail, what was being done.
///
/// - Parameters:
///   - activity: what `body` does, as in "read the bundle's config"; made only when it is needed.
///   - body: what may throw a `SystemError` or a `RuntimeError`.
/// - Returns: what `body` returns.
/// - Throws: what `body` threw, as a `RuntimeError` with `activity` around it.
package func during<Value: ~Copyable>(
    _ activity: @autoclosure () -> String, _ body: () throws -> Value
) throws(RuntimeError) -> Value {
    do {
        return try body()
    } catch let error as RuntimeError {
        throw error.during(activity())
    } catch let error as SystemError {
        throw RuntimeError(error).during(activity())
    } catch {
        throw RuntimeError(.system, "\(error)").during(activity())
    }
}

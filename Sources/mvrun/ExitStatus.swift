import Diagnostics
import Options

/// The exit statuses of mvrun itself; a program's own status and 128+n for a signal pass through `run` and `exec`.
enum ExitStatus {
    static let success: Int32 = 0
    static let failure: Int32 = 1
    /// The command line is wrong, sysexits(3).
    static let usage: Int32 = 64
    /// `run` and `exec`: mvrun failed, not the program.
    static let runtimeFailed: Int32 = 125
    /// `run` and `exec`: the program is there and cannot be executed.
    static let notExecutable: Int32 = 126
    /// `run` and `exec`: there is no such program.
    static let notFound: Int32 = 127

    /// The status that tells what went wrong.
    static func of(_ error: RuntimeError, verb: Verb?) -> Int32 {
        if error.kind == .usage { return usage }
        guard verb == .run || verb == .exec else { return failure }
        switch error.kind {
        case .programNotFound: return notFound
        case .programNotExecutable: return notExecutable
        default: return runtimeFailed
        }
    }
}

import Diagnostics
import Glibc
import Syscalls

/// Prints a command's result.
///
/// - Throws: what became of standard output: a full disk or a reader who has gone is an error like any other.
func printOutput(_ text: String) throws(RuntimeError) {
    // Only where something is printed: an ignored signal would be inherited by programs.
    _ = signal(SIGPIPE, SIG_IGN)
    do {
        try writeStandard(text, to: 1)
    } catch {
        throw RuntimeError(error)
    }
}

import Diagnostics
import Options

/// Performs a verb.
///
/// - Returns: the exit status.
func dispatch(_ verb: Verb, _ invocation: Invocation, _ log: Log) throws(RuntimeError) -> Int32 {
    switch verb {
    case .completion: try CompletionCommand.run(invocation)
    case .version: try VersionCommand.run()
    case .help: try HelpCommand.run(invocation)
    default: throw RuntimeError(.unsupported, "this build does not have it")
    }
    return ExitStatus.success
}

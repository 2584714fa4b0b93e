import Diagnostics
import Options

/// `mvrun completion bash|zsh|fish`: prints a completion script.
enum CompletionCommand {
    static func run(_ invocation: Invocation) throws(RuntimeError) {
        guard let shell = invocation.arguments.first.flatMap(Completion.init(rawValue:)) else {
            throw RuntimeError(.usage, "there are completions for bash, zsh and fish")
        }
        try printOutput(shell.script)
    }
}

import Diagnostics
import Options

/// `mvrun help [COMMAND]`: prints help.
enum HelpCommand {
    static func run(_ invocation: Invocation) throws(RuntimeError) {
        guard let name = invocation.arguments.first else { return try printOutput(Help.text) }
        // Parsing the name as a command line gives the same error with the same suggestion.
        guard let verb = try Invocation(parsing: [name, "--help"]).verb else { return }
        try printOutput(Help.text(of: verb))
    }
}

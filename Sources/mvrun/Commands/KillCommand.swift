import Diagnostics
import Options
import Runtime
import Syscalls

/// `mvrun kill CONTAINER [SIGNAL]`: sends a signal, SIGTERM unless another one is named.
enum KillCommand {
    static func run(_ invocation: Invocation, _ session: Session) throws(RuntimeError) {
        let text = invocation.arguments.dropFirst().first ?? "SIGTERM"
        guard let signal = SignalNames.number(of: text) else {
            throw RuntimeError(
                .usage, "\"\(text)\" is not a signal", hint: "name one as in TERM, SIGTERM, 15 or RTMIN+1")
        }
        guard invocation.has(.regex) else {
            return try session.kill(invocation.container, signal: signal, all: invocation.has(.all))
        }
        for id in try session.ids(matching: invocation.container) {
            try during(id) { try session.kill(id, signal: signal, all: invocation.has(.all)) }
        }
    }
}

import Diagnostics
import Options
import Runtime

/// `mvrun events CONTAINER`: prints statistics once, or at intervals together with what happens to the memory.
enum EventsCommand {
    static func run(_ invocation: Invocation, _ session: Session) throws(RuntimeError) {
        if invocation.has(.stats) { return try printOutput(session.statistics(of: invocation.container)) }
        let text = invocation.value(.interval) ?? "5s"
        guard let interval = Quantity.milliseconds(text), interval > 0 else {
            throw RuntimeError(
                .usage, "--interval: \"\(text)\" is not a time", hint: "write it as in 5s, 500ms or 1m30s")
        }
        try session.events(of: invocation.container, intervalMilliseconds: interval) { line throws(RuntimeError) in
            try printOutput(line)
        }
    }
}

import Diagnostics
import Options
import Runtime

/// `mvrun state CONTAINER`: prints the state as the runtime-spec has it.
enum StateCommand {
    static func run(_ invocation: Invocation, _ session: Session) throws(RuntimeError) {
        let container = try session.container(invocation.container)
        try printOutput(container.state(container.status) + "\n")
    }
}

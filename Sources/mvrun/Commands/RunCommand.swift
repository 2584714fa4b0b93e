import Diagnostics
import Options
import Runtime

/// `mvrun run CONTAINER`: makes a container, starts its program, waits for it, and deletes the container.
enum RunCommand {
    static func run(_ invocation: Invocation, _ session: Session) throws(RuntimeError) -> Int32 {
        try session.run(
            try CreateRequest(invocation), detach: invocation.has(.detach), keep: invocation.has(.keep),
            adoptsOrphans: !invocation.has(.noSubreaper))
    }
}

import Diagnostics
import Options
import Runtime

/// `mvrun restore CONTAINER`: makes a container from a checkpoint.
enum RestoreCommand {
    static func run(_ invocation: Invocation, _ session: Session) throws(RuntimeError) -> Int32 {
        try session.restore(
            try CreateRequest(invocation), try CriuOptions(invocation), detach: invocation.has(.detach),
            adoptsOrphans: !invocation.has(.noSubreaper))
    }
}

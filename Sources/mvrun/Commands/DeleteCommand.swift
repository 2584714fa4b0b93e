import Diagnostics
import Options
import Runtime

/// `mvrun delete CONTAINER`: removes what is left of a container.
enum DeleteCommand {
    static func run(_ invocation: Invocation, _ session: Session) throws(RuntimeError) -> Int32 {
        let force = invocation.has(.force)
        guard invocation.has(.regex) else {
            try session.delete(invocation.container, force: force)
            return ExitStatus.success
        }
        var status = ExitStatus.success
        for id in try session.ids(matching: invocation.container) {
            do throws(RuntimeError) {
                try session.delete(id, force: force)
            } catch {
                // The others are not to stay because of this one.
                session.log.report(error.during("delete \(id)"))
                status = ExitStatus.failure
            }
        }
        return status
    }
}

import Diagnostics
import Options
import Runtime

/// `mvrun run CONTAINER`: makes a container, starts its program, waits for it, and deletes the container.
enum RunCommand {
    static func run(_ invocation: Invocation, _ session: Session) throws(RuntimeError) -> Int32 {
        var request = try CreateRequest(invocation)
        if let file = invocation.path(.recordSeccomp) {
            request.seccompInquiry = .record(file: file)
        } else if invocation.has(.explainSeccomp) {
            request.seccompInquiry = .explain
        }
        return try session.run(
            request, detach: invocation.has(.detach), keep: invocation.has(.keep),
            adoptsOrphans: !invocation.has(.noSubreaper))
    }
}

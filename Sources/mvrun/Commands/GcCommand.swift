import Diagnostics
import Options
import Runtime

/// `mvrun gc`: removes what killed runtimes left behind, and says what that was.
enum GcCommand {
    static func run(_ invocation: Invocation, _ session: Session) throws(RuntimeError) {
        let removed = try session.collectGarbage(imageCache: invocation.value(.imageCache).map(absolutePath))
        if !removed.isEmpty { try printOutput(removed.map { "removed \($0)\n" }.joined()) }
    }
}

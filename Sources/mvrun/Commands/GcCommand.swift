import Diagnostics
import Runtime

/// `mvrun gc`: removes what killed runtimes left behind, and says what that was.
enum GcCommand {
    static func run(_ session: Session) throws(RuntimeError) {
        let removed = try session.collectGarbage()
        if !removed.isEmpty { try printOutput(removed.map { "removed \($0)\n" }.joined()) }
    }
}

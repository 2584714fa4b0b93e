import Diagnostics
import Runtime

/// `mvrun --version`: prints the version.
enum VersionCommand {
    static func run() throws(RuntimeError) {
        try printOutput(Build.versionText)
    }
}

import Diagnostics

/// `mvrun --version`: prints the version, in the lines that runc and crun print.
enum VersionCommand {
    /// The version of mvrun.
    static let version = "0.1.0"

    static func run() throws(RuntimeError) {
        try printOutput(
            """
            mvrun version \(version)
            spec: 1.3.0

            """)
    }
}

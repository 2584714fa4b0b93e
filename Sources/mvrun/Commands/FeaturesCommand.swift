import Diagnostics
import OCI
import Runtime

/// `mvrun features`: prints what of the runtime-spec this build supports.
enum FeaturesCommand {
    static func run() throws(RuntimeError) {
        try printOutput(String(decoding: Build.features.json(), as: UTF8.self) + "\n")
    }
}

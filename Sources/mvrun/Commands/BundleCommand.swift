import Diagnostics
import Images
import Options
import Runtime

/// `mvrun bundle IMAGE DIR`: makes a bundle of an image.
enum BundleCommand {
    static func run(_ invocation: Invocation, _ session: Session) throws(RuntimeError) {
        let request = try ImageRequest(invocation, named: invocation.arguments[0])
        try session.makeBundle(
            of: request, at: absolutePath(invocation.arguments[1]),
            isolation: invocation.isolation == .vm ? .vm : .container, rootless: invocation.has(.forRootless))
    }
}

extension ImageRequest {
    /// What the options about images ask for.
    ///
    /// - Parameter name: the image's name.
    init(_ invocation: Invocation, named name: String) throws(RuntimeError) {
        self.init(try ImageReference(parsing: name, tag: invocation.value(.tag)))
        cache = invocation.value(.imageCache).map(absolutePath)
        command = invocation.command
    }
}

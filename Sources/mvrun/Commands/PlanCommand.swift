import Diagnostics
import JSON
import OCI
import Options
import Runtime

/// `mvrun plan [BUNDLE]`: prints each step that `run` would perform, in order; nothing changes by it.
enum PlanCommand {
    static func run(_ invocation: Invocation, _ session: Session) throws(RuntimeError) {
        var request = CreateRequest(id: "CONTAINER")
        (request.bundle, request.config) = (invocation.bundle, invocation.value(.config))
        try request.takeNetworks(invocation)
        let bundle = try request.openBundle()
        for warning in bundle.warnings { session.log.warn("config.json: \(warning.path): \(warning.message)") }
        request.noPivot = invocation.has(.noPivot)
        (request.isolation, request.kernel) = (invocation.isolation, invocation.path(.kernel))
        request.offersVsock = invocation.has(.vsock)
        request.noNewKeyring = invocation.has(.noNewKeyring)
        let text = PlanText(try session.plan(bundle, request, startsLater: false))
        try printOutput(invocation.value(.format) == "json" ? json(text) : table(text))
    }

    private static func table(_ text: PlanText) -> String {
        let width = "\(text.steps.count)".count
        return text.steps.enumerated().map { index, step in
            let number = "\(index + 1)"
            let actor = step.actor.rawValue
            return String(repeating: " ", count: width - number.count) + number + "  " + actor
                + String(repeating: " ", count: max(1, 10 - actor.count)) + step.text + "\n"
        }.joined()
    }

    private static func json(_ text: PlanText) -> String {
        var writer = JSONWriter(.pretty)
        writer.array { array in
            for step in text.steps {
                array.object { object in
                    object.member("by", step.actor.rawValue)
                    object.member("step", step.text)
                }
            }
        }
        return writer.text + "\n"
    }
}

extension Invocation {
    /// The bundle: the argument, or `--bundle`, or the working directory.
    var bundle: String { arguments.first ?? value(.bundle) ?? "." }
}

import Diagnostics
import JSON
import Options
import Runtime

/// `mvrun check [BUNDLE]`: says for each field of a config.json whether it is honoured, ignored or an error, and why.
enum CheckCommand {
    static func run(_ invocation: Invocation, _ session: Session) throws(RuntimeError) -> Int32 {
        let check = try session.check(
            bundle: invocation.bundle, config: invocation.value(.config), isolation: invocation.isolation)
        try printOutput(invocation.value(.format) == "json" ? json(check) : text(check))
        return check.isGood ? ExitStatus.success : ExitStatus.failure
    }

    private static func text(_ check: BundleCheck) -> String {
        check.fields.map { field in
            let verdict = field.verdict.rawValue
            let place = field.line.map { " (line \($0))" } ?? ""
            let reason = field.reason.map { ": \($0)" } ?? ""
            return "\(verdict)\(String(repeating: " ", count: 10 - verdict.count))\(field.path)"
                + ([.honoured, .host, .guest, .both].contains(field.verdict) ? "" : place) + reason + "\n"
        }.joined()
    }

    private static func json(_ check: BundleCheck) -> String {
        var writer = JSONWriter(.pretty)
        writer.array { array in
            for field in check.fields {
                array.object { object in
                    object.member("path", field.path)
                    if let line = field.line { object.member("line", line) }
                    object.member("verdict", field.verdict.rawValue)
                    if let reason = field.reason { object.member("reason", reason) }
                }
            }
        }
        return writer.text + "\n"
    }
}

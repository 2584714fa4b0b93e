import Diagnostics
import Glibc
import Options
import Runtime
import Syscalls

/// `mvrun spec`: writes a config.json to start from.
enum SpecCommand {
    static func run(_ invocation: Invocation) throws(RuntimeError) {
        let bundle = invocation.value(.bundle) ?? "."
        let path = invocation.value(.file) ?? bundle + "/config.json"
        let kind: SampleSpec.Kind =
            invocation.has(.forRootless) ? .rootless(userID: geteuid(), groupID: getegid()) : .privileged
        let text = SampleSpec.text(kind, isolation: invocation.isolation == .vm ? .vm : .container)
        do throws(SystemError) {
            try OwnedDescriptor.open(path, [.writeOnly, .create, .exclusive], mode: 0o644)
                .writeAll(Array(text.utf8), subject: path)
        } catch {
            if error.errno == .exists {
                throw RuntimeError(.alreadyExists, "\(path) exists already", hint: "remove it first to get a new one")
            }
            throw RuntimeError(error)
        }
    }
}

import CNI
import Diagnostics
import Options
import Runtime

/// `mvrun create CONTAINER`: makes a container without starting its program.
enum CreateCommand {
    static func run(_ invocation: Invocation, _ session: Session) throws(RuntimeError) {
        try session.create(try CreateRequest(invocation))
    }
}

extension CreateRequest {
    /// What the options of `create` and `run` ask for.
    init(_ invocation: Invocation) throws(RuntimeError) {
        self.init(id: invocation.container)
        bundle = invocation.value(.bundle) ?? "."
        config = invocation.value(.config)
        consoleSocket = invocation.path(.consoleSocket)
        pidFile = invocation.path(.pidFile)
        pidfdSocket = invocation.path(.pidfdSocket)
        preservedDescriptors = try invocation.integer(.preserveFds, as: Int.self) ?? 0
        noPivot = invocation.has(.noPivot)
        noNewKeyring = invocation.has(.noNewKeyring)
        (isolation, kernel) = (invocation.isolation, invocation.path(.kernel))
        offersVsock = invocation.has(.vsock)
        clampsLimits = invocation.has(.clampRlimits)
        try takeNetworks(invocation)
    }

    /// What `--network` and `--publish` ask for.
    mutating func takeNetworks(_ invocation: Invocation) throws(RuntimeError) {
        for text in invocation.values(.network) { networks.append(try NetworkChoice(parsing: text)) }
        for text in invocation.values(.publish) { ports.append(try PortMapping(parsing: text)) }
    }
}

extension Invocation {
    /// What `--isolation` says; nil where it is not there.
    var isolation: IsolationChoice? { value(.isolation).flatMap(IsolationChoice.init(rawValue:)) }

    /// The value of an option that may be given as an empty text in place of being left out, as some engines do.
    func path(_ key: OptionKey) -> String? {
        value(key).flatMap { $0.isEmpty ? nil : $0 }
    }
}

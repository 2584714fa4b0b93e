import CLinux
package import Diagnostics
package import OCI
package import Plans

/// What a profile compiles to.
package struct CompiledSeccomp: Equatable, Sendable {
    /// The filter.
    package var filter: SeccompFilter
    /// The socket of the agent that answers notifications, `listenerPath`.
    package var listenerPath: String?
    /// What the agent is told besides, `listenerMetadata`.
    package var listenerMetadata: String?

    /// Wraps a result.
    package init(filter: SeccompFilter, listenerPath: String? = nil, listenerMetadata: String? = nil) {
        self.filter = filter
        self.listenerPath = listenerPath
        self.listenerMetadata = listenerMetadata
    }
}

/// Compiles seccomp profiles: libseccomp makes the filter, and what it cannot express is put before it.
///
/// The kernel checks a filter itself before it runs it; what is checked here is what the profile's author can be told
/// in better words.
package enum SeccompCompiler {
    /// Raised whenever the same profile compiles to another filter: cached filters of another generation are not used.
    package static let generation: UInt32 = 1

    /// The most rules, counted name by name, that a profile may have: libseccomp takes time in their square.
    package static let mostRules = 16384

    /// From this many rules on the filter is a tree.
    ///
    /// libseccomp 2.5.4 goes wrong on a tree without rules, and a list is as good as a tree while it is short.
    private static let rulesForTree = 32

    /// Compiles a profile that has been checked.
    ///
    /// System calls whose name libseccomp does not know are left out, as runc does: engines name calls of every kernel
    /// and architecture. `unknownNames(in:)` tells them.
    package static func compile(_ profile: Spec.Seccomp) throws(RuntimeError) -> CompiledSeccomp {
        try checkNumbers(of: profile)
        let filter = try Libseccomp(defaultAction: profile.standardAction.returnValue)
        for (index, architecture) in profile.architectures.enumerated() {
            try at("architectures[\(index)]") { () throws(RuntimeError) in try add(architecture, to: filter) }
        }
        if profile.syscalls.reduce(0, { $0 + $1.names.count }) > rulesForTree { try filter.useTree() }
        for (index, rule) in profile.syscalls.enumerated() where rule.fullAction != profile.standardAction {
            for (position, name) in rule.names.enumerated() {
                guard let number = Libseccomp.number(of: name) else { continue }
                try at("syscalls[\(index)].names[\(position)] (\(name))") { () throws(RuntimeError) in
                    for arguments in rule.alternatives {
                        try filter.add(number, action: rule.fullAction.returnValue, where: arguments)
                    }
                }
            }
        }
        var program = try filter.program()
        let sections = UnknownSyscalls.sections(for: profile)
        program.instructions = UnknownSyscalls.instructions(for: sections) + program.instructions
        if program.instructions.count > FilterProgram.longest {
            throw RuntimeError(
                .unsupported,
                "linux.seccomp: the filter has \(program.instructions.count) instructions; the kernel takes "
                    + "\(FilterProgram.longest)")
        }
        return CompiledSeccomp(
            filter: SeccompFilter(
                instructions: program.bytes, flags: flags(of: profile), notifies: profile.notifies),
            listenerPath: profile.listenerPath, listenerMetadata: profile.listenerMetadata)
    }

    /// The names that libseccomp does not know, each with its JSON path: they have no effect.
    package static func unknownNames(in profile: Spec.Seccomp) -> [(path: String, name: String)] {
        var unknown: [(path: String, name: String)] = []
        for (index, rule) in profile.syscalls.enumerated() {
            for (position, name) in rule.names.enumerated() where Libseccomp.number(of: name) == nil {
                unknown.append(("linux.seccomp.syscalls[\(index)].names[\(position)]", name))
            }
        }
        return unknown
    }

    /// SECCOMP_FILTER_FLAG_* for a profile.
    ///
    /// Without `flags` it is SPEC_ALLOW as with runc: the mitigation that the kernel would turn on otherwise costs far
    /// more than it gives to a program that is not a sandbox for others.
    private static func flags(of profile: Spec.Seccomp) -> UInt32 {
        let listener = profile.notifies ? CLX_SECCOMP_FLAG_NEW_LISTENER : 0
        return (profile.flags ?? [.speculationAllowed])
            .reduce(listener) { $0 | $1.bits(notifies: profile.notifies) }
    }

    /// Refuses what a filter cannot hold: an action's number has 16 bits.
    private static func checkNumbers(of profile: Spec.Seccomp) throws(RuntimeError) {
        let count = profile.syscalls.reduce(0) { $0 + $1.names.count }
        if count > mostRules {
            throw RuntimeError(.invalidBundle, "linux.seccomp.syscalls: \(count) names are more than \(mostRules)")
        }
        let numbers =
            [("defaultErrnoRet", profile.defaultErrnoRet)]
            + profile.syscalls.enumerated().map { ("syscalls[\($0)].errnoRet", $1.errnoRet) }
        for case (let path, let number?) in numbers where number > UInt16.max {
            throw RuntimeError(.invalidBundle, "linux.seccomp.\(path): \(number) is above \(UInt16.max)")
        }
    }

    private static func add(
        _ architecture: Spec.Seccomp.Architecture, to filter: borrowing Libseccomp
    ) throws(RuntimeError) {
        guard architecture.isSupported else {
            throw RuntimeError(
                .unsupported, "libseccomp \(Libseccomp.version) does not know \(architecture.rawValue)")
        }
        try filter.add(architecture.token)
    }

    /// Puts the JSON path before an error of libseccomp's.
    private static func at(_ path: String, _ body: () throws(RuntimeError) -> Void) throws(RuntimeError) {
        do {
            try body()
        } catch {
            throw RuntimeError(
                error.kind, "linux.seccomp.\(path): \(error.message)", errno: error.errno, hint: error.hint)
        }
    }
}

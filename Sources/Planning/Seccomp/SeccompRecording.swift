import JSON
import OCI

/// The system calls of a run, and the profile that they make.
package struct SeccompRecording: Equatable, Sendable {
    /// The names of the calls.
    package private(set) var names: Set<String>
    /// The numbers of calls that have no name, which a profile cannot allow.
    package private(set) var unnamed: Set<UInt32> = []
    private var architectures: Set<Spec.Seccomp.Architecture> = []

    /// More of them than a kernel has are not kept.
    private static let mostUnnamed = 256

    /// Starts with the calls that a container makes before its filter can ask about any.
    package init() {
        names = ["write"]
    }

    /// Takes a call.
    package mutating func add(_ attempt: SyscallAttempt) {
        if let name = attempt.name {
            names.insert(name)
        } else if unnamed.count < Self.mostUnnamed {
            unnamed.insert(attempt.number)
        }
        if let architecture = Spec.Seccomp.Architecture.of(attempt) { architectures.insert(architecture) }
    }

    /// A profile that allows these calls and answers EPERM to all others: the text of a `linux.seccomp` section.
    package var profile: [UInt8] {
        let native = [Spec.Seccomp.Architecture.native].compactMap(\.self)
        let others = architectures.subtracting(native).map(\.rawValue).sorted()
        var writer = JSONWriter(.pretty)
        writer.object { section in
            section.member("defaultAction", Spec.Seccomp.Action.errno.rawValue)
            section.member("defaultErrnoRet", 1)
            section.member("architectures", native.map(\.rawValue) + others)
            section.member("syscalls") { rules in
                rules.array { rules in
                    rules.object { rule in
                        rule.member("names", names.sorted())
                        rule.member("action", Spec.Seccomp.Action.allow.rawValue)
                    }
                }
            }
        }
        return writer.bytes + [UInt8(ascii: "\n")]
    }
}

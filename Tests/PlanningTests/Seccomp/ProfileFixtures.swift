import Diagnostics
import Foundation
import OCI

@testable import Planning

/// Docker's default profile as `Specs/` has it.
func dockerProfile() throws -> Spec.Seccomp {
    try Spec.Seccomp(try dockerSection(), named: "seccomp-docker-default.json")
}

/// The text of Docker's default profile.
func dockerSection() throws -> [UInt8] {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../../Specs/seccomp-docker-default.json")
    return Array(try Data(contentsOf: path))
}

/// Reads a profile.
///
/// - Parameters:
///   - action: `defaultAction`.
///   - rules: the elements of `syscalls`, as JSON.
///   - more: further members, as JSON.
func profile(_ action: String, _ rules: String..., more: String = "") throws -> Spec.Seccomp {
    let members = more.isEmpty ? "" : ", " + more
    let text = """
        {"defaultAction": "SCMP_ACT_\(action)", "syscalls": [\(rules.joined(separator: ", "))]\(members)}
        """
    return try Spec.Seccomp(Array(text.utf8), named: "profile")
}

/// A rule as JSON.
func rule(_ names: String..., action: String, more: String = "") -> String {
    let list = names.map { "\"\($0)\"" }.joined(separator: ", ")
    return #"{"names": [\#(list)], "action": "SCMP_ACT_\#(action)"\#(more.isEmpty ? "" : ", " + more)}"#
}

/// `args` as JSON.
func args(_ conditions: (index: Int, op: String, value: UInt64)...) -> String {
    let list = conditions.map { #"{"index": \#($0.index), "op": "SCMP_CMP_\#($0.op)", "value": \#($0.value)}"# }
    return #""args": [\#(list.joined(separator: ", "))]"#
}

/// `architectures` of an x86-64 machine as JSON.
let allOfX86 = #""architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]"#

/// What a profile says of calls on one architecture by reading it from top to bottom: libseccomp gives the names only.
///
/// Only for profiles in which no two rules with different actions match the same call.
struct ProfileReading {
    let profile: Spec.Seccomp
    let architecture: Spec.Seccomp.Architecture
    private var rules: [String: [Spec.Seccomp.Rule]] = [:]

    init(_ profile: Spec.Seccomp, on architecture: Spec.Seccomp.Architecture) {
        self.profile = profile
        self.architecture = architecture
        for rule in profile.syscalls {
            for name in rule.names { rules[name, default: []].append(rule) }
        }
    }

    func action(for attempt: SyscallAttempt) -> SeccompAction {
        var seen = attempt
        // A 32-bit program passes 32 bits.
        if architecture != .x86_64 { seen.arguments = attempt.arguments.map { $0 & 0xffff_ffff } }
        let name = Libseccomp.name(of: attempt.number, on: architecture.token)
        let matching = name.flatMap { rules[$0] }?.first { rule in
            rule.alternatives.contains { $0.allSatisfy { $0.holds(for: seen) } }
        }
        return matching?.fullAction ?? profile.standardAction
    }
}

/// What a compiled filter does with a call.
func answer(_ compiled: CompiledSeccomp, _ attempt: SyscallAttempt) -> SeccompAction? {
    compiled.filter.program?.answer(to: attempt).map(SeccompAction.init(returnValue:))
}

/// A call of an x86-64 program.
func call(_ name: String, _ arguments: UInt64...) -> SyscallAttempt {
    SyscallAttempt(
        architecture: Spec.Seccomp.Architecture.x86_64.auditValue,
        number: Libseccomp.number(of: name, on: Spec.Seccomp.Architecture.x86_64.token) ?? .max, arguments: arguments)
}

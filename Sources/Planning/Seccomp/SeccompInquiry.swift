import CLinux
package import Diagnostics
package import OCI
package import Plans

/// What somebody wants to learn about a run's system calls.
package enum SeccompInquiry: Sendable {
    /// Which calls the profile blocks, `--explain-seccomp`. They are blocked all the same.
    case explain
    /// Which calls are made at all, `--record-seccomp`. Every one is made, whatever the profile says.
    case record
}

extension SeccompFilter {
    /// The filter that lets mvrun answer where the profile would have decided.
    ///
    /// - Parameters:
    ///   - inquiry: to explain, what blocks asks; to record, everything does.
    ///   - base: the profile's filter, which decides in the end.
    package init(asking inquiry: SeccompInquiry, for base: SeccompFilter) throws(RuntimeError) {
        guard !base.notifies else {
            throw RuntimeError(
                .unsupported, "linux.seccomp: it has a listener of its own, and a process can have only one",
                hint: "leave --explain-seccomp or --record-seccomp out, or SCMP_ACT_NOTIFY")
        }
        guard let program = base.program else { throw RuntimeError(.system, "the seccomp filter is no program") }
        self.init(asking: inquiry, program: program, flags: base.flags)
        guard instructions.count <= FilterProgram.longest * 8 else {
            throw RuntimeError(
                .unsupported, "linux.seccomp: the filter has no room for the instructions that explain it")
        }
    }

    /// The filter that asks about every call, for a container that has no profile.
    package static var askingAboutAll: SeccompFilter {
        SeccompFilter(asking: .record, program: FilterProgram([]), flags: CLX_SECCOMP_FLAG_SPEC_ALLOW)
    }

    private init(asking inquiry: SeccompInquiry, program: FilterProgram, flags: UInt32) {
        let ask = FilterInstruction.answer(.notify)
        let body =
            switch inquiry {
            case .record: [ask]
            case .explain:
                program.instructions.map { instruction in
                    let isAnswer = instruction.code == FilterInstruction.Code.answer
                    return isAnswer && SeccompAction(returnValue: instruction.operand).blocks ? ask : instruction
                }
            }
        var flags = flags | CLX_SECCOMP_FLAG_NEW_LISTENER
        if flags & CLX_SECCOMP_FLAG_TSYNC != 0 { flags |= CLX_SECCOMP_FLAG_TSYNC_ESRCH }
        // So that a signal does not make a call start again which mvrun is just looking at.
        if Spec.Seccomp.Flag.waitKillable.isSupported { flags |= CLX_SECCOMP_FLAG_WAIT_KILLABLE_RECV }
        self.init(
            instructions: FilterProgram(Self.handover + body).bytes, flags: flags, notifies: true)
    }

    /// Lets the one write(2) pass by which the listener gets to mvrun: nobody could answer it yet.
    ///
    /// It is known by the mark in a register that write(2) does not use. A program that puts the mark there as well makes
    /// that write unseen, and nothing else.
    private static var handover: [FilterInstruction] {
        let mark = CLX_SECCOMP_HANDOVER_MARK
        let offset = SyscallAttempt.argumentOffset(3)
        return [
            .load(SyscallAttempt.architectureOffset),
            .ifEqual(Libseccomp.nativeArchitecture, skip: 0, else: 7),
            .load(SyscallAttempt.numberOffset),
            .ifEqual(UInt32(CLX_NR_WRITE), skip: 0, else: 5),
            .load(offset),
            .ifEqual(UInt32(truncatingIfNeeded: mark), skip: 0, else: 3),
            .load(offset + 4),
            .ifEqual(UInt32(truncatingIfNeeded: mark >> 32), skip: 0, else: 1),
            .answer(.allow),
        ]
    }
}

/// Says which part of a profile decides about a call.
package struct SeccompExplanation: Sendable {
    private let profile: Spec.Seccomp
    private let program: FilterProgram

    /// Uses a profile and the filter that it compiled to.
    package init?(_ profile: Spec.Seccomp, filter: SeccompFilter) {
        guard let program = filter.program else { return nil }
        self.profile = profile
        self.program = program
    }

    /// What the profile's filter does with a call; it is the filter itself that is asked.
    package func action(for attempt: SyscallAttempt) -> SeccompAction {
        program.answer(to: attempt).map(SeccompAction.init(returnValue:)) ?? .killProcess
    }

    /// Which part of the profile that comes from, as a JSON path and words.
    ///
    /// - Parameters:
    ///   - attempt: the call.
    ///   - name: its name, where it has one.
    package func reason(for attempt: SyscallAttempt, name: String?) -> String {
        guard covers(attempt) else {
            return "linux.seccomp.architectures does not have the architecture"
        }
        let naming = profile.syscalls.enumerated().filter { _, rule in name.map { rule.names.contains($0) } ?? false }
        let action = action(for: attempt)
        let seen = attempt.narrowed
        let deciding = naming.first { _, rule in
            rule.fullAction == action && rule.alternatives.contains { $0.allSatisfy { $0.holds(for: seen) } }
        }
        if let deciding { return "linux.seccomp.syscalls[\(deciding.offset)]" }
        if action != profile.standardAction {
            return "it counts as newer than the profile, whose names have lower numbers"
        }
        let byDefault = "linux.seccomp.defaultAction"
        if naming.isEmpty { return "\(byDefault), for no rule names it" }
        let paths = naming.map { "syscalls[\($0.offset)]" }.joined(separator: ", ")
        return "\(byDefault), for its arguments match none of \(paths)"
    }

    private func covers(_ attempt: SyscallAttempt) -> Bool {
        let covered = [Spec.Seccomp.Architecture.native].compactMap(\.self) + profile.architectures
        return Spec.Seccomp.Architecture.of(attempt).map(covered.contains) ?? false
    }
}

extension SyscallAttempt {
    /// The architecture's bits for one of 64 bits, linux/audit.h.
    private static let wide: UInt32 = 0x8000_0000

    /// The call with its arguments as wide as the calling convention has them.
    var narrowed: SyscallAttempt {
        let isWide = architecture & Self.wide != 0 && Spec.Seccomp.Architecture.of(self) != .x32
        if isWide { return self }
        var copy = self
        copy.arguments = arguments.map { $0 & 0xffff_ffff }
        return copy
    }

    /// The call's name; nil where libseccomp does not know it.
    package var name: String? {
        guard let architecture = Spec.Seccomp.Architecture.of(self) else { return nil }
        return Libseccomp.name(of: number, on: architecture.token)
    }
}

extension Spec.Seccomp.Architecture {
    /// The calling convention a call was made under; nil for one that libseccomp does not know.
    package static func of(_ attempt: SyscallAttempt) -> Spec.Seccomp.Architecture? {
        if attempt.architecture == x86_64.auditValue, attempt.number & UnknownSyscalls.bitX32 != 0 { return x32 }
        return allCases.first { $0 != .x32 && $0.isSupported && $0.auditValue == attempt.architecture }
    }
}

import Glibc
import OCI

/// The instructions before a profile's own that answer ENOSYS to system calls newer than the profile.
///
/// A program finds out whether a system call exists by making it: ENOSYS means no, and it does without. EPERM from a
/// profile that was written before the call existed is taken for a real failure instead, and glibc, for one, gives up.
/// Nobody can tell a call that the author of a profile did not know from one that he left out, but a number above every
/// number that he names is a good sign: this is the rule runc goes by, so that profiles behave alike under both.
enum UnknownSyscalls {
    /// The largest number that a profile names, for the calling conventions which the kernel reports under one value.
    struct Section: Equatable {
        /// AUDIT_ARCH_*.
        let auditValue: UInt32
        /// The largest number without bit 30; nil where the profile names none, and the section leaves these alone.
        var largest: UInt32?
        /// The largest number of x32, bit 30 included; nil for all other architectures.
        var largestX32: UInt32?
        /// Whether number 0 stands for every number that the kernel does not know, as on s390.
        var zeroIsUnknown = false
    }

    /// Bit 30: set in the numbers of x32.
    static let bitX32: UInt32 = 0x4000_0000

    /// The sections for a profile: the native architecture's first, since it is the one most calls are made under.
    static func sections(for profile: Spec.Seccomp) -> [Section] {
        guard answersUnknown(profile.standardAction) else { return [] }
        let names = Set(profile.syscalls.flatMap(\.names))
        var sections: [Section] = []
        for architecture in [Spec.Seccomp.Architecture.native].compactMap(\.self) + profile.architectures {
            let largest = names.compactMap { Libseccomp.number(of: $0, on: architecture.token) }.max()
            guard let largest, largest > 0 else { continue }
            let isS390 = architecture == .s390 || architecture == .s390x
            let index: Int
            if let known = sections.firstIndex(where: { $0.auditValue == architecture.auditValue }) {
                index = known
            } else {
                index = sections.count
                sections.append(Section(auditValue: architecture.auditValue, zeroIsUnknown: isS390))
            }
            if architecture == .x32 {
                sections[index].largestX32 = largest | bitX32
            } else {
                sections[index].largest = largest
            }
        }
        return sections
    }

    /// Whether a default action would make a program believe that an unknown call exists.
    ///
    /// One that makes the call after all leaves the answer to the kernel. A tracer may know newer calls than the kernel
    /// does, so it is asked as well.
    private static func answersUnknown(_ action: SeccompAction) -> Bool {
        switch action {
        case .allow, .log, .trace: false
        case .errno(let number): Int32(number) != ENOSYS
        case .killThread, .killProcess, .trap, .notify: true
        }
    }

    /// The instructions; a call that they do not answer goes on to what follows them.
    static func instructions(for sections: [Section]) -> [FilterInstruction] {
        if sections.isEmpty { return [] }
        // Built from the end, so that what a jump has to skip is known when it is made.
        var program: [FilterInstruction] = []
        for section in sections.reversed() {
            program = instructions(for: section, before: program.count) + program
        }
        return [.load(SyscallAttempt.architectureOffset)] + program
    }

    /// One section: falls through to the next one if the architecture is another, with that still in the accumulator.
    private static func instructions(for section: Section, before rest: Int) -> [FilterInstruction] {
        var tests: [FilterInstruction] = []
        switch (section.largest, section.largestX32) {
        case (let largest?, let largestX32?):
            tests = [
                .ifAnySet(bitX32, skip: 1, else: 0),
                .ifGreater(largest, skip: 1, else: 2),
                .ifGreater(largestX32, skip: 0, else: 1),
            ]
        case (let largest?, nil):
            tests = [.ifGreater(largest, skip: 0, else: 1)]
            // The calls of an x32 that the profile does not cover stay with libseccomp, which kills for them.
            if section.auditValue == Spec.Seccomp.Architecture.x86_64.token {
                tests.insert(.ifAnySet(bitX32, skip: 2, else: 0), at: 0)
            }
        case (nil, let largestX32?):
            tests = [.ifAnySet(bitX32, skip: 0, else: 2), .ifGreater(largestX32, skip: 0, else: 1)]
        case (nil, nil):
            return []
        }
        if section.zeroIsUnknown { tests.insert(.ifEqual(0, skip: UInt8(tests.count), else: 0), at: 0) }
        let body =
            [.load(SyscallAttempt.numberOffset)] + tests
            + [.answer(.errno(UInt16(ENOSYS))), .jump(rest)]
        return [.ifEqual(section.auditValue, skip: 0, else: UInt8(body.count))] + body
    }
}

import Glibc
import OCI
import Plans
import Testing

@testable import Planning

/// The instructions that answer ENOSYS to what is newer than the profile, and that they change nothing else.
@Suite struct UnknownSyscallsTests {
    @Test func dockersProfileDecidesAsLibseccompAloneUpToItsLargestNumber() throws {
        let profile = try dockerProfile()
        let compiled = try SeccompCompiler.compile(profile)
        let ours = try #require(compiled.filter.program)
        let oracle = try libseccompAlone(profile)
        var compared = 0
        for architecture in profile.architectures {
            let bit = architecture == .x32 ? UnknownSyscalls.bitX32 : 0
            let largest = try #require(largestNumber(in: profile, on: architecture))
            for number in 0...largest {
                for arguments in argumentSamples {
                    let attempt = SyscallAttempt(
                        architecture: architecture.auditValue, number: number | bit, arguments: arguments)
                    let expected = oracle.answer(to: attempt)
                    #expect(ours.answer(to: attempt) == expected, "\(architecture) \(number) \(arguments)")
                    compared += 1
                }
            }
            for number in [largest + 1, largest + 2, 1000, 0x3fff_ffff] {
                let attempt = SyscallAttempt(architecture: architecture.auditValue, number: number | bit)
                #expect(answer(compiled, attempt) == .errno(UInt16(ENOSYS)), "\(architecture) \(number)")
                #expect(oracle.answer(to: attempt) == SeccompAction.errno(1).returnValue)
            }
        }
        #expect(compared > 10_000)
    }

    @Test func dockersProfileDecidesAsItReads() throws {
        let profile = try dockerProfile()
        let program = try #require(try SeccompCompiler.compile(profile).filter.program)
        for architecture in profile.architectures {
            let reading = ProfileReading(profile, on: architecture)
            let bit = architecture == .x32 ? UnknownSyscalls.bitX32 : 0
            for number in 0...(try #require(largestNumber(in: profile, on: architecture))) {
                for arguments in argumentSamples {
                    let attempt = SyscallAttempt(
                        architecture: architecture.auditValue, number: number | bit, arguments: arguments)
                    let expected = reading.action(for: attempt).returnValue
                    #expect(program.answer(to: attempt) == expected, "\(architecture) \(number) \(arguments)")
                }
            }
        }
    }

    @Test(arguments: ["ALLOW", "LOG", "TRACE"])
    func aDefaultThatMayMakeTheCallIsLeftAlone(action: String) throws {
        #expect(UnknownSyscalls.sections(for: try profile(action, rule("mkdir", action: "ERRNO"))) == [])
        #expect(UnknownSyscalls.instructions(for: []) == [])
    }

    @Test func aDefaultThatIsEnosysIsLeftAlone() throws {
        let profile = try profile("ERRNO", rule("mkdir", action: "ALLOW"), more: #""defaultErrnoRet": 38"#)
        #expect(UnknownSyscalls.sections(for: profile) == [])
    }

    @Test(arguments: ["ERRNO", "KILL_PROCESS", "KILL", "TRAP"])
    func aDefaultThatBlocksAnswersEnosysAboveTheLargestNumber(action: String) throws {
        let profile = try profile(action, rule("read", "openat2", action: "ALLOW"))
        let compiled = try SeccompCompiler.compile(profile)
        func decided(_ number: UInt32) -> SeccompAction? {
            answer(compiled, SyscallAttempt(architecture: native, number: number))
        }
        #expect(decided(436) == profile.standardAction)
        #expect(decided(437) == .allow)
        #expect(decided(438) == .errno(UInt16(ENOSYS)))
        #expect(decided(0x4000_0000) == .killThread)
    }

    @Test func aBlockedNameCountsAsKnown() throws {
        let compiled = try SeccompCompiler.compile(
            try profile("ERRNO", rule("read", action: "ALLOW"), rule("openat2", action: "KILL_PROCESS")))
        #expect(answer(compiled, SyscallAttempt(architecture: native, number: 437)) == .killProcess)
    }

    @Test func aProfileWithoutAnyKnownNameHasNoLargestNumber() throws {
        let profile = try profile("ERRNO", rule("make_coffee", action: "ALLOW"), more: allOfX86)
        #expect(UnknownSyscalls.sections(for: profile) == [])
    }

    @Test func oneArchitecturesSectionIsFiveInstructions() {
        // AUDIT_ARCH_AARCH64; nothing shares its number.
        let program = UnknownSyscalls.instructions(for: [.init(auditValue: 0xc000_00b7, largest: 291)])
        #expect(
            program == [
                .init(code: 0x20, operand: 4),
                .init(code: 0x15, jumpTrue: 0, jumpFalse: 4, operand: 0xc000_00b7),
                .init(code: 0x20, operand: 0),
                .init(code: 0x25, jumpTrue: 0, jumpFalse: 1, operand: 291),
                .init(code: 0x06, operand: 0x0005_0026),
                .init(code: 0x05, operand: 0),
            ])
    }

    @Test func everySectionFallsThroughToTheFilterForEveryOtherCall() {
        let amd64: UInt32 = 0xc000_003e
        let sections: [UnknownSyscalls.Section] =
            [
                .init(auditValue: amd64, largest: 100, largestX32: 0x4000_0000 | 200),
                .init(auditValue: 0x8000_0016, largest: 300, zeroIsUnknown: true),
            ] + (1...60).map { .init(auditValue: $0, largest: 10) }
        // The filter behind it allows whatever reaches it.
        let program = FilterProgram(UnknownSyscalls.instructions(for: sections) + [.answer(.allow)])
        func action(_ architecture: UInt32, _ number: UInt32) -> SeccompAction? {
            program.answer(to: SyscallAttempt(architecture: architecture, number: number))
                .map(SeccompAction.init(returnValue:))
        }
        let unknown = SeccompAction.errno(UInt16(ENOSYS))
        #expect(program.instructions.count > 255)
        #expect(action(amd64, 100) == .allow)
        #expect(action(amd64, 101) == unknown)
        #expect(action(amd64, 0x4000_0000 | 200) == .allow)
        #expect(action(amd64, 0x4000_0000 | 201) == unknown)
        #expect(action(0x8000_0016, 0) == unknown)
        #expect(action(0x8000_0016, 1) == .allow)
        #expect(action(0x8000_0016, 301) == unknown)
        for architecture: UInt32 in 1...60 {
            #expect(action(architecture, 10) == .allow)
            #expect(action(architecture, 11) == unknown)
        }
        #expect(action(61, 5000) == .allow)
    }

    private let native = Spec.Seccomp.Architecture.x86_64.auditValue

    private let argumentSamples: [[UInt64]] = [
        [], [8], [38], [39], [40], [41], [0x20000], [0x20008], [0xffff_ffff], [0x7e02_0000],
        [0x1_0000_0000], [0x1000_0000, 0x7e02_0000],
    ]

    private func largestNumber(in profile: Spec.Seccomp, on architecture: Spec.Seccomp.Architecture) -> UInt32? {
        profile.syscalls.flatMap(\.names)
            .compactMap { Libseccomp.number(of: $0, on: architecture.token) }
            .map { $0 & ~UnknownSyscalls.bitX32 }
            .max()
    }

    /// The profile compiled by libseccomp as a plain list: without the tree and without anything of ours.
    private func libseccompAlone(_ profile: Spec.Seccomp) throws -> FilterProgram {
        let filter = try Libseccomp(defaultAction: profile.standardAction.returnValue)
        for architecture in profile.architectures { try filter.add(architecture.token) }
        for rule in profile.syscalls where rule.fullAction != profile.standardAction {
            for number in rule.names.compactMap(Libseccomp.number(of:)) {
                for arguments in rule.alternatives {
                    try filter.add(number, action: rule.fullAction.returnValue, where: arguments)
                }
            }
        }
        return try filter.program()
    }
}

import CLinux
import Diagnostics
import Foundation
import OCI
import Plans
import Testing

@testable import Planning

@Suite struct SeccompInquiryTests {
    @Test func explainingAsksExactlyWhereDockersProfileBlocks() throws {
        let base = try SeccompCompiler.compile(try dockerProfile()).filter
        let asking = try SeccompFilter(asking: .explain, for: base)
        let original = try #require(base.program)
        let program = try #require(asking.program)
        for architecture in try dockerProfile().architectures {
            let bit = architecture == .x32 ? UnknownSyscalls.bitX32 : 0
            for number in UInt32(0)..<600 {
                let attempt = SyscallAttempt(architecture: architecture.auditValue, number: number | bit)
                let before = try #require(original.answer(to: attempt)).action
                let expected = before.blocks ? SeccompAction.notify : before
                #expect(program.answer(to: attempt)?.action == expected, "\(architecture) \(number)")
            }
        }
        #expect(asking.notifies)
        #expect(asking.flags & 8 != 0)
    }

    @Test func recordingAsksAboutEveryCall() throws {
        let base = try SeccompCompiler.compile(try dockerProfile()).filter
        let asking = [try SeccompFilter(asking: .record, for: base), SeccompFilter.askingAboutAll]
        for program in asking.compactMap(\.program) {
            for number: UInt32 in [0, 1, 59, 231, 100_000] {
                for architecture in Spec.Seccomp.Architecture.allCases {
                    let attempt = SyscallAttempt(architecture: architecture.auditValue, number: number)
                    #expect(program.answer(to: attempt)?.action == .notify)
                }
            }
        }
    }

    @Test(arguments: [SeccompInquiry.explain, .record])
    func onlyTheMarkedWritePassesUnasked(inquiry: SeccompInquiry) throws {
        let base = try SeccompCompiler.compile(try profile("ERRNO", rule("read", action: "ALLOW"))).filter
        let program = try #require(try SeccompFilter(asking: inquiry, for: base).program)
        let mark = CLX_SECCOMP_HANDOVER_MARK
        #expect(program.answer(to: call("write", 5, 0, 4, mark))?.action == .allow)
        #expect(program.answer(to: call("write", 5, 0, 4, mark ^ 1))?.action == .notify)
        #expect(program.answer(to: call("write", 5, 0, 4, mark ^ 1 << 63))?.action == .notify)
        #expect(program.answer(to: call("write", 5, 0, 4))?.action == .notify)
        #expect(program.answer(to: call("sendmsg", 5, 0, 4, mark))?.action == .notify)
        var foreign = call("write", 5, 0, 4, mark)
        foreign.architecture = Spec.Seccomp.Architecture.x86.auditValue
        #expect(program.answer(to: foreign)?.action == .notify)
    }

    @Test func aFilterWithAListenerOfItsOwnCannotBeAsked() throws {
        let base = try SeccompCompiler.compile(
            try profile("ALLOW", rule("mkdir", action: "NOTIFY"), more: #""listenerPath": "/a""#)
        ).filter
        #expect {
            _ = try SeccompFilter(asking: .explain, for: base)
        } throws: { error in "\(error)".contains("a listener of its own") }
    }

    @Test func theReasonNamesWhatDecides() throws {
        let profile = try profile(
            "ERRNO", rule("read", "openat2", action: "ALLOW"),
            rule("clone3", action: "ERRNO", more: #""errnoRet": 38"#),
            rule("socket", action: "ALLOW", more: args((0, "EQ", 1))), more: #""architectures": ["SCMP_ARCH_X86"]"#)
        let explanation = try #require(
            SeccompExplanation(profile, filter: try SeccompCompiler.compile(profile).filter))
        func reason(_ attempt: SyscallAttempt) -> String { explanation.reason(for: attempt, name: attempt.name) }
        #expect(reason(call("clone3")) == "linux.seccomp.syscalls[1]")
        #expect(explanation.action(for: call("clone3")) == .errno(38))
        #expect(reason(call("socket", 2)) == "linux.seccomp.defaultAction, for its arguments match none of syscalls[2]")
        #expect(reason(call("mkdir")) == "linux.seccomp.defaultAction, for no rule names it")
        var newer = call("openat2")
        newer.number += 1
        #expect(reason(newer) == "it counts as newer than the profile, whose names have lower numbers")
        #expect(explanation.action(for: newer) == .errno(38))
        var x32 = call("read")
        x32.number |= UnknownSyscalls.bitX32
        #expect(reason(x32) == "linux.seccomp.architectures does not have the architecture")
        #expect(explanation.action(for: x32) == .killThread)
    }

    @Test func aRecordingIsAProfileThatAllowsWhatWasRecorded() throws {
        var recording = SeccompRecording()
        recording.add(call("mkdir"))
        recording.add(call("mkdir"))
        recording.add(SyscallAttempt(architecture: Spec.Seccomp.Architecture.x86.auditValue, number: 7))
        recording.add(SyscallAttempt(architecture: call("mkdir").architecture, number: 9999))
        #expect(recording.unnamed == [9999])
        let profile = try Spec.Seccomp(recording.profile, named: "recorded")
        #expect(profile.architectures == [.x86_64, .x86])
        #expect(profile.syscalls.map(\.names) == [["mkdir", "waitpid", "write"]])
        let compiled = try SeccompCompiler.compile(profile)
        #expect(answer(compiled, call("mkdir")) == .allow)
        #expect(answer(compiled, call("getpid")) == .errno(1))
    }
}

extension UInt32 {
    fileprivate var action: SeccompAction { SeccompAction(returnValue: self) }
}

import Diagnostics
import Foundation
import OCI
import Plans
import Testing

@testable import Planning

@Suite struct SeccompCompilerTests {
    @Test func everyActionCompilesToTheKernelsValue() throws {
        let values: [(name: String, more: String, value: UInt32)] = [
            ("KILL", "", 0), ("KILL_THREAD", "", 0), ("KILL_PROCESS", "", 0x8000_0000), ("TRAP", "", 0x0003_0000),
            ("ERRNO", "", 0x0005_0001), ("ERRNO", #""errnoRet": 95"#, 0x0005_005f), ("TRACE", "", 0x7ff0_0001),
            ("TRACE", #""errnoRet": 7"#, 0x7ff0_0007), ("LOG", "", 0x7ffc_0000), ("NOTIFY", "", 0x7fc0_0000),
        ]
        for (name, more, value) in values {
            let compiled = try SeccompCompiler.compile(
                try profile("ALLOW", rule("mkdir", action: name, more: more), more: #""listenerPath": "/agent""#))
            let program = try #require(compiled.filter.program)
            #expect(program.answer(to: call("mkdir")) == value, "\(name)")
            #expect(program.answer(to: call("rmdir")) == 0x7fff_0000, "\(name)")
            #expect(compiled.filter.notifies == (name == "NOTIFY"))
        }
        let names = values.map { "SCMP_ACT_\($0.name)" } + ["SCMP_ACT_ALLOW"]
        #expect(Set(names) == Set(Spec.Seccomp.Action.names))
    }

    @Test(arguments: ["ALLOW", "LOG", "TRACE", "ERRNO", "TRAP", "KILL", "KILL_THREAD", "KILL_PROCESS"])
    func everyDefaultActionCompiles(name: String) throws {
        let profile = try profile(name, rule("mkdir", action: name == "ALLOW" ? "KILL" : "ALLOW"))
        let compiled = try SeccompCompiler.compile(profile)
        #expect(answer(compiled, call("mkdir")) == (name == "ALLOW" ? .killThread : .allow))
        #expect(answer(compiled, call("getpid")) == profile.standardAction)
    }

    @Test func aDefaultErrorNumberIsAnswered() throws {
        let compiled = try SeccompCompiler.compile(
            try profile("ERRNO", rule("mkdir", action: "ALLOW"), more: #""defaultErrnoRet": 13"#))
        #expect(answer(compiled, call("getpid")) == .errno(13))
    }

    @Test(arguments: [0, 8, 0x1_0000_0008] as [UInt64])
    func everyOperatorDecidesAsItSays(value: UInt64) throws {
        for comparison in Spec.Seccomp.Operator.allCases {
            let condition = """
                "args": [{"index": 2, "op": "\(comparison.rawValue)", "value": \(value),
                    "valueTwo": \(value & 0x1_0000_0000)}]
                """
            let profile = try profile("ERRNO", rule("lseek", action: "ALLOW", more: condition))
            let compiled = try SeccompCompiler.compile(profile)
            for sample: UInt64 in [0, 1, 7, 8, 9, 0xffff_ffff, 0x1_0000_0000, 0x1_0000_0008, 0x1_0000_0009, .max] {
                let attempt = call("lseek", 0, 0, sample)
                let holds = try #require(profile.syscalls[0].args.first).holds(for: attempt)
                #expect(answer(compiled, attempt) == (holds ? .allow : .errno(1)), "\(comparison) of \(sample)")
            }
        }
    }

    @Test func conditionsOnSeveralArgumentsMustAllHold() throws {
        let compiled = try SeccompCompiler.compile(
            try profile("ERRNO", rule("socket", action: "ALLOW", more: args((0, "EQ", 1), (1, "EQ", 2)))))
        #expect(answer(compiled, call("socket", 1, 2)) == .allow)
        #expect(answer(compiled, call("socket", 1, 3)) == .errno(1))
        #expect(answer(compiled, call("socket", 0, 2)) == .errno(1))
    }

    @Test func oneOfSeveralConditionsOnTheSameArgumentSuffices() throws {
        let conditions = args((0, "EQ", 1), (0, "EQ", 2), (1, "EQ", 3))
        let compiled = try SeccompCompiler.compile(
            try profile("ERRNO", rule("socket", action: "ALLOW", more: conditions)))
        #expect(answer(compiled, call("socket", 1, 0)) == .allow)
        #expect(answer(compiled, call("socket", 2, 0)) == .allow)
        #expect(answer(compiled, call("socket", 0, 3)) == .allow)
        #expect(answer(compiled, call("socket", 0, 0)) == .errno(1))
    }

    @Test func aNameThatNoKernelHasIsLeftOutAndTold() throws {
        let profile = try profile("ERRNO", rule("mkdir", "make_coffee", action: "ALLOW"))
        #expect(answer(try SeccompCompiler.compile(profile), call("mkdir")) == .allow)
        let unknown = SeccompCompiler.unknownNames(in: profile)
        #expect(unknown.map(\.path) == ["linux.seccomp.syscalls[0].names[1]"])
        #expect(unknown.map(\.name) == ["make_coffee"])
    }

    @Test func aNameOfAnotherArchitectureIsNoUnknownName() throws {
        let profile = try profile("ERRNO", rule("waitpid", action: "ALLOW"), more: allOfX86)
        #expect(SeccompCompiler.unknownNames(in: profile).isEmpty)
        let attempt = SyscallAttempt(architecture: Spec.Seccomp.Architecture.x86.auditValue, number: 7)
        #expect(answer(try SeccompCompiler.compile(profile), attempt) == .allow)
    }

    @Test func anArchitectureThatTheProfileDoesNotNameIsKilled() throws {
        let compiled = try SeccompCompiler.compile(try profile("ALLOW", rule("mkdir", action: "ERRNO")))
        let attempt = SyscallAttempt(architecture: Spec.Seccomp.Architecture.x86.auditValue, number: 20)
        #expect(answer(compiled, attempt) == .killThread)
    }

    @Test func anArchitectureThatLibseccompDoesNotKnowIsRefusedWithItsPath() throws {
        let unsupported = try #require(Spec.Seccomp.Architecture.allCases.first { !$0.isSupported })
        let profile = try profile(
            "ALLOW", more: #""architectures": ["SCMP_ARCH_X86", "\#(unsupported.rawValue)"]"#)
        #expect {
            _ = try SeccompCompiler.compile(profile)
        } throws: { error in
            "\(error)" == "linux.seccomp.architectures[1]: libseccomp \(Libseccomp.version) does not know "
                + unsupported.rawValue
        }
    }

    @Test func whatAFilterCannotHoldIsRefusedWithItsPath() throws {
        let many = Array(repeating: "\"mkdir\"", count: 16385).joined(separator: ",")
        let cases: [(Spec.Seccomp, String)] = [
            (
                try profile("ERRNO", more: #""defaultErrnoRet": 65536"#),
                "linux.seccomp.defaultErrnoRet: 65536 is above 65535"
            ),
            (
                try profile("ALLOW", rule("mkdir", action: "TRACE", more: #""errnoRet": 4294967295"#)),
                "linux.seccomp.syscalls[0].errnoRet: 4294967295 is above 65535"
            ),
            (
                try profile("ALLOW", #"{"names": [\#(many)], "action": "SCMP_ACT_ERRNO"}"#),
                "linux.seccomp.syscalls: 16385 names are more than 16384"
            ),
        ]
        for (profile, message) in cases {
            #expect { _ = try SeccompCompiler.compile(profile) } throws: { "\($0)" == message }
        }
    }

    @Test func aFilterTooLongForTheKernelIsRefused() throws {
        let conditions = (0..<1500).map { #"{"index": 1, "op": "SCMP_CMP_EQ", "value": \#($0 << 32 | $0)}"# }
        let profile = try profile(
            "ERRNO", rule("ioctl", action: "ALLOW", more: #""args": [\#(conditions.joined(separator: ","))]"#))
        #expect {
            _ = try SeccompCompiler.compile(profile)
        } throws: { error in "\(error)".contains("instructions; the kernel takes 4096") }
    }

    @Test func flagsAreTheKernelsAndSpecAllowWhereNoneAreGiven() throws {
        func bits(_ flags: String?, action: String = "ERRNO") throws -> UInt32 {
            let list = flags.map { #", "flags": [\#($0)]"# } ?? ""
            return try SeccompCompiler.compile(
                try profile("ALLOW", rule("mkdir", action: action), more: #""listenerPath": "/a"\#(list)"#)
            ).filter.flags
        }
        #expect(try bits(nil) == 4)
        #expect(try bits("") == 0)
        #expect(try bits(#""SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG""#) == 3)
        #expect(try bits(#""SECCOMP_FILTER_FLAG_SPEC_ALLOW""#) == 4)
        #expect(try bits(#""SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV""#) == 0)
        #expect(try bits(#""SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV""#, action: "NOTIFY") == 0x28)
        #expect(try bits(#""SECCOMP_FILTER_FLAG_TSYNC""#, action: "NOTIFY") == 0x19)
    }

    @Test func theListenerIsPartOfWhatIsCompiled() throws {
        let compiled = try SeccompCompiler.compile(
            try profile(
                "ALLOW", rule("mkdir", action: "NOTIFY"), more: #""listenerPath": "/a", "listenerMetadata": "m""#))
        #expect(compiled.listenerPath == "/a")
        #expect(compiled.listenerMetadata == "m")
    }

    @Test func featuresTellWhatTheTablesHold() {
        let features = SeccompFeatures()
        #expect(features.actions == Spec.Seccomp.Action.names.sorted())
        #expect(features.operators == Spec.Seccomp.Operator.names.sorted())
        #expect(features.archs.contains("SCMP_ARCH_X32"))
        #expect(features.knownFlags == Spec.Seccomp.Flag.names)
        #expect(Set(features.supportedFlags).isSubset(of: features.knownFlags))
    }
}

import CCapability
import OCI
import Testing

@Suite struct TableTests {
    @Test func namespacesHaveTheKernelsFlagsAndFiles() {
        let expected: [(Spec.Namespace.Kind, UInt64, String)] = [
            (.pid, 0x2000_0000, "pid"), (.network, 0x4000_0000, "net"), (.mount, 0x0002_0000, "mnt"),
            (.ipc, 0x0800_0000, "ipc"), (.uts, 0x0400_0000, "uts"), (.user, 0x1000_0000, "user"),
            (.cgroup, 0x0200_0000, "cgroup"), (.time, 0x80, "time"),
        ]
        #expect(expected.map(\.0) == Spec.Namespace.Kind.allCases)
        for (kind, flag, file) in expected {
            #expect(kind.flag == flag)
            #expect(kind.fileName == file)
        }
    }

    @Test func resourceLimitsAreNumberedAsInTheKernel() {
        #expect(Spec.ResourceLimit.Kind.allCases.map(\.number) == Array(0..<16))
        #expect(Spec.ResourceLimit.Kind(rawValue: "RLIMIT_NOFILE")?.number == 7)
        #expect(Spec.ResourceLimit.Kind(rawValue: "RLIMIT_RTTIME")?.number == 15)
    }

    @Test func capabilitiesAreNumberedAsInTheKernel() {
        #expect(Capability(name: "CAP_CHOWN")?.rawValue == 0)
        #expect(Capability(name: "CAP_SYS_ADMIN")?.rawValue == 21)
        #expect(Capability(name: "CAP_AUDIT_READ")?.rawValue == 37)
        #expect(Capability(name: "CAP_CHECKPOINT_RESTORE")?.rawValue == 40)
        #expect(Capability(name: "CAP_CHECKPOINT_RESTORE")?.bit == 1 << 40)
        #expect(Capability(name: "cap_chown") == nil)
        #expect(Capability(rawValue: 41).name == nil)
        #expect(Capability.names.count == 41)
    }

    @Test func libcapHasTheSameCapabilities() {
        for (number, name) in Capability.names.enumerated() {
            var found: cap_value_t = -1
            #expect(cap_from_name(name, &found) == 0)
            #expect(found == cap_value_t(number))
        }
    }

    @Test func schedulingAndMemoryPoliciesAreNumberedAsInTheKernel() {
        #expect(Spec.Scheduler.Policy.allCases.map(\.number) == Array(0..<7))
        #expect(Spec.Scheduler.Flag.allCases.map(\.bit) == [1, 2, 4, 8, 16, 32, 64])
        #expect(Spec.IOPriority.Class.allCases.map(\.number) == [1, 2, 3])
        #expect(Spec.MemoryPolicy.Mode.allCases.map(\.number) == Array(0..<7))
        #expect(Spec.MemoryPolicy.Flag.allCases.map(\.bit) == [0x2000, 0x4000, 0x8000])
        #expect(Spec.Personality.Domain.linux32.number == 8)
    }

    @Test func seccompValuesAreTheKernelsAndLibseccomps() {
        let actions = Spec.Seccomp.Action.allCases.map(\.value)
        #expect(
            actions == [
                0, 0x8000_0000, 0, 0x0003_0000, 0x0005_0000, 0x7FF0_0000, 0x7FFF_0000, 0x7FFC_0000, 0x7FC0_0000,
            ])
        #expect(Spec.Seccomp.Operator.allCases.map(\.number) == Array(1...7))
        #expect(Spec.Seccomp.Flag.allCases.map(\.bit) == [1, 2, 4, 32])
        #expect(Spec.Seccomp.Architecture.names.count == 23)
    }

    @Test(
        arguments: [
            ("0", [0...0]), ("0-3,7", [0...3, 7...7]), ("7,0-3", [7...7, 0...3]), ("0, 2", [0...0, 2...2]),
            ("65535", [65535...65535]), ("", nil), (",", nil), ("1,", nil), ("-1", nil), ("1-", nil), ("3-1", nil),
            ("1-2-3", nil), ("0x1", nil), ("65536", nil), ("99999999999999999999", nil), ("a", nil), ("+1", nil),
        ] as [(String, [ClosedRange<Int>]?)])
    func aListOfNumbersIsReadStrictly(text: String, expected: [ClosedRange<Int>]?) {
        #expect(NumberList(text)?.ranges == expected)
    }

    @Test func aListOfNumbersBecomesAMask() {
        #expect(NumberList("0-3,9")?.mask == [0b1111, 0b10])
        #expect(NumberList("0-3,9")?.contains(9) == true)
        #expect(NumberList("0-3,9")?.contains(8) == false)
    }

    @Test(
        arguments: [
            ("noNewPrivilege", "noNewPrivileges"), ("Hostname", "hostname"), ("namepsaces", "namespaces"), ("xyz", nil),
            ("arg", nil),
        ] as [(String, String?)])
    func aSuggestionIsANameMuchLikeIt(text: String, expected: String?) {
        #expect(closest(to: text, among: ["noNewPrivileges", "hostname", "namespaces", "process"]) == expected)
    }
}

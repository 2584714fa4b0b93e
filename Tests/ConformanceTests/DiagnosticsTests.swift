import Foundation
import TestSupport
import Testing

/// The verbs and options that answer questions about a bundle or a host, which no other runtime has.
@Suite(.requires(.root, .mvrun)) struct DiagnosticsTests {
    @Test func planPrintsTheStepsInOrderAndChangesNothing() throws {
        let bundle = try TemporaryBundle { $0.hostname = "planned" }
        try bundle.writeConfiguration()
        let before = try names(in: bundle.rootfs)
        let outcome = try bundle.call(["plan", bundle.directory])
        #expect(outcome.succeeded, "\(outcome)")
        let lines = outcome.output.split(separator: "\n")
        let proc = lines.firstIndex { $0.contains("/proc") && $0.contains("mount") }
        let shm = lines.firstIndex { $0.contains("/dev/shm") }
        #expect(proc != nil && shm != nil && (proc ?? 0) < (shm ?? 0), "\(outcome)")
        #expect(outcome.output.contains("planned"))
        #expect(try names(in: bundle.rootfs) == before)
        #expect(HostInventory(naming: bundle.identifier).isEmpty)
    }

    @Test func checkNamesAFieldThatNobodyKnows() throws {
        let bundle = try TemporaryBundle {
            $0.process.noNewPrivilege = true
            $0.linux.namespacez = []
        }
        try bundle.writeConfiguration()
        let outcome = try bundle.call(["check", bundle.directory])
        #expect(
            outcome.output.contains("process.noNewPrivilege") && outcome.output.contains("linux.namespacez"),
            "\(outcome)")
        #expect(outcome.output.contains("noNewPrivileges"), "no word of what was meant: \(outcome)")
    }

    @Test func checkOfABundleWithoutFaultSucceeds() throws {
        let bundle = try TemporaryBundle()
        try bundle.writeConfiguration()
        let outcome = try bundle.call(["check", bundle.directory])
        #expect(outcome.succeeded, "\(outcome)")
        for path in ["process.args", "linux.namespaces", "mounts[0]"] { #expect(outcome.output.contains(path)) }
    }

    @Test func checkOfABundleWithAFaultNamesItAndFails() throws {
        let bundle = try TemporaryBundle {
            $0.process.rlimits = [["type": "RLIMIT_FOO", "soft": 1, "hard": 1]]
        }
        try bundle.writeConfiguration()
        let outcome = try bundle.call(["check", bundle.directory])
        #expect((outcome.output + outcome.errors).contains("process.rlimits[0].type"), "\(outcome)")
        #expect(outcome.code != 0)
    }

    @Test func doctorSpeaksOfWhatContainersNeed() throws {
        let outcome = try TemporaryBundle().call(["doctor"])
        let text = outcome.output.lowercased()
        for word in ["cgroup", "user namespace", "seccomp", "landlock"] {
            #expect(text.contains(word), "\(word): \(outcome)")
        }
        // Limits are spoken of where this user cannot raise them, for want of CAP_SYS_RESOURCE.
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8).split(separator: "\n")
        let effective = status.first { $0.hasPrefix("CapEff:") }?.split(whereSeparator: \.isWhitespace).last
        let capabilities = UInt64(try #require(effective), radix: 16) ?? 0
        #expect(text.contains("rlimits") == (capabilities & 1 << 24 == 0), "\(outcome)")
    }

    @Test func gcRemovesWhatAKilledRuntimeLeftAndLeavesTheLivingAlone() throws {
        let living = try TemporaryBundle()
        try living.withRunning { _ throws in
            let outcome = try living.call(["gc"])
            #expect(outcome.succeeded, "\(outcome)")
            #expect(try living.state().status == "running")
        }
    }

    @Test func gcOfAnEmptyStateDirectoryIsQuiet() throws {
        let outcome = try TemporaryBundle().call(["gc"])
        #expect(outcome.succeeded && outcome.errors.isEmpty, "\(outcome)")
    }

    @Test(.requires(.container)) func explainSeccompNamesTheCallThatWasBlocked() throws {
        let bundle = try TemporaryBundle {
            $0.linux.seccomp = [
                "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
                "syscalls": [["names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"]],
            ]
        }
        let outcome = try bundle.run(["/bin/mkdir", "/tmp/new"], options: ["--explain-seccomp"])
        #expect(outcome.code == 1 && outcome.errors.contains("mkdir"), "\(outcome)")
        #expect(outcome.errors.contains("seccomp"), "\(outcome)")
    }

    @Test(.requires(.container)) func recordSeccompWritesAProfileThatSuffices() throws {
        let bundle = try TemporaryBundle()
        let file = bundle.path("profile.json")
        let recorded = try bundle.shell("mkdir /tmp/one && ls /tmp", options: ["--record-seccomp", file])
        #expect(recorded.line == "one", "\(recorded)")
        let profile = try JSON(parsing: String(contentsOfFile: file, encoding: .utf8))
        #expect(profile.defaultAction == "SCMP_ACT_ERRNO")
        bundle.spec.linux.seccomp = profile
        let again = try bundle.shell("mkdir /tmp/two && ls /tmp")
        #expect(again.output == "one\ntwo\n", "\(again)")
        let other = try bundle.run(["/bin/probe", "syscall", "140", "0", "0"])
        #expect(Report(other.output)["result"] == "EPERM", "\(other)")
    }
}

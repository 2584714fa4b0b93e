import FilteredChild
import Foundation
import Glibc
import OCI
import Planning
import Plans
import Synchronization
import Syscalls
import Testing

@testable import Runtime

/// A supervisor answers the calls of a real child.
@Suite struct SeccompSupervisorTests {
    /// Numbers of x86-64.
    private enum Number {
        static let getppid = 110
        static let personality = 135
        static let reboot = 169
        static let mkdir = 83
        static let clone3 = 435
    }

    private let section = """
        {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
            {"names": ["getppid", "exit_group", "write"], "action": "SCMP_ACT_ALLOW"},
            {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
            {"names": ["mkdir"], "action": "SCMP_ACT_KILL_PROCESS"},
            {"names": ["personality"], "action": "SCMP_ACT_ALLOW",
                "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}]}
        ]}
        """

    @Test func explainingAnswersAsTheProfileAndTellsEachKindOnce() throws {
        let profile = try Spec.Seccomp(Array(section.utf8), named: "profile")
        let base = try SeccompCompiler.compile(profile).filter
        let told = Mutex<[SeccompEvent]>([])
        var child = try FilteredChild(
            try SeccompFilter(asking: .explain, for: base),
            [
                FilteredCall(number: Number.getppid), FilteredCall(number: Number.reboot),
                FilteredCall(number: Number.reboot), FilteredCall(number: Number.clone3),
                FilteredCall(number: Number.personality, [8]), FilteredCall(number: 1000),
            ])
        let explanation = try #require(SeccompExplanation(profile, filter: base))
        let supervisor = SeccompSupervisor(
            listener: try child.takeListener(), .explaining(explanation)
        ) { event in told.withLock { $0.append(event) } }
        let thread = try SeccompSupervisorThread(supervisor)
        let pid = child.pid
        let outcome = try child.wait()
        try thread.finish()
        #expect(outcome.status == 0)
        #expect(outcome.results[0].map { $0 > 0 } == true)
        let expected: [Int64?] = [-1, -1, -38, -1, -38]
        #expect(Array(outcome.results[1...]) == expected)
        #expect(supervisor.blocked.map(\.event) == told.withLock { $0 })
        #expect(supervisor.blocked.map(\.event.name) == ["reboot", "clone3", "personality", nil])
        #expect(supervisor.blocked.map(\.count) == [2, 1, 1, 1])
        let lines = supervisor.blocked.map(\.event.description)
        #expect(lines[0].contains("(pid \(pid)) called reboot(0x0, "))
        #expect(lines[0].hasSuffix("operation not permitted: linux.seccomp.defaultAction, for no rule names it"))
        #expect(lines[1].hasSuffix("function not implemented: linux.seccomp.syscalls[1]"))
        #expect(lines[2].hasSuffix("for its arguments match none of syscalls[3]"))
        #expect(lines[3].contains("called system call 1000("))
        #expect(lines[3].hasSuffix(": it counts as newer than the profile, whose names have lower numbers"))
    }

    @Test func explainingKillsWhereTheProfileKills() throws {
        let profile = try Spec.Seccomp(Array(section.utf8), named: "profile")
        let base = try SeccompCompiler.compile(profile).filter
        var child = try FilteredChild(
            try SeccompFilter(asking: .explain, for: base),
            [FilteredCall(number: Number.mkdir), FilteredCall(number: Number.getppid)])
        let explanation = try #require(SeccompExplanation(profile, filter: base))
        let supervisor = SeccompSupervisor(listener: try child.takeListener(), .explaining(explanation))
        let thread = try SeccompSupervisorThread(supervisor)
        let outcome = try child.wait()
        try thread.finish()
        #expect(outcome.signal == SIGKILL)
        #expect(outcome.results == [nil, nil])
        #expect(supervisor.blocked.map(\.event.action) == [.killProcess])
        #expect(supervisor.blocked[0].event.description.contains(": killed: linux.seccomp.syscalls[2]"))
    }

    @Test func recordingMakesEveryCallAndItsProfileSuffices() throws {
        let calls = [
            FilteredCall(number: Number.getppid), FilteredCall(number: Number.personality, [0xffff_ffff]),
            FilteredCall(number: Number.mkdir),
        ]
        var child = try FilteredChild(.askingAboutAll, calls)
        let supervisor = SeccompSupervisor(listener: try child.takeListener(), .recording)
        let thread = try SeccompSupervisorThread(supervisor)
        let recorded = try child.wait()
        try thread.finish()
        #expect(recorded.status == 0)
        #expect(recorded.results[2] == Int64(-EFAULT))
        #expect(supervisor.recording.names == ["exit_group", "getppid", "mkdir", "personality", "write"])

        let profile = try Spec.Seccomp(supervisor.recording.profile, named: "recorded")
        let filter = try SeccompCompiler.compile(profile).filter
        let replay = try FilteredChild(filter, calls + [FilteredCall(number: Number.reboot)]).wait()
        #expect(replay.status == 0)
        #expect(Array(replay.results[1...2]) == Array(recorded.results[1...2]))
        #expect(replay.results[3] == Int64(-EPERM))
    }

    @Test func aSupervisorInALoopIsAtItsEndWhenTheLastProcessIsGone() throws {
        var child = try FilteredChild(.askingAboutAll, [FilteredCall(number: Number.getppid)])
        let supervisor = SeccompSupervisor(listener: try child.takeListener(), .recording)
        let never = try makePipe()
        try supervisor.handleAll(until: never.reading)
        #expect(try child.wait().status == 0)
        #expect(supervisor.recording.names.contains("getppid"))
    }

    @Test func finishingEndsTheThreadWhileTheContainerRuns() throws {
        // The child waits for an answer until its listener is gone, and then gets ENOSYS for everything.
        var child = try FilteredChild(.askingAboutAll, [])
        let listener = try child.takeListener()
        do {
            let supervisor = SeccompSupervisor(listener: try listener.duplicate(), .recording)
            try SeccompSupervisorThread(supervisor).finish()
        }
        let supervisor = SeccompSupervisor(listener: listener, .recording)
        let thread = try SeccompSupervisorThread(supervisor)
        #expect(try child.wait().status == 0)
        try thread.finish()
    }
}

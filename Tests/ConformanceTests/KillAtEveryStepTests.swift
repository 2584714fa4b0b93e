import Foundation
import TestSupport
import Testing

/// A runtime that is killed in the middle leaves nothing that the next `delete --force` does not remove.
///
/// The kernel delivers SIGKILL at the n-th system call of the runtime or of any process that it makes, by strace(1):
/// the product has no hook for this. The short form tries a sample of the calls, MVRUN_LONG=1 every one.
@Suite(.requires(.root, .program("strace"))) struct KillAtEveryStepTests {
    private static let isLong = Requirement.long.isMet()

    /// How many system calls a command makes in all its processes.
    private func calls(_ command: [String], trace: String) throws -> Int {
        let outcome = try ChildProcess.run(["strace", "-f", "-qq", "-o", trace] + command, timeout: 60)
        try #require(outcome.succeeded, "\(outcome)")
        return try String(contentsOfFile: trace, encoding: .utf8).split(separator: "\n").count
    }

    /// The calls to be killed at: all in the long form, else some spread evenly with the first ones among them.
    private func sample(_ count: Int) -> [Int] {
        if Self.isLong { return Array(1...max(1, count)) }
        let step = max(1, count / 14)
        return Array(stride(from: 1 + Int.random(in: 0..<step), through: count, by: step))
    }

    private func killed(_ command: [String], at call: Int) throws {
        let injection = "--inject=all:signal=KILL:when=\(call)"
        let child = try ChildProcess(["strace", "-f", "-qq", "-o", "/dev/null", injection] + command)
        _ = child.finishKeepingStreams(timeout: 30)
    }

    /// What is left after the runtime was given its chance to clean up.
    private func rest(of bundle: TemporaryBundle) throws -> String {
        let verb = RuntimeUnderTest.current.kind == .mvrun ? ["gc"] : ["delete", "--force", bundle.identifier]
        let outcome = try bundle.call(verb)
        var rest = HostInventory(naming: bundle.identifier)
        if !rest.isEmpty {
            _ = eventually(timeout: 2) {
                rest = HostInventory(naming: bundle.identifier)
                return rest.isEmpty
            }
        }
        return rest.isEmpty ? "" : "\(rest) (\(verb[0]): \(outcome))"
    }

    @Test func aKilledCreateIsCleanedUp() throws {
        let trial = try TemporaryBundle { $0.process.args = ["/bin/sleep", "1000"] }
        try trial.writeConfiguration()
        let count = try calls(trial.command(trial.making("create")), trace: trial.path("trace"))
        try trial.succeed("delete", "--force", trial.identifier)
        for call in sample(count) {
            let bundle = try TemporaryBundle { $0.process.args = ["/bin/sleep", "1000"] }
            bundle.leavesNothing = false
            try bundle.writeConfiguration()
            try killed(bundle.command(bundle.making("create")), at: call)
            if try bundle.call(["state", bundle.identifier]).output.contains("\"created\"") {
                // It was killed after the last thing it had to do.
                try bundle.succeed("delete", "--force", bundle.identifier)
            }
            #expect(try rest(of: bundle) == "", "killed at call \(call) of \(count)")
        }
    }

    @Test func aKilledExecLeavesTheContainerWhole() throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            let exec = bundle.command(["exec", bundle.identifier, "/bin/true"])
            let count = try calls(exec, trace: bundle.path("trace"))
            for call in sample(count) {
                try killed(exec, at: call)
                #expect(try bundle.state().status == "running", "killed at call \(call) of \(count)")
                let after = try bundle.exec("/bin/echo", "still here")
                #expect(after.line == "still here", "killed at call \(call) of \(count): \(after)")
            }
        }
        #expect(try rest(of: bundle) == "")
    }

    @Test func aKilledDeleteIsCleanedUp() throws {
        let trial = try TemporaryBundle { $0.process.args = ["/bin/sleep", "1000"] }
        _ = try trial.create()
        let count = try calls(trial.command(["delete", "--force", trial.identifier]), trace: trial.path("trace"))
        for call in sample(count) {
            let bundle = try TemporaryBundle { $0.process.args = ["/bin/sleep", "1000"] }
            bundle.leavesNothing = false
            let creator = try bundle.create()
            try killed(bundle.command(["delete", "--force", bundle.identifier]), at: call)
            // gc leaves containers alone that are whole, so a delete that had not begun is begun again.
            _ = try bundle.call(["delete", "--force", bundle.identifier])
            #expect(try rest(of: bundle) == "", "killed at call \(call) of \(count)")
            withExtendedLifetime(creator) {}
        }
    }
}

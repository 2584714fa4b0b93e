import Foundation
import TestSupport
import Testing

/// A runtime that is killed in the middle leaves nothing that `gc` or the next `delete --force` does not remove.
///
/// The probe traces the command and kills whichever of its processes makes the n-th system call, so that the product
/// needs no hook for this. The short form tries a sample of the calls, MVRUN_LONG=1 every one.
@Suite(.requires(.root)) struct KillAtEveryStepTests {
    private static let isLong = Requirement.long.isMet()

    /// Runs a command until one of its processes makes its n-th system call, and kills that process there.
    ///
    /// - Returns: How many calls were made; without a limit, how many there are.
    @discardableResult
    private func run(_ command: [String], killedAt call: Int = 0) throws -> Int {
        let child = try ChildProcess([Probe.path.get(), "host-kill-at", "\(call)"] + command)
        let status = child.finishKeepingStreams(timeout: 60)
        try #require(status == .exited(0), child.explanation)
        let said = try #require(child.read(until: "calls=", stream: 1), child.explanation)
        let rest = try #require(child.read(until: "status=", stream: 1), "\(said)")
        return try #require(Int(rest.prefix { $0.isNumber }), "\(rest)")
    }

    /// The calls to be killed at: all in the long form, else some spread evenly with the first ones among them.
    private func sample(_ count: Int) -> [Int] {
        if Self.isLong { return Array(1...max(1, count)) }
        let step = max(1, count / 14)
        return Array(stride(from: 1 + Int.random(in: 0..<step), through: count, by: step))
    }

    /// What is left after the runtime was given its chance to clean up.
    private func rest(of bundle: TemporaryBundle) throws -> String {
        let verb = RuntimeUnderTest.current.kind == .mvrun ? ["gc"] : ["delete", "--force", bundle.identifier]
        let outcome = try bundle.call(verb)
        var rest = HostInventory(naming: bundle.identifier)
        if !rest.isEmpty {
            _ = eventually(timeout: 10) {
                rest = HostInventory(naming: bundle.identifier)
                return rest.isEmpty
            }
        }
        return rest.isEmpty ? "" : "\(rest) (\(verb[0]): \(outcome))"
    }

    @Test func aKilledCreateIsCleanedUp() throws {
        let trial = try TemporaryBundle { $0.process.args = ["/bin/sleep", "1000"] }
        try trial.writeConfiguration()
        let count = try run(trial.command(trial.making("create")))
        try trial.succeed("delete", "--force", trial.identifier)
        for call in sample(count) {
            let bundle = try TemporaryBundle { $0.process.args = ["/bin/sleep", "1000"] }
            bundle.leavesNothing = false
            try bundle.writeConfiguration()
            try run(bundle.command(bundle.making("create")), killedAt: call)
            if try bundle.call(["state", bundle.identifier]).output.contains("\"created\"") {
                // It was killed after the last thing it had to do.
                try bundle.succeed("delete", "--force", bundle.identifier)
            }
            let left = try rest(of: bundle)
            #expect(left == "", "killed at call \(call) of \(count)")
        }
    }

    @Test func aKilledExecLeavesTheContainerWhole() throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            let exec = bundle.command(["exec", bundle.identifier, "/bin/true"])
            let count = try run(exec)
            for call in sample(count) {
                try run(exec, killedAt: call)
                #expect(try bundle.state().status == "running", "killed at call \(call) of \(count)")
                let after = try bundle.exec("/bin/echo", "still here")
                #expect(after.line == "still here", "killed at call \(call) of \(count): \(after)")
            }
        }
        let left = try rest(of: bundle)
        #expect(left == "")
    }

    @Test func aKilledDeleteIsCleanedUp() throws {
        let trial = try TemporaryBundle { $0.process.args = ["/bin/sleep", "1000"] }
        _ = try trial.create()
        let count = try run(trial.command(["delete", "--force", trial.identifier]))
        for call in sample(count) {
            let bundle = try TemporaryBundle { $0.process.args = ["/bin/sleep", "1000"] }
            bundle.leavesNothing = false
            let creator = try bundle.create()
            try run(bundle.command(["delete", "--force", bundle.identifier]), killedAt: call)
            // gc leaves containers alone that are whole, so a delete that had not begun is begun again.
            _ = try bundle.call(["delete", "--force", bundle.identifier])
            let left = try rest(of: bundle)
            #expect(left == "", "killed at call \(call) of \(count)")
            withExtendedLifetime(creator) {}
        }
    }
}

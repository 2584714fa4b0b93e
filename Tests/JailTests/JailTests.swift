import JailedProgram
import KVM
import Syscalls
import TestSupport
import Testing

@testable import Jail

private let kvmIsUsable = (try? KVMSystem.open())?.missingCapabilities().isEmpty ?? false

/// Machines of this host's own KVM under a monitor's filters, each in a process of its own, for a filter stays.
@Suite(.enabled(if: kvmIsUsable, "needs a usable /dev/kvm")) struct JailTests {
    private func run(_ words: String...) throws -> Outcome {
        let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
        let directory = bundle.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        return try ChildProcess.run(
            [(directory + ["JailedProgram"]).joined(separator: "/")] + words,
            environment: ["SWIFT_BACKTRACE": "enable=off"])
    }

    @Test(arguments: ThreadKind.allCases) func aMachineRunsToItsEndUnderItsFilters(kind: ThreadKind) throws {
        // The device answers at once; the guest goes on and resets the machine.
        let outcome = try run(kind.rawValue, "nothing")
        #expect(outcome.succeeded, "\(outcome)")
    }

    @Test(
        arguments: ThreadKind.allCases,
        [
            "exec", "thread", "socket", "executable", "protection", "handler", "file", "kill", "mount", "identity",
            "terminal",
        ])
    func aForbiddenCallEndsTheProcess(kind: ThreadKind, call: String) throws {
        let outcome = try run(kind.rawValue, call)
        #expect(outcome.status == .signaled(31), "\(outcome)")
        #expect(!outcome.errors.contains("survived"))
    }

    @Test(arguments: ThreadKind.allCases, ["fault", "trap"])
    func aFaultEndsTheProcess(kind: ThreadKind, call: String) throws {
        let outcome = try run(kind.rawValue, call)
        guard case .signaled(let signal) = outcome.status else {
            Issue.record("\(outcome)")
            return
        }
        // SIGILL, SIGTRAP, SIGSEGV, or SIGSYS where what the runtime does about it is forbidden.
        #expect([4, 5, 11, 31].contains(signal))
    }

    @Test(arguments: ThreadKind.allCases) func aForbiddenCallIsNamedWhereThatWasAskedFor(kind: ThreadKind) throws {
        let outcome = try run(kind.rawValue, "socket", "report")
        #expect(outcome.status == .signaled(31), "\(outcome)")
        let names: [ThreadKind: String] = [.processor: "vcpu", .files: "files", .disk: "disk", .loop: "loop"]
        #expect(
            outcome.errors.contains(
                #/thread \w+ made system call 41, which its filter forbids; arguments 0x2 0x1 0x0/#), "\(outcome)")
        #expect(outcome.errors.contains("thread " + (names[kind] ?? "?")), "\(outcome)")
    }
}

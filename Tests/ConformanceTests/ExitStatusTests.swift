import Foundation
import TestSupport
import Testing

/// The table of exit statuses that users and engines rely on.
@Suite(.requires(.root)) struct ExitStatusTests {
    @Test(arguments: [0, 1, 7, 125, 255]) func runEndsWithTheProgramsOwnStatus(status: Int32) throws {
        #expect(try TemporaryBundle().shell("exit \(status)").status == .exited(status))
    }

    // A guest's program is the first process of a pid namespace in any case, and gets no signal that it does not handle.
    @Test(arguments: RuntimeUnderTest.current.isolation == .vm ? [SIGKILL] : [SIGKILL, SIGTERM, SIGSEGV])
    func runOfAProgramThatASignalEndedIs128More(number: Int32) throws {
        #expect(try TemporaryBundle().runKilled(by: number) == .exited(128 + number))
    }

    @Test func runOfAMissingProgramIs127() throws {
        for program in ["/bin/nothing", "nothing"] {
            let outcome = try TemporaryBundle().run([program])
            #expect(outcome.code == 127)
            #expect(outcome.errors.contains(program))
            #expect(
                outcome.errors.contains("no such file or directory")
                    || outcome.errors.contains("executable file not found"))
        }
    }

    @Test func runOfAFileThatIsNotExecutableIs126() throws {
        for program in ["/etc/passwd", "/etc"] {
            let outcome = try TemporaryBundle().run([program])
            #expect(outcome.code == 126)
            #expect(outcome.errors.contains(program) && outcome.errors.contains("permission denied"))
        }
    }

    @Test func runThatTheRuntimeItselfFailedIs125() throws {
        let bundle = try TemporaryBundle { $0.root.path = "nowhere" }
        #expect(try bundle.run().code == 125)
    }

    @Test func createOfAMissingProgramFailsWith1AndTheSameText() throws {
        let bundle = try TemporaryBundle { $0.process.args = ["/bin/nothing"] }
        try bundle.writeConfiguration()
        let outcome = try bundle.call(bundle.making("create"))
        #expect(outcome.code == 1)
        #expect(outcome.errors.contains("/bin/nothing") && outcome.errors.contains("no such file or directory"))
        #expect(HostInventory(naming: bundle.identifier).isEmpty)
    }

    @Test func execEndsWithTheProgramsOwnStatus() throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            for status: Int32 in [0, 7, 255] {
                #expect(try bundle.exec("/bin/sh", "-c", "exit \(status)").status == .exited(status))
            }
            #expect(try bundle.exec("/bin/sh", "-c", "kill -9 $$").status == .exited(137))
            #expect(try bundle.exec("/bin/nothing").code == 127)
            #expect(try bundle.exec("/etc/passwd").code == 126)
        }
    }

    @Test func execInAContainerThatDoesNotExistIs125() throws {
        let bundle = try TemporaryBundle()
        let outcome = try bundle.exec("/bin/true")
        #expect(outcome.code == 125 && outcome.errors.contains("does not exist"))
    }

    @Test(arguments: ["start", "state", "kill", "delete", "pause", "resume", "ps"])
    func otherVerbsFailWith1(verb: String) throws {
        let bundle = try TemporaryBundle()
        let outcome = try bundle.call([verb, bundle.identifier])
        #expect(outcome.code == 1 && outcome.errors.contains("does not exist"), "\(outcome)")
        #expect(outcome.errors.contains(bundle.identifier))
    }

    @Test(arguments: [[], ["frobnicate"], ["state"], ["run", "--no-such-option", "x"], ["kill", "x", "y", "z"]])
    func wrongUsageIs64(arguments: [String]) throws {
        let bundle = try TemporaryBundle()
        let outcome = try bundle.call(arguments)
        #expect(outcome.code == 64, "\(outcome)")
        #expect(!outcome.errors.isEmpty || arguments.isEmpty && outcome.output.contains("run"))
    }
}

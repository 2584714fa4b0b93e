import Syscalls
import Testing

@testable import Runtime

private func isOpen(_ identity: ProcessIdentity) throws -> Bool {
    if try identity.open() == nil { false } else { true }
}

@Suite struct ProcessIdentityTests {
    @Test(arguments: [
        "", "1 (x", "1 (x) S 1 2 3", "1 (x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 many 0",
    ]) func aLineThatIsCutShortIsNoStatus(line: String) {
        #expect(ProcessStatus(parsing: Array(line.utf8)[...]) == nil)
    }

    @Test func aNameMayHoldParenthesesAndSpaces() {
        let line =
            "7 (a) R (b) Z 1 7 7 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 4242 0 0 18446744073709551615 "
            + "1 1 0 0 0 0 0 4098 0\n"
        let status = ProcessStatus(parsing: Array(line.utf8)[...])
        #expect(status?.startTime == 4242)
        #expect(status?.hasEnded == true)
        #expect(status?.ignoredSignals == 4098)
    }

    @Test func thisProcessIsAliveAndOneWithItsPidBeforeItWasNot() throws {
        let identity = try ProcessIdentity(of: currentProcess())
        #expect(identity.isAlive)
        #expect(try isOpen(identity))
        let earlier = ProcessIdentity(pid: identity.pid, startTime: identity.startTime - 1)
        #expect(!earlier.isAlive)
        #expect(try !isOpen(earlier))
    }
}

import FilteredChild
import Glibc
import OCI
import Plans
import Testing

@testable import Planning

/// The kernel takes our filters and does what the interpreter says.
@Suite struct KernelFilterTests {
    @Test func theKernelAnswersAsDockersProfileSays() throws {
        let compiled = try SeccompCompiler.compile(try dockerProfile())
        let outcome = try runFiltered(
            compiled.filter,
            [
                FilteredCall("getppid"),
                FilteredCall("reboot"),
                FilteredCall("personality", 0xffff_ffff),
                FilteredCall("personality", 0x40000),
                FilteredCall("clone3"),
                FilteredCall(number: 1000),
            ])
        #expect(outcome.status == 0)
        #expect(outcome.results[0].map { $0 > 0 } == true)
        #expect(outcome.results[1] == Int64(-EPERM))
        #expect(outcome.results[2].map { $0 >= 0 } == true)
        #expect(outcome.results[3] == Int64(-EPERM))
        #expect(outcome.results[4] == Int64(-ENOSYS))
        #expect(outcome.results[5] == Int64(-ENOSYS))
    }

    @Test func theKernelKillsWhereTheProfileSaysSo() throws {
        let compiled = try SeccompCompiler.compile(
            try profile("ALLOW", rule("getppid", action: "KILL_PROCESS")))
        let outcome = try runFiltered(
            compiled.filter, [FilteredCall("getpid"), FilteredCall("getppid")])
        #expect(outcome.results[0] != nil)
        #expect(outcome.results[1] == nil)
        #expect(outcome.signal == SIGSYS)
    }

    @Test func everyFlagThatTheKernelIsSaidToSupportInstalls() throws {
        let supported = SeccompFeatures().supportedFlags
        #expect(supported.contains("SECCOMP_FILTER_FLAG_LOG"))
        let list = supported.map { "\"\($0)\"" }.joined(separator: ", ")
        let compiled = try SeccompCompiler.compile(
            try profile("ALLOW", rule("reboot", action: "ERRNO"), more: #""flags": [\#(list)]"#))
        let outcome = try runFiltered(compiled.filter, [FilteredCall("reboot")])
        #expect(outcome.results == [Int64(-EPERM)])
    }
}

extension FilteredCall {
    fileprivate init(_ name: String, _ arguments: Int...) {
        self.init(number: Libseccomp.number(of: name).map(Int.init) ?? -1, arguments)
    }
}

private func runFiltered(_ filter: SeccompFilter, _ calls: [FilteredCall]) throws -> FilteredOutcome {
    try FilteredChild(filter, calls).wait()
}

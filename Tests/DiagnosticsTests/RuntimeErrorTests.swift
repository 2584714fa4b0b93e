import Diagnostics
import Syscalls
import Testing

@Suite struct RuntimeErrorTests {
    @Test func contextStandsOutsideIn() {
        #expect {
            try during("create web") {
                try during("mount proc at /proc") { throw SystemError("mount", "proc", .notPermitted) }
            }
        } throws: { error in
            "\(error)" == "create web: mount proc at /proc: mount(proc): operation not permitted"
        }
    }
}

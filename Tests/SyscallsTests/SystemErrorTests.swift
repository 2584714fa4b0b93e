import Syscalls
import Testing

@Suite struct SystemErrorTests {
    @Test func anErrorNamesTheCallTheSubjectAndTheReason() {
        let error = SystemError("open", "/dev/kvm", .accessDenied)
        #expect(error.description == "open(/dev/kvm): permission denied")
    }

    @Test func aMissingFileIsReportedWithItsPath() {
        #expect(throws: SystemError("open", "/no/such/file", .noEntry)) {
            _ = try readFile("/no/such/file")
        }
    }

    @Test func aFileLongerThanTheLimitIsRefused() {
        #expect(throws: SystemError.self) { _ = try readFile("/proc/self/maps", limit: 10) }
    }
}

import Glibc
import Syscalls
import Testing

@testable import Diagnostics

@Suite struct LogTests {
    private let moment = Timestamp(seconds: 1_795_524_834)

    @Test func aTextLineLooksLikeRunc() {
        let line = Log(format: .text).line(.error, "create web: \"x\" is odd\nvery", at: moment)
        #expect(line == "time=\"2026-11-24T12:53:54Z\" level=error msg=\"create web: \\\"x\\\" is odd\\nvery\"\n")
    }

    @Test func aJSONLineHasTheKeysThatEnginesRead() {
        let line = Log(format: .json).line(.warning, "bell \u{7} and ü", at: moment)
        #expect(line == "{\"level\":\"warning\",\"msg\":\"bell \\u0007 and ü\",\"time\":\"2026-11-24T12:53:54Z\"}\n")
    }

    @Test func linesAreAppendedAndTheFileIsMadeByTheFirst() throws {
        let path = "/tmp/mvrun-log-test.\(getpid())"
        defer { try? removeFile(path) }
        let log = Log(path: path, format: .json, level: .info)
        log.debug("not asked for")
        #expect(!exists(path))
        log.info("one")
        log.info("two")
        let text = try readText(path)
        #expect(text.split(separator: "\n").map { $0.contains("\"one\"") } == [true, false])
        #expect(text.hasSuffix("\n"))
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00Z"), (951_782_399, "2000-02-28T23:59:59Z"), (951_782_400, "2000-02-29T00:00:00Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"), (-1, "1969-12-31T23:59:59Z"), (1_735_689_599, "2024-12-31T23:59:59Z"),
    ]) func aMomentIsADateInUTC(seconds: Int64, text: String) {
        #expect(Timestamp(seconds: seconds).text == text)
    }

    @Test func aFractionHasNineDigits() {
        #expect(Timestamp(seconds: 0, nanoseconds: 1).preciseText == "1970-01-01T00:00:00.000000001Z")
    }
}

import Diagnostics
import OCI
import Testing

/// A config.json around a `process` and further members.
func config(process: String = "{}", _ more: String = "") -> [UInt8] {
    Array(
        """
        {
          "ociVersion": "1.3.0",
          "root": {"path": "rootfs"},
          "process": \(process)\(more.isEmpty ? "" : ",\n  \(more)")
        }
        """.utf8)
}

/// What a config.json is refused with.
func refusal(_ bytes: [UInt8]) -> String {
    do throws(RuntimeError) {
        _ = try Spec(config: bytes)
        return "none"
    } catch {
        return error.description
    }
}

@Suite struct TypeTests {
    @Test func aStringForAnArrayIsRefusedWithPathAndLine() {
        let text = config(process: #"{"cwd": "/", "args": "sh"}"#)
        #expect(
            refusal(text) == "config.json: process.args: expected an array of strings, found a string (line 4)")
    }
}

import Diagnostics
import JSON
import OCI

/// A config.json with a process, a root and further members.
func config(process: String = #"{"cwd": "/", "args": ["sh"]}"#, _ more: String = "") -> [UInt8] {
    Array(
        """
        {
          "ociVersion": "1.3.0",
          "root": {"path": "rootfs"},
          "process": \(process)\(more.isEmpty ? "" : ",\n  \(more)")
        }
        """.utf8)
}

/// A config.json with a `linux` section.
func config(linux: String) -> [UInt8] {
    config("\"linux\": {\(linux)}")
}

/// What a bundle with this config.json is refused with, config.json's own name left out.
func refusal(_ bytes: [UInt8]) -> String {
    do throws(RuntimeError) {
        let bundle = try Bundle(at: "/bundle", config: bytes)
        _ = try bundle.spec.linux.seccomp?.parsed()
        try bundle.requireHostUnchanged()
        return "none"
    } catch {
        return error.context.first == "config.json"
            ? error.description.replacing("config.json: ", with: "") : error.description
    }
}

/// What a bundle with this config.json is accepted with, each as path and message.
func warnings(_ bytes: [UInt8]) throws -> [String] {
    try Bundle(at: "/bundle", config: bytes).warnings.map { "\($0.path): \($0.message)" }
}

/// Reads a config.json.
func spec(_ bytes: [UInt8]) throws -> Spec {
    try Spec(JSONDocument(bytes, named: "config.json"))
}

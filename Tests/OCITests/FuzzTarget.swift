import Diagnostics
import JSON
import OCI

/// A reader of what others write, as libFuzzer drives it (Tests/Fuzz/run) and as the kept corpus replays it.
///
/// A reader must take any bytes: it accepts or throws, and what it accepts must hold together. `precondition` marks what
/// must hold, so that a violation stops the fuzzer and the test alike.
enum FuzzTarget: String, CaseIterable {
    case config, process, resources, state

    /// What fuzzing starts from besides the kept corpus: nothing.
    var seeds: [[UInt8]] { [] }

    /// Puts some bytes through the reader.
    ///
    /// - Returns: whether they were accepted.
    @discardableResult
    func accepts(_ bytes: [UInt8]) -> Bool {
        guard let document = try? JSONDocument(reading: bytes, limit: 1 << 20) else { return false }
        if bytes.count < 1000 { checkPlaces(of: document.root) }
        do throws(RuntimeError) {
            switch self {
            case .config: try readConfig(document)
            case .process: _ = try Spec.Process(bytes, named: "process.json").findings
            case .resources: _ = try Spec.Resources(bytes, named: "--resources").findings
            case .state:
                let state = try State(bytes, named: "state.json")
                precondition(
                    (try? State(state.json(.pretty), named: "state.json")) == state, "a state survives a write")
            }
            return true
        } catch {
            precondition(error.message.contains(": ") || error.message.contains("line"), "an error names its place")
            return false
        }
    }

    private func readConfig(_ document: JSONDocument) throws(RuntimeError) {
        // The catalogue first: it must not need a configuration that is valid.
        let fields = Result { try FieldCatalogue(config: document).fields }
        let bundle = try Bundle(at: "/bundle", config: document.bytes)
        let seccomp = try bundle.spec.linux.seccomp?.parsed()
        guard case .success(let fields) = fields else { preconditionFailure("what is read has fields") }
        precondition(fields.allSatisfy { $0.line >= 1 && !$0.path.isEmpty }, "a field has a place")
        precondition(seccomp?.syscalls.allSatisfy { !$0.names.isEmpty } != false, "a rule has a system call")
        for mount in bundle.spec.mounts { _ = MountOptions(mount.options) }
        for entry in bundle.spec.linux.sysctl {
            precondition(Spec.sysctlFile(entry.key)?.contains("..") != true, "a kernel parameter stays below /proc/sys")
        }
    }

    /// Every value is found again by its path, and every string is the same after a write and a read.
    private func checkPlaces(of value: JSONValue) {
        precondition(value.document.value(at: value.path) == value, "a path leads to its value")
        if let text = value.string {
            let copy = try? JSONDocument(reading: Array(JSONWriter.quoted(text).utf8), limit: 1 << 20)
            precondition(copy?.root.string == text, "a string survives a write")
        }
        for element in value.elements { checkPlaces(of: element) }
        for (_, member) in value.members { checkPlaces(of: member) }
    }
}

import Foundation

/// The probe: the static program that says what a workload sees, built once from `Tests/Probe`.
package enum Probe {
    /// The built program.
    ///
    /// It lies in the build folder where that can be written, else in the folder for temporary files, and is compiled
    /// again when a source is newer.
    package static let path: Result<String, TestSupportError> = build()

    private static func build() -> Result<String, TestSupportError> {
        let sources = "\(RuntimeUnderTest.repository)/Tests/Probe"
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: sources)) ?? []).sorted()
        let files = names.filter { $0.hasSuffix(".c") || $0.hasSuffix(".h") }.map { "\(sources)/\($0)" }
        let newest = files.compactMap(modificationDate).max() ?? .distantPast
        for folder in ["\(RuntimeUnderTest.repository)/.build/probe", NSTemporaryDirectory() + "mvrun-probe"] {
            let program = "\(folder)/probe"
            if let built = modificationDate(program), built > newest { return .success(program) }
            guard (try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)) != nil
            else { continue }
            let fresh = "\(program).\(getpid())"
            let compiler = ["cc", "-std=gnu17", "-static", "-O1", "-Wall", "-Wextra", "-Werror", "-o", fresh]
            guard let outcome = try? ChildProcess.run(compiler + files.filter { $0.hasSuffix(".c") }) else { continue }
            guard outcome.succeeded else { return .failure(TestSupportError("build the probe: \(outcome.errors)")) }
            // Renamed into place, so that two test processes at once never see half a program.
            if rename(fresh, program) == 0 { return .success(program) }
        }
        return .failure(TestSupportError("no folder to build the probe in"))
    }

    private static func modificationDate(_ path: String) -> Date? {
        (try? FileManager.default.attributesOfItem(atPath: path))?[.modificationDate] as? Date
    }
}

/// What the probe printed: lines of `key=value`.
package struct Report: Sendable, CustomStringConvertible {
    /// The values by key; of a key that came more than once, the last.
    package let values: [String: String]
    /// The keys in the order they came.
    package let keys: [String]

    /// Reads a probe's output.
    package init(_ output: String) {
        var pairs: [(key: String, value: String)] = []
        for line in output.split(whereSeparator: \.isNewline) {
            guard let separator = line.firstIndex(of: "=") else { continue }
            pairs.append((String(line[..<separator]), String(line[separator...].dropFirst())))
        }
        keys = pairs.map(\.key)
        values = Dictionary(pairs.map { ($0.key, $0.value) }) { _, last in last }
    }

    /// The value of a key; nil where it was not printed.
    package subscript(key: String) -> String? { values[key] }
    package var description: String { keys.map { "\($0)=\(values[$0] ?? "")" }.joined(separator: " ") }
}

import Foundation
import OCI
import Testing

/// Specs/README.md maps each clause of the spec to the code and the tests; here the map is held against the readers.
@Suite struct SpecsMapTests {
    /// The clauses of the map: the first column of its rows, where it is a field.
    private func clauses() throws -> Set<String> {
        let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let file = tests.deletingLastPathComponent().appending(path: "Specs/README.md")
        let row = /^\| ((?:`[\w.\[\]]+`(?:, )?)+) \|/
        var clauses: Set<String> = []
        // The tables above the map are about the files of the folder.
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
        for line in lines.drop(while: { $0 != "## Clause, code, test" }) {
            guard let fields = line.firstMatch(of: row)?.1 else { continue }
            clauses.formUnion(fields.split(separator: ", ").map { $0.trimmingCharacters(in: ["`"]) })
        }
        return clauses
    }

    /// Whether a clause is about a field: about it alone, or about the object it is in.
    private func covers(_ clause: String, _ pattern: String) -> Bool {
        pattern == clause || pattern.hasPrefix(clause + ".") || pattern.hasPrefix(clause + "[]")
    }

    @Test func everyFieldThatIsReadHasAClause() throws {
        let clauses = try clauses()
        let patterns = try FieldCatalogue.specification().map(\.pattern)
        #expect(patterns.filter { pattern in !clauses.contains { covers($0, pattern) } } == [])
    }

    @Test func everyClauseIsAboutAFieldThatIsRead() throws {
        let patterns = try FieldCatalogue.specification().map(\.pattern)
        let strays = try clauses().filter { clause in !patterns.contains { covers(clause, $0) } }
        #expect(strays == [])
    }
}

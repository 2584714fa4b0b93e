import Foundation
import Testing

/// The inputs that fuzzing found worth keeping; `Tests/Fuzz/run` adds to them.
@Suite struct CorpusTests {
    private func inputs(of target: FuzzTarget) throws -> [URL] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fuzz/corpus/\(target.rawValue)")
        return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
    }

    @Test(arguments: FuzzTarget.allCases)
    func everyInputOfTheCorpusIsAcceptedOrRefused(target: FuzzTarget) throws {
        let outcomes = try inputs(of: target).map { target.accepts(Array(try Data(contentsOf: $0))) }
        // A corpus that is all refusals, or none, would not have come far into the reader.
        #expect(outcomes.contains(true) && outcomes.contains(false))
    }
}

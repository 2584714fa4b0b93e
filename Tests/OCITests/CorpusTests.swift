import TestSupport
import Testing

/// The inputs that fuzzing found worth keeping; `Tests/Fuzz/run` adds to them.
@Suite struct CorpusTests {
    @Test(arguments: FuzzTarget.allCases)
    func everyInputOfTheCorpusIsAcceptedOrRefused(target: FuzzTarget) throws {
        let outcomes = try FuzzCorpus.inputs(of: target.rawValue).map { target.accepts($0) }
        // A corpus that is all refusals, or none, would not have come far into the reader.
        #expect(outcomes.contains(true) && outcomes.contains(false))
    }
}

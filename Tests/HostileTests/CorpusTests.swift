import Foundation
import Synchronization
import Syscalls
import Testing

/// The inputs that fuzzing found worth keeping; `Tests/Fuzz/run` adds to them.
@Suite struct CorpusTests {
    private func inputs(of target: FuzzTarget) throws -> [URL] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fuzz/corpus/\(target.rawValue)")
        return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
    }

    /// What must hold is told by preconditions: an input that breaks one ends the tests.
    @Test(arguments: FuzzTarget.allCases)
    func everyInputOfTheCorpusIsTaken(target: FuzzTarget) throws {
        let inputs = try inputs(of: target).map { Array(try Data(contentsOf: $0)) } + target.seeds
        #expect(inputs.count > target.seeds.count, "there is a kept corpus")
        // On a thread of its own: whoever serves files changes its thread.
        let taken = Mutex(0)
        let thread = try RunningThread {
            for input in inputs {
                target.accepts(input)
                taken.withLock { $0 += 1 }
            }
        }
        thread.join()
        #expect(taken.withLock { $0 } == inputs.count)
    }
}

import Synchronization
import Syscalls
import TestSupport
import Testing

/// The inputs that fuzzing found worth keeping; `Tests/Fuzz/run` adds to them.
@Suite struct CorpusTests {
    /// What must hold is told by preconditions: an input that breaks one ends the tests.
    @Test(arguments: FuzzTarget.allCases)
    func everyInputOfTheCorpusIsTaken(target: FuzzTarget) throws {
        let inputs = try FuzzCorpus.inputs(of: target.rawValue) + target.seeds
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

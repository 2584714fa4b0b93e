import Foundation

/// The inputs that fuzzing found worth keeping; `Tests/Fuzz/run` adds to them.
package enum FuzzCorpus {
    /// The inputs of a target, by its name.
    package static func inputs(of target: String) throws -> [[UInt8]] {
        let folder = URL(filePath: "\(RuntimeUnderTest.repository)/Tests/Fuzz/corpus/\(target)")
        return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .map { Array(try Data(contentsOf: $0)) }
    }
}

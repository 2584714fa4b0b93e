import Foundation
import Testing

/// The figures of the documents.
@Suite struct FiguresTests {
    @Test func theFiguresShowWhatTheTablesSay() throws {
        let process = Process()
        process.executableURL = URL(filePath: "Tests/Benchmarks/draw", relativeTo: Repository.root)
        process.arguments = ["--check"]
        let errors = Pipe()
        process.standardError = errors
        try process.run()
        let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(said)")
    }
}

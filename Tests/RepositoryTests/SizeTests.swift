import Testing

/// A file is about one thing and a function fits on a screen or two.
@Suite struct SizeTests {
    private static let fileLimit = 500
    private static let functionLimit = 70

    private func longFunctions(in source: SourceText) -> [String] {
        FunctionExtent.all(in: source).filter { $0.lineCount > Self.functionLimit }.map {
            "\(source.path):\($0.firstLine): \($0.name) has \($0.lineCount) lines"
        }
    }

    @Test func aFunctionOf71LinesIsFound() {
        let body = String(repeating: "    b()\n", count: Self.functionLimit - 1)
        #expect(longFunctions(in: SourceText(path: "a.swift", text: "func a() {\n\(body)}")).count == 1)
        #expect(longFunctions(in: SourceText(path: "a.swift", text: "func a() {\n\(body.dropFirst(8))}")).isEmpty)
    }

    @Test func noFileIsLongerThan500Lines() {
        let files = Repository.files(endingWith: [".swift", ".c", ".h", ".md"])
        #expect(files.contains("Package.swift"))
        let long = files.compactMap { path -> String? in
            let count = Repository.text(path)?.split(separator: "\n", omittingEmptySubsequences: false).count ?? 0
            return count - 1 > Self.fileLimit ? "\(path) has \(count - 1) lines" : nil
        }
        #expect(long == [])
    }

    @Test func noFunctionIsLongerThan70Lines() {
        let sources = Repository.sources
        #expect(sources.contains { $0.path.hasSuffix(".c") } && sources.contains { $0.path.hasSuffix(".swift") })
        #expect(sources.flatMap(longFunctions) == [])
    }
}

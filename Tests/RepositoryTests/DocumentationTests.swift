import Testing

/// What leaves its file is explained where it is declared.
@Suite struct DocumentationTests {
    /// A declaration that leaves its file, whatever else stands before its word.
    private static var declaration: Regex<(Substring, Substring)> {
        /^\s*(?:(?:@\w+(?:\([^)]*\))?|final|static|nonisolated|indirect|mutating|consuming|required)\s+)*(package|public)\s+(?!import\b)/
    }

    /// The declarations of a file that leave it without a comment.
    private func uncommented(in source: SourceText) -> [String] {
        source.code.indices.filter { line in
            source.code[line].contains("package") && source.code[line].contains(Self.declaration)
                && !isCommented(line, in: source) && !fulfilsProtocol(line, in: source)
        }.map { "\(source.path):\($0 + 1): \(source.lines[$0].trimmingPrefix { $0 == " " })" }
    }

    /// Whether the line above, attributes skipped, is a comment for the documentation.
    private func isCommented(_ line: Int, in source: SourceText) -> Bool {
        let above = source.lines[..<line].last { !$0.contains(/^\s*@/) } ?? ""
        return above.contains(/^\s*\/\/\//)
    }

    /// Whether the declaration stands in an extension that adds a protocol, where the requirement has the comment.
    private func fulfilsProtocol(_ line: Int, in source: SourceText) -> Bool {
        func indentation(_ line: String) -> Int { line.prefix { $0 == " " }.count }
        let own = indentation(source.code[line])
        let around = source.code[..<line].last { !$0.allSatisfy(\.isWhitespace) && indentation($0) < own }
        return around?.contains(/^\s*extension\s+[\w.]+\s*:/) == true
    }

    @Test func aDeclarationWithoutACommentIsFound() {
        let text = """
            package import A
            /// One.
            @discardableResult
            package func b() {}
            package func c() {}
            // No.
            @inline(__always) package static func d() {}
            let package = 1
            extension A: B {
                package func e() {}
            }
            """
        let findings = uncommented(in: SourceText(path: "a.swift", text: text))
        #expect(findings.map { $0.split(separator: ":")[1] } == ["5", "7"])
    }

    @Test func everyDeclarationThatLeavesItsFileHasAComment() {
        #expect(Repository.swiftSources.isEmpty == false)
        #expect(Repository.swiftSources.flatMap(uncommented) == [])
    }

    /// There is no library product, so nothing can be public; `package` says what crosses modules.
    @Test func nothingIsPublic() {
        let findings = Repository.swiftSources.flatMap { source in
            source.code.indices.filter {
                source.code[$0].contains(
                    /\b(public|open)\s+(?:\w+\s+)*(?:func|var|let|struct|class|enum|protocol|init|import)\b/)
            }
            .map { "\(source.path):\($0 + 1)" }
        }
        #expect(findings == [])
    }
}

import Testing

/// What leaves its file is explained where it is declared.
@Suite struct DocumentationTests {
    /// A declaration that leaves its file, whatever else stands before its word.
    private static var declaration: Regex<(Substring, Substring)> {
        /^\s*(?:(?:@\w+(?:\([^)]*\))?|final|static|nonisolated|indirect|mutating|consuming|required)\s+)*(package|public)\s+(?!import\b)/
    }

    /// The declarations of a file that leave it without a comment.
    ///
    /// - Parameter requirements: the names in the protocols of the tree, which have their comments there.
    private func uncommented(in source: SourceText, requirements: Set<String>) -> [String] {
        // Made once: a regular expression is compiled wherever it is evaluated.
        let declaration = Self.declaration
        return source.code.indices.filter { line in
            source.code[line].contains("package") && source.code[line].contains(declaration)
                && !isCommented(line, in: source) && !fulfilsProtocol(line, in: source, requirements: requirements)
        }.map { "\(source.path):\($0 + 1): \(source.lines[$0].trimmingPrefix { $0 == " " })" }
    }

    /// The names of what the protocols of a file require.
    private func requirements(in source: SourceText) -> Set<String> {
        // What the standard library requires of raw values and of what can be compared.
        var names: Set<String> = ["rawValue", "==", "<"]
        for line in source.code.indices where source.code[line].contains("protocol ") {
            let body = source.code[(line + 1)...].prefix { !$0.hasPrefix("}") }
            names.formUnion(body.compactMap(Self.declaredName))
        }
        return names
    }

    /// The name of the function or property that a line declares, or the label of an initialiser's first argument.
    private static func declaredName(_ line: String) -> String? {
        line.firstMatch(of: /\b(?:(?:func|var|let)\s+|init\()([\w=<]+)/).map { String($0.1) }
    }

    /// Whether the line above, attributes skipped, is a comment for the documentation.
    private func isCommented(_ line: Int, in source: SourceText) -> Bool {
        let above = source.lines[..<line].last { !$0.trimmingPrefix(while: \.isWhitespace).hasPrefix("@") } ?? ""
        return above.trimmingPrefix(while: \.isWhitespace).hasPrefix("///")
    }

    /// Whether the comment stands at the requirement of a protocol: of one in the tree by its name, and of any in an
    /// extension that adds the protocol.
    private func fulfilsProtocol(_ line: Int, in source: SourceText, requirements: Set<String>) -> Bool {
        func indentation(_ line: String) -> Int { line.prefix { $0 == " " }.count }
        let own = indentation(source.code[line])
        let around = source.code[..<line].last { !$0.allSatisfy(\.isWhitespace) && indentation($0) < own } ?? ""
        guard around.contains(":") else { return false }
        return around.contains(/\bextension\b/) || requirements.contains(Self.declaredName(source.code[line]) ?? "")
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
            protocol F {
                var g: Int { get }
            }
            struct H: F {
                package let g = 1
                package let h = 1
            }
            """
        let source = SourceText(path: "a.swift", text: text)
        let findings = uncommented(in: source, requirements: requirements(in: source))
        #expect(findings.map { $0.split(separator: ":")[1] } == ["5", "7", "17"])
    }

    @Test func everyDeclarationThatLeavesItsFileHasAComment() {
        #expect(Repository.swiftSources.isEmpty == false)
        let requirements = Set(Repository.swiftSources.flatMap(requirements))
        #expect(Repository.swiftSources.flatMap { uncommented(in: $0, requirements: requirements) } == [])
    }

    /// There is no library product, so nothing can be public; `package` says what crosses modules.
    @Test func nothingIsPublic() {
        let declaration = /\b(public|open)\s+(?:\w+\s+)*(?:func|var|let|struct|class|enum|protocol|init|import)\b/
        let findings = Repository.swiftSources.flatMap { source in
            source.code.indices.filter { source.code[$0].contains(declaration) }.map { "\(source.path):\($0 + 1)" }
        }
        #expect(findings == [])
    }
}

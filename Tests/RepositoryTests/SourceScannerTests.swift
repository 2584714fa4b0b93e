import Testing

/// The rules are worth what the scanner below them is worth.
@Suite struct SourceScannerTests {
    private func functions(_ path: String, _ text: String) -> [FunctionExtent] {
        FunctionExtent.all(in: SourceText(path: path, text: text))
    }

    @Test func bracesInCommentsAndLiteralsAreNoCode() {
        let text = #"""
            // {
            let a = "{ \(b("}")) {" /* { /* { */ */ + #"\("#
            let c = /{"/.b
            """#
        let code = SourceText(path: "a.swift", text: text).code
        #expect(code.joined().contains { "{}\"".contains($0) } == false)
        #expect(code.count == 3)
        #expect(code[1].hasPrefix("let a = ") && code[1].contains("+"))
    }

    @Test func aDivisionIsNoRegularExpression() {
        let code = SourceText(path: "a.swift", text: "let a = b / c; let d = { e / f }").code
        #expect(code == ["let a = b / c; let d = { e / f }"])
    }

    @Test func aSwiftFunctionEndsAtItsOwnBrace() {
        let text = """
            struct A {
                init(b: () -> Void = { c() }) {
                    if d {
                    }
                }
                var e: Int {
                    1
                }
            }
            """
        #expect(
            functions("a.swift", text) == [
                FunctionExtent(name: "init", firstLine: 2, lastLine: 5),
                FunctionExtent(name: "e", firstLine: 6, lastLine: 8),
            ])
    }

    @Test func aRequirementOfAProtocolHasNoBody() {
        let text = """
            protocol A {
                func b(for c: Int)
                var d: Int { get }
            }
            struct E {
                var f: Int
                enum G {
                    case h
                }
            }
            """
        #expect(functions("a.swift", text).map(\.name) == ["d"])
    }

    @Test func aFunctionOfCStartsWithItsType() {
        let text = """
            #define A(b) {
            struct c { int d; };
            static const int e[] = {1, 2};
            static inline int
            f(int g) {
                for (;;) { char h = '{'; }
            }
            """
        #expect(functions("a.c", text) == [FunctionExtent(name: "f", firstLine: 4, lastLine: 7)])
    }
}

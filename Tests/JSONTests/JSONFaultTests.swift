import JSON
import Testing

/// What a text is refused with.
private func refusal(_ bytes: [UInt8], limit: Int = 1 << 20, depth: Int = JSONDocument.defaultDepth) -> String {
    do throws(JSONFault) {
        _ = try JSONDocument(reading: bytes, limit: limit, depth: depth)
        return "none"
    } catch {
        return error.description
    }
}

private func refusal(_ text: String) -> String {
    refusal(Array(text.utf8))
}

@Suite struct JSONFaultTests {
    @Test(arguments: [
        ("", "the text is empty (line 1, column 1)"),
        ("  \n ", "the text is empty (line 2, column 2)"),
        ("\u{FEFF}{}", "the text starts with a byte order mark (line 1, column 1)"),
        ("{} {}", "expected the end, found \"{\" (line 1, column 4)"),
        ("{}\u{0}", "expected the end, found the byte 0x0 (line 1, column 3)"),
        ("nul", "expected a value, found \"n\" (line 1, column 1)"),
        ("nulll", "expected the end, found \"l\" (line 1, column 5)"),
        ("True", "expected a value, found \"T\" (line 1, column 1)"),
        ("'a'", "expected a value, found \"'\" (line 1, column 1)"),
        ("// c\n{}", "expected a value, found \"/\" (line 1, column 1)"),
        ("NaN", "expected a value, found \"N\" (line 1, column 1)"),
        ("\u{A0}{}", "expected a value, found the byte 0xc2 (line 1, column 1)"),
    ])
    func aTextThatIsNoValueIsRefused(text: String, expected: String) {
        #expect(refusal(text) == expected)
    }

    @Test(arguments: [
        ("{", "expected a key in quotation marks, found the end (line 1, column 2)"),
        ("{a: 1}", "expected a key in quotation marks, found \"a\" (line 1, column 2)"),
        (#"{"a" 1}"#, "a: expected \":\", found \"1\" (line 1, column 6)"),
        (#"{"a":}"#, "a: expected a value, found \"}\" (line 1, column 6)"),
        (#"{"a": 1 "b": 2}"#, "expected \",\" or \"}\", found \"\"\" (line 1, column 9)"),
        (#"{"a": 1,}"#, "expected a key in quotation marks, found \"}\" (line 1, column 9)"),
        (#"{"a": [1, 2}"#, "a: expected \",\" or \"]\", found \"}\" (line 1, column 12)"),
        ("[1,]", "expected a value, found \"]\" (line 1, column 4)"),
        ("[,1]", "expected a value, found \",\" (line 1, column 2)"),
        ("[1", "expected \",\" or \"]\", found the end (line 1, column 3)"),
        (
            "{\n  \"a\": {\n    \"b\": [0, {\"c d\": tru}]}}",
            #"a.b[1]["c d"]: expected a value, found "t" (line 3, column 22)"#
        ),
    ])
    func abrokenArrayOrObjectIsRefusedWithPathLineAndColumn(text: String, expected: String) {
        #expect(refusal(text) == expected)
    }

    @Test(arguments: [
        ("01", "a number must not start with 0 (line 1, column 2)"),
        ("-", "expected a digit, found the end (line 1, column 2)"),
        ("+1", "expected a value, found \"+\" (line 1, column 1)"),
        (".5", "expected a value, found \".\" (line 1, column 1)"),
        ("1.", "expected a digit, found the end (line 1, column 3)"),
        ("1.e5", "expected a digit, found \"e\" (line 1, column 3)"),
        ("1e", "expected a digit, found the end (line 1, column 3)"),
        ("1e+-1", "expected a digit, found \"-\" (line 1, column 4)"),
        ("0x10", "expected the end, found \"x\" (line 1, column 2)"),
        ("-Infinity", "expected a digit, found \"I\" (line 1, column 2)"),
    ])
    func aNumberOutsideTheGrammarIsRefused(text: String, expected: String) {
        #expect(refusal(text) == expected)
    }

    @Test(arguments: [
        (#""a"#, "the string that starts here has no end (line 1, column 1)"),
        ("\"a\nb\"", "a control character (0xa) in a string must be escaped (line 1, column 3)"),
        (#""\x41""#, "an escape that JSON does not have (line 1, column 2)"),
        (#""\u12G4""#, "\\u takes four hexadecimal digits (line 1, column 2)"),
        (#""\u12"#, "the string has no end (line 1, column 2)"),
        (#""\"#, "the string has no end (line 1, column 2)"),
        (#""\uDC00""#, "a low surrogate without a high one before it (line 1, column 2)"),
        (#""\uD800""#, "a high surrogate without a low one behind it (line 1, column 8)"),
        (#""\uD800A""#, "a high surrogate without a low one behind it (line 1, column 8)"),
        (#""\uD800\u0041""#, "a high surrogate without a low one behind it (line 1, column 14)"),
    ])
    func aBrokenStringIsRefused(text: String, expected: String) {
        #expect(refusal(text) == expected)
    }

    @Test(
        arguments: [
            [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xC2, 0x41], [0xE0, 0x9F, 0xBF], [0xE2, 0x82],
            [0xED, 0xA0, 0x80], [0xEF, 0xBF, 0x41], [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80],
            [0xF5, 0x80, 0x80, 0x80], [0xFF],
        ] as [[UInt8]])
    func bytesThatAreNotUTF8AreRefused(bytes: [UInt8]) {
        let text = [UInt8(ascii: "\"")] + bytes + [UInt8(ascii: "\"")]
        #expect(refusal(text) == "a byte (0x\(String(bytes[0], radix: 16))) that is not UTF-8 (line 1, column 2)")
    }

    @Test(arguments: [
        (#"{"a": {"b": 1, "b": 2}}"#, #"a: the key "b" is there twice (line 1, column 16)"#),
        (#"{"b": 1, "\u0062": 2}"#, #"the key "b" is there twice (line 1, column 10)"#),
        (#"{"": 1, "": 2}"#, #"the key "" is there twice (line 1, column 9)"#),
    ])
    func aKeyThatIsThereTwiceIsRefused(text: String, expected: String) {
        #expect(refusal(text) == expected)
    }

    @Test func aKeyThatIsThereTwiceAmongThousandsIsRefused() {
        let members = (0..<5000).map { "\"k\($0)\": 0" } + ["\"k77\": 1"]
        #expect(refusal("{\(members.joined(separator: ","))}").hasPrefix("the key \"k77\" is there twice"))
        #expect(refusal("{\(members.dropLast().joined(separator: ","))}") == "none")
    }

    @Test func nestingIsBounded() {
        func nested(_ depth: Int) -> [UInt8] {
            Array(repeating: UInt8(ascii: "["), count: depth) + Array(repeating: UInt8(ascii: "]"), count: depth)
        }
        #expect(refusal(nested(100)) == "none")
        #expect(refusal(nested(101)).hasSuffix("arrays and objects are nested deeper than 100 (line 1, column 101)"))
        #expect(
            refusal(nested(100_000)).hasSuffix("arrays and objects are nested deeper than 100 (line 1, column 101)"))
        #expect(
            refusal(nested(3), depth: 2).hasSuffix("arrays and objects are nested deeper than 2 (line 1, column 3)"))
    }

    @Test func sizeIsBounded() {
        #expect(refusal(Array("[1, 2]".utf8), limit: 6) == "none")
        #expect(refusal(Array("[1, 2]".utf8), limit: 5) == "the text is longer than 5 bytes (line 1, column 1)")
    }
}

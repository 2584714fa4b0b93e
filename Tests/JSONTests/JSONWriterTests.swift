import JSON
import Testing

@Suite struct JSONWriterTests {
    private func write(_ style: JSONWriter.Style, _ body: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter(style)
        body(&writer)
        return writer.text
    }

    private func sample(_ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("id", "web")
            writer.member("pid", -7)
            writer.member("paused", false)
            writer.member("none") { $0.object { _ in } }
            writer.member("empty") { $0.array { _ in } }
            writer.member("lists") { lists in
                lists.array { lists in
                    lists.value(["a", "b"])
                    lists.null()
                    lists.value(1.5)
                }
            }
            writer.member("annotations", [(key: "k", value: "v")])
            writer.member("size", UInt64.max)
        }
    }

    @Test func compactTextHasNoSpace() {
        let expected =
            #"{"id":"web","pid":-7,"paused":false,"none":{},"empty":[],"lists":[["a","b"],null,1.5],"#
            + #""annotations":{"k":"v"},"size":18446744073709551615}"#
        #expect(write(.compact, sample) == expected)
    }

    @Test func prettyTextIsIndentedByTwoSpacesAndEmptyOnesStayOnTheirLine() {
        #expect(
            write(.pretty, sample) == """
                {
                  "id": "web",
                  "pid": -7,
                  "paused": false,
                  "none": {},
                  "empty": [],
                  "lists": [
                    [
                      "a",
                      "b"
                    ],
                    null,
                    1.5
                  ],
                  "annotations": {
                    "k": "v"
                  },
                  "size": 18446744073709551615
                }
                """)
    }

    @Test(arguments: [
        ("a\"b\\c/", #""a\"b\\c/""#), ("\n\r\t\u{8}\u{1}\u{7F}", #""\n\r\t\u0008\u0001\u007f""#), ("é€😀", "\"é€😀\""),
    ])
    func stringsAreEscaped(text: String, expected: String) {
        #expect(JSONWriter.quoted(text) == expected)
    }

    @Test func whatJSONCannotSayIsNull() {
        #expect(write(.compact) { $0.value(Double.infinity) } == "null")
    }

    @Test func everyScalarBelowTheSurrogatesSurvivesAWriteAndARead() throws {
        let text = String(String.UnicodeScalarView((0..<0x3000).compactMap(Unicode.Scalar.init)))
        let written = JSONWriter.quoted(text)
        #expect(try JSONDocument(reading: Array(written.utf8), limit: 1 << 20).root.string == text)
    }

    @Test func aValueThatIsJSONIsTakenAsItIs() throws {
        let document = try JSONDocument(reading: Array(#"{"a": [1,  2]}"#.utf8), limit: 100)
        let value = try #require(document.root["a"])
        #expect(
            write(.compact) {
                $0.array {
                    $0.json(value); $0.value(3)
                }
            } == "[[1,  2],3]")
    }
}

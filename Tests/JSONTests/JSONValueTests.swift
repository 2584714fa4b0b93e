import JSON
import Testing

private func read(_ text: String) throws -> JSONValue {
    try JSONDocument(reading: Array(text.utf8), limit: 1 << 20).root
}

@Suite struct JSONValueTests {
    @Test func eachKindIsToldApart() throws {
        let kinds = try read(#"[null, true, false, 1, "a", [], {}]"#).elements.map(\.kind)
        #expect(kinds == [.null, .boolean, .boolean, .number, .string, .array, .object])
    }

    @Test(
        arguments: [
            ("0", 0, 0), ("-0", 0, 0), ("18446744073709551615", nil, .max), ("18446744073709551616", nil, nil),
            ("9223372036854775807", .max, 9_223_372_036_854_775_807), ("-9223372036854775808", .min, nil),
            ("-9223372036854775809", nil, nil), ("1.0", nil, nil), ("1e3", nil, nil),
            ("99999999999999999999999", nil, nil),
            ("-1", -1, nil), ("\"1\"", nil, nil), ("true", nil, nil),
        ] as [(String, Int64?, UInt64?)])
    func integersAreExactOrNone(text: String, signed: Int64?, unsigned: UInt64?) throws {
        #expect(try read(text).int64 == signed)
        #expect(try read(text).uint64 == unsigned)
    }

    @Test func aNumberWithAFractionIsADouble() throws {
        #expect(try read("-1.25e2").double == -125)
        #expect(try read("\"1\"").double == nil)
    }

    @Test(arguments: [
        (#""""#, ""), (#""a\"\\\/\b\f\n\r\t""#, "a\"\\/\u{8}\u{C}\n\r\t"), (#""\u00e9\u20AC""#, "é€"),
        (#""\ud83d\uDE00!""#, "😀!"), (#""é€😀""#, "é€😀"), (#""\u0000""#, "\u{0}"),
        (#""\uFFFF\uE000""#, "\u{FFFF}\u{E000}"),
    ])
    func escapesAreDecoded(text: String, expected: String) throws {
        #expect(try read(text).string == expected)
    }

    @Test func membersKeepTheirOrderAndAreFoundByKey() throws {
        let object = try read(#"{"b": 1, "a": [1, {"x": 2}], "\u0063": 3}"#)
        #expect(object.members.map(\.key.string) == ["b", "a", "c"])
        #expect(object["b"]?.int64 == 1)
        #expect(object["c"]?.int64 == 3)
        #expect(object["a"]?.elements.compactMap { $0["x"]?.int64 } == [2])
        #expect(object["d"] == nil)
        #expect(object["b"]?["x"] == nil)
    }

    @Test func aValueKnowsItsBytesItsLineAndItsPath() throws {
        let text = """
            {
              "linux": {
                "namespaces": [{"type": "pid"}, {"type": "network"}],
                "sysctl": {"net.ipv4.ip_forward": "1"}
              }
            }
            """
        let document = try JSONDocument(reading: Array(text.utf8), limit: 1000)
        let namespace = try #require(document.value(at: "linux.namespaces[1].type"))
        #expect(String(decoding: namespace.bytes, as: UTF8.self) == "\"network\"")
        #expect(namespace.line == 3)
        #expect(namespace.path == "linux.namespaces[1].type")
        let sysctl = try #require(document.value(at: #"linux.sysctl["net.ipv4.ip_forward"]"#))
        #expect(sysctl.string == "1")
        #expect(sysctl.path == #"linux.sysctl["net.ipv4.ip_forward"]"#)
        #expect(document.value(at: "linux.namespaces[1]")?.bytes.elementsEqual(#"{"type": "network"}"#.utf8) == true)
        #expect(document.value(at: "linux.namespaces[2]") == nil)
        #expect(document.value(at: "linux.name") == nil)
        #expect(document.value(at: "") == document.root)
        #expect(document.root.path(of: "a b") == #"["a b"]"#)
        #expect(namespace.path(of: "x") == "linux.namespaces[1].type.x")
    }
}

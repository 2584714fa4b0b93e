import Foundation
import Testing

@testable import Jail

/// The rules against what monitors have really called: Tests/Lab/record-calls traces the suites of microVMs.
@Suite struct RecordedCallsTests {
    private struct Recorded {
        let kind: ThreadKind
        let name: String
        var arguments = [UInt64](repeating: 0, count: 6)

        /// A line as record-calls writes it: `loop ioctl 1:0x5413`.
        init?(_ line: Substring) {
            let words = line.split(separator: " ")
            guard words.count >= 2, let kind = ThreadKind(rawValue: String(words[0])) else { return nil }
            self.kind = kind
            name = String(words[1])
            for word in words.dropFirst(2) {
                let parts = word.split(separator: ":")
                guard parts.count == 2, let place = Int(parts[0]), let value = UInt64(parts[1].dropFirst(2), radix: 16)
                else { return nil }
                arguments[place] = value
            }
        }
    }

    private static let features = JailFeatures(offersVsock: true, hasFileWindow: true)

    private func recorded() throws -> [Recorded] {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path
        let text = try String(contentsOfFile: path + "/Lab/recorded-calls.txt", encoding: .utf8)
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        let calls = lines.compactMap { Recorded($0) }
        try #require(calls.count == lines.count && !calls.isEmpty)
        return calls
    }

    private func matches(_ rule: CallRule, _ call: Recorded) -> Bool {
        rule.call.name == call.name && rule.tests.allSatisfy { $0.passes(call.arguments) }
    }

    // In the monitor's own pid namespace it is process 1.
    private func rules(_ kind: ThreadKind) -> [CallRule] {
        ThreadRules.rules(for: kind, Self.features, process: 1)
    }

    @Test func whatWasRecordedIsAllowed() throws {
        for call in try recorded() {
            #expect(rules(call.kind).contains { matches($0, call) }, "\(call)")
        }
    }

    @Test(arguments: ThreadKind.allCases) func noRuleIsThereForNothing(kind: ThreadKind) throws {
        let calls = try recorded()
        for rule in rules(kind) {
            let users = Set(calls.filter { matches(rule, $0) }.map(\.kind))
            let isRight =
                switch rule.evidence {
                case .recorded: users.contains(kind)
                case .shared: !users.isEmpty
                // A rule that is said to be for what happens seldom, and happens, has the wrong reason.
                case .seldom: users.isEmpty
                }
            #expect(isRight, "\(kind): \(rule.call.name) \(rule.tests), \(rule.evidence): \(rule.reason)")
        }
    }

    @Test(arguments: ThreadKind.allCases) func noValueOfATestIsThereForNothing(kind: ThreadKind) throws {
        let calls = try recorded()
        for rule in rules(kind) where rule.evidence != .seldom {
            for test in rule.tests {
                guard case .oneOf(let values) = test.kind else { continue }
                let calls = calls.filter { $0.kind == kind || rule.evidence == .shared }
                let used = Set(calls.filter { matches(rule, $0) }.map { UInt32($0.arguments[test.argument]) })
                #expect(used == Set(values), "\(kind): \(rule.call.name): argument \(test.argument)")
            }
        }
    }
}

import Foundation
import Testing

/// What a reader of any file of the tree would trip over.
@Suite struct TextTests {
    /// Joined here, so that this file does not hold what it looks for.
    private static let unfinished = ["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"]

    private func lines(of path: String, containing words: [String]) -> [String] {
        guard let text = Repository.text(path) else { return [] }
        return lines(named: path, text, containing: words)
    }

    private func lines(named path: String, _ text: String, containing words: [String]) -> [String] {
        text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().compactMap { index, line in
            words.contains { word in
                line.ranges(of: word).contains { range in
                    let before = line[..<range.lowerBound].last
                    let after = line[range.upperBound...].first
                    return ![before, after].contains { $0?.isLetter == true || $0 == "_" }
                }
            } ? "\(path):\(index + 1): \(line)" : nil
        }
    }

    @Test func aNoteToOneselfIsFound() {
        #expect(
            lines(named: "a", "// \(Self.unfinished[0]): b\nc\(Self.unfinished[0])", containing: Self.unfinished).count
                == 1)
    }

    @Test func nothingIsLeftForLater() {
        let files =
            Repository.files(endingWith: [".swift", ".c", ".h", ".md", "Makefile", ".json"])
            + Repository.files(in: ["Rootfs/", ".ci/"], endingWith: [""])
        #expect(files.flatMap { lines(of: $0, containing: Self.unfinished) } == [])
    }

    /// A path of the machine that a file was written on means nothing on any other one.
    @Test func noFileNamesTheFolderThatTheTreeStandsIn() {
        let root = "/" + Repository.root.pathComponents.dropFirst().joined(separator: "/")
        #expect(root.count > 1)
        let findings = Repository.files.filter { Repository.text($0)?.contains(root) == true }
        #expect(findings == [])
    }

    @Test func noLineEndsInWhiteSpace() {
        let files =
            Repository.files(endingWith: [".swift", ".c", ".h", ".md", "Makefile"])
            + Repository.files(in: ["Rootfs/", "Specs/", ".ci/"], endingWith: [""])
        let findings = Set(files).sorted().flatMap { path -> [String] in
            guard let text = Repository.text(path) else { return [] }
            return text.split(separator: "\n").contains { $0.last == " " || $0.last == "\t" } ? [path] : []
        }
        #expect(findings == [])
    }
}

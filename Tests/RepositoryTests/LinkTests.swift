import Foundation
import Testing

/// A link of the documentation leads somewhere.
@Suite struct LinkTests {
    /// The links of a file that lead to no file or heading of the tree; links out of it are not followed.
    private func deadLinks(in path: String, _ text: String) -> [String] {
        Markdown(text: text).links.compactMap { link in
            if link.target.contains("://") || link.target.hasPrefix("mailto:") { return nil }
            return leadsSomewhere(link.target, from: path, text) ? nil : "\(path):\(link.line): \(link.target)"
        }
    }

    private func leadsSomewhere(_ target: String, from path: String, _ text: String) -> Bool {
        let parts = target.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        var goal = text
        if !parts[0].isEmpty {
            let folder = Repository.root.appending(path: path).deletingLastPathComponent()
            let file = folder.appending(path: String(parts[0])).standardizedFileURL
            guard FileManager.default.fileExists(atPath: file.path(percentEncoded: false)) else { return false }
            goal = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        }
        return parts.count == 1 || Markdown(text: goal).anchors.contains(String(parts[1]))
    }

    @Test func aLinkToNowhereIsFound() {
        let text = """
            # A heading, `code` and more
            [yes](#a-heading-code-and-more) [no](#other) [yes](../Package.swift) [no](missing.md)
            [yes](https://example.org/) `[code](missing.md)`
            ```
            [code](missing.md)
            ```
            """
        #expect(deadLinks(in: "docs/a.md", text) == ["docs/a.md:2: #other", "docs/a.md:2: missing.md"])
    }

    @Test func everyLinkLeadsSomewhere() {
        let files = Repository.files(endingWith: [".md"])
        #expect(files.contains("Rootfs/README.md"))
        #expect(files.flatMap { deadLinks(in: $0, Repository.text($0) ?? "") } == [])
    }
}

/// A Markdown file: its headings and its links, code left out.
struct Markdown {
    /// A link as it is written.
    struct Link: Equatable {
        let line: Int
        let target: String
    }

    /// What the headings are called in a link, as GitHub makes it out of their text.
    let anchors: Set<String>
    /// The links of the form `[text](target)`, images among them.
    let links: [Link]

    init(text: String) {
        var anchors: Set<String> = []
        var links: [Link] = []
        var isCode = false
        let heading = /^#+\s+(.*)$/
        let code = /`[^`]*`/
        let link = /\]\(([^)\s]+)\)/
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if line.trimmingPrefix(while: \.isWhitespace).hasPrefix("```") { isCode.toggle() }
            if isCode { continue }
            if let text = line.firstMatch(of: heading)?.1 { anchors.insert(Self.anchor(of: text)) }
            for match in line.replacing(code, with: "").matches(of: link) {
                links.append(Link(line: index + 1, target: String(match.1)))
            }
        }
        self.anchors = anchors
        self.links = links
    }

    private static func anchor(of heading: Substring) -> String {
        String(
            heading.lowercased().compactMap { character -> Character? in
                if character == " " { return "-" }
                return character.isLetter || character.isNumber || character == "-" || character == "_"
                    ? character : nil
            })
    }
}

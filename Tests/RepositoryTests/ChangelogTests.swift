import Testing

/// The change log keeps the form of keepachangelog.com, 1.1.0.
@Suite struct ChangelogTests {
    private static let sections: Set<Substring> = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]

    /// What is wrong with a change log.
    private func faults(in text: String) -> [String] {
        var faults = text.hasPrefix("# Changelog\n") ? [] : ["the title is missing"]
        var versions: [Substring] = []
        var section: (name: Substring, entries: Int)?
        for line in text.split(separator: "\n") + ["## the end" as Substring] {
            if line.hasPrefix("- ") {
                if section == nil { faults.append("outside a section: \(line)") }
                section?.entries += 1
            }
            guard line.hasPrefix("#") else { continue }
            if let section, section.entries == 0 { faults.append("nothing below \(section.name)") }
            section = nil
            if line.hasPrefix("### ") {
                section = (line.dropFirst(4), 0)
                if !Self.sections.contains(line.dropFirst(4)) { faults.append("no section: \(line)") }
            } else if let version = line.wholeMatch(of: Self.version)?.1 {
                versions.append(version)
            } else if line != "# Changelog", line != "## the end" {
                faults.append("no version: \(line)")
            }
        }
        if versions.first != "Unreleased" { faults.append("the first version is not Unreleased") }
        return faults
    }

    private static var version: Regex<(Substring, Substring)> {
        /## \[(Unreleased(?=\])|\d+\.\d+\.\d+(?=\] - ))\](?: - \d{4}-\d{2}-\d{2})?/
    }

    @Test func whatDoesNotKeepTheFormIsFound() {
        let text = """
            # Changelog
            - an entry
            ## [0.1.0]
            ### Added
            ### Improved
            - another
            """
        let expected = [
            "outside a section: - an entry", "no version: ## [0.1.0]", "nothing below Added",
            "no section: ### Improved",
            "the first version is not Unreleased",
        ]
        #expect(faults(in: text) == expected)
        #expect(faults(in: "") == ["the title is missing", "the first version is not Unreleased"])
    }

    @Test func theChangeLogKeepsItsForm() {
        #expect(faults(in: Repository.text("CHANGELOG.md") ?? "") == [])
    }
}

import Testing

/// A target imports only targets above it in Package.swift, and little of what is not ours.
@Suite struct LayerTests {
    /// What every target may import beside the targets it names.
    ///
    /// Nothing of Foundation or Dispatch: each would cost a program more at its start than everything that it then does.
    private static let standard: Set<String> = ["Glibc", "Synchronization"]

    private static let manifest = Manifest(text: Repository.text("Package.swift") ?? "")

    /// The imports of a source of `target` that nothing allows.
    private func strayImports(in source: SourceText, of target: Manifest.Target) -> [String] {
        let statement =
            /^\s*(?:@\w+\s+)*(?:package\s+|public\s+|internal\s+|private\s+|fileprivate\s+)?import\s+(?:(?:struct|class|enum|protocol|func|var|let|typealias)\s+)?(\w+)/
        return source.code.enumerated().compactMap { index, line in
            guard line.contains("import"), let name = line.firstMatch(of: statement)?.1 else { return nil }
            if target.imports.contains(String(name)) || Self.standard.contains(String(name)) { return nil }
            return "\(source.path):\(index + 1): \(target.name) may not import \(name)"
        }
    }

    @Test func anImportOfWhatStandsBelowIsFound() {
        let manifest = Manifest(text: "module(\n\"A\",\nimports: \"B\", \"C\"), .target(name: \"C\"), module(\"B\")")
        #expect(manifest.targets.map(\.name) == ["A", "C", "B"])
        #expect(manifest.misplacedImports.count == 2)
    }

    @Test func anImportThatTheManifestDoesNotNameIsFound() {
        let target = Manifest.Target(name: "A", imports: ["B"])
        let text = "package import B\nimport Glibc\nimport struct Foundation.Date\n@testable import C\n// import D"
        let findings = strayImports(in: SourceText(path: "a.swift", text: text), of: target)
        #expect(findings.map { $0.split(separator: " ").last } == ["Foundation", "C"])
    }

    @Test func everyTargetImportsOnlyTargetsAboveIt() {
        #expect(Self.manifest.targets.contains { $0.name == "Syscalls" && $0.imports == ["CLinux"] })
        #expect(Self.manifest.misplacedImports == [])
    }

    @Test func everySourceImportsOnlyWhatTheManifestAllows() {
        var findings: [String] = []
        for target in Self.manifest.targets {
            let sources = Repository.sources.filter { $0.path.hasPrefix("Sources/\(target.name)/") }
            if sources.isEmpty { findings.append("Sources/\(target.name) has no source") }
            for source in sources where !source.isC { findings += strayImports(in: source, of: target) }
        }
        #expect(findings == [])
    }

    /// It builds without the package manager, whose order it has to keep by hand.
    @Test func theFuzzerBuildsEachModuleBehindWhatItImports() throws {
        let script = try #require(Repository.text("Tests/Fuzz/run"))
        let lists = script.matches(of: /(?m)^    build \w+ "([^"]+)"/).map {
            $0.1.split(separator: " ").map(String.init)
        }
        #expect(lists.count == 2)
        for list in lists {
            var built: Set<String> = []
            for module in list {
                let needed = Self.manifest.targets.first { $0.name == module }?.imports ?? []
                // What is C comes by its module map.
                let missing = needed.filter { name in
                    !built.contains(name)
                        && Repository.sources.contains { $0.path.hasPrefix("Sources/\(name)/") && !$0.isC }
                }
                #expect(missing == [], "\(module)")
                built.insert(module)
            }
        }
    }

    @Test func everyFolderOfSourcesIsATarget() {
        let folders = Set(Repository.files(in: ["Sources/"], endingWith: [""]).map { $0.split(separator: "/")[1] })
        #expect(folders.subtracting(Self.manifest.targets.map { Substring($0.name) }) == [])
    }

    /// A continuation needs the concurrency runtime, which costs a static program its first 9 ms.
    @Test func noSourceIsAsynchronous() {
        let words = /\b(async|await)\b|^\s*(\w+ )*actor [A-Z]|\bTask(\.detached)? ?[{(]/
        let text = "func a() async {}\npackage actor B {}\nTask { c() }\nlet actor = d(actor: .e)"
        #expect(findings(of: words, in: SourceText(path: "a.swift", text: text)).count == 3)
        #expect(Repository.swiftSources.flatMap { findings(of: words, in: $0) } == [])
    }

    /// What reaches this code was written by others; a trap would turn their mistake into ours.
    @Test func noSourceTrapsOnWhatItDidNotExpect() {
        let words = /\btry!|\bas!|\bfatalError\(|\bpreconditionFailure\(\)/
        #expect(findings(of: words, in: SourceText(path: "a.swift", text: "let a = try! b()")).count == 1)
        #expect(Repository.swiftSources.flatMap { findings(of: words, in: $0) } == [])
    }

    private func findings(of words: some RegexComponent, in source: SourceText) -> [String] {
        source.code.enumerated().compactMap { index, line in
            line.contains(words) ? "\(source.path):\(index + 1): \(line)" : nil
        }
    }
}

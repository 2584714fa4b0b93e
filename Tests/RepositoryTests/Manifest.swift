import Foundation

/// What Package.swift says of the targets below Sources, read as text.
struct Manifest {
    /// A target and the targets that it may import.
    struct Target: Equatable {
        let name: String
        let imports: [String]
    }

    /// The targets below Sources, from the ground up.
    let targets: [Target]

    init(text: String) {
        let declarations = /(?:module|program|\.target|\.systemLibrary)\(\s*(?:name: )?"([^"]+)"([^)]*)\)/
        targets = text.matches(of: declarations).filter { !$0.2.contains("path: \"Tests/") }.map { match in
            // The other strings of a system library are no targets.
            let imports = match.2.contains("imports:") ? match.2.matches(of: /"([^"]+)"/).map { String($0.1) } : []
            return Target(name: String(match.1), imports: imports)
        }
    }

    /// The imports that do not stand above the target that names them, and targets that stand twice.
    var misplacedImports: [String] {
        var above: Set<String> = []
        var findings: [String] = []
        for target in targets {
            for name in target.imports where !above.contains(name) {
                findings.append("\(target.name) imports \(name), which does not stand above it")
            }
            if !above.insert(target.name).inserted { findings.append("\(target.name) is declared twice") }
        }
        return findings
    }
}

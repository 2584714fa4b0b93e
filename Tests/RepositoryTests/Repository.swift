import Foundation

/// The tree that these tests stand in.
enum Repository {
    /// The directory of Package.swift.
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// What is made from the tree and is no part of it; see .gitignore.
    private static let madeFolders: Set<String> = [".git", "build"]

    /// Every file of the tree, by its path from the root, in order.
    static let files: [String] = {
        let start = root.path(percentEncoded: false)
        guard let walk = FileManager.default.enumerator(atPath: start) else { return [] }
        var found: [String] = []
        while let path = walk.nextObject() as? String {
            let kind = walk.fileAttributes?[.type] as? FileAttributeType
            if kind == .typeDirectory {
                let name = String(path.split(separator: "/").last ?? "")
                if madeFolders.contains(name) || name.hasPrefix(".build") { walk.skipDescendants() }
            } else if kind == .typeRegular {
                found.append(path)
            }
        }
        return found.sorted()
    }()

    /// The files whose path starts with one of `folders` and ends with one of `endings`.
    static func files(in folders: [String] = [""], endingWith endings: [String]) -> [String] {
        files.filter { path in
            folders.contains { path.hasPrefix($0) } && endings.contains { path.hasSuffix($0) }
        }
    }

    /// The text of a file of the tree; nil where it is not text.
    static func text(_ path: String) -> String? {
        try? String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    /// The Swift and C sources of the programs and of the tests.
    static let sources: [SourceText] = files(in: ["Sources/", "Tests/"], endingWith: [".swift", ".c", ".h"]).compactMap
    {
        path in text(path).map { SourceText(path: path, text: $0) }
    }

    /// The Swift sources of the programs.
    static var swiftSources: [SourceText] { sources.filter { $0.path.hasPrefix("Sources/") && !$0.isC } }
}

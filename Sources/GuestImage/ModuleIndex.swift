import Diagnostics
import Syscalls

/// What depmod(8) and the kernel's makefiles say of a directory of modules.
struct ModuleIndex {
    private let files: [String: String]
    private let dependencies: [String: [String]]
    private let builtIn: Set<String>

    /// The files that an index is read from, relative to the directory.
    static let fileNames = ["modules.dep", "modules.builtin"]

    /// The longest of them that is read.
    static let longest = 16 << 20

    /// Takes the two files apart.
    ///
    /// - Parameters:
    ///   - dependencies: modules.dep.
    ///   - builtIn: modules.builtin.
    init(dependencies: String, builtIn: String) throws(RuntimeError) {
        var files: [String: String] = [:]
        var needs: [String: [String]] = [:]
        for line in dependencies.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let path = String(line[..<colon])
            if path.isAbsolutePath || path.pathComponents.contains("..") {
                throw RuntimeError(.invalidBundle, "modules.dep leaves its directory: \(path)")
            }
            let name = Self.name(of: path)
            files[name] = path
            needs[name] = line[line.index(after: colon)...].split(separator: " ").map { Self.name(of: String($0)) }
        }
        self.files = files
        self.dependencies = needs
        self.builtIn = Set(builtIn.split(separator: "\n").map { Self.name(of: String($0)) })
    }

    /// A module's name as lsmod prints it: no directory, no ending, and `_` for each `-`.
    static func name(of path: String) -> String {
        let file = path.pathComponents.last ?? ""
        let stem = file.split(separator: ".", omittingEmptySubsequences: false).first ?? ""
        return String(stem.map { $0 == "-" ? "_" : $0 })
    }

    /// What is to be loaded for some modules.
    struct Selection: Equatable {
        /// Paths relative to the directory, in the order to load them.
        var paths: [String] = []
        /// Modules that are neither there nor built in.
        var missing: [String] = []
    }

    /// Modules with everything that they need, each after what it needs.
    func select(_ names: [String]) -> Selection {
        var selection = Selection()
        var seen: Set<String> = []
        for name in names { add(name, to: &selection, seen: &seen, depth: 0) }
        return selection
    }

    private func add(_ name: String, to selection: inout Selection, seen: inout Set<String>, depth: Int) {
        // Marked first, so that a circle ends. The depth bounds the stack; real chains have five links.
        guard depth < 64, seen.insert(name).inserted, !builtIn.contains(name) else { return }
        guard let path = files[name] else {
            selection.missing.append(name)
            return
        }
        for needed in dependencies[name] ?? [] { add(needed, to: &selection, seen: &seen, depth: depth + 1) }
        selection.paths.append(path)
    }
}

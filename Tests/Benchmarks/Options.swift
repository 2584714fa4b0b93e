import Foundation

/// What was asked for on the command line.
struct Options {
    /// A program to be measured.
    struct Runtime {
        let name: String
        let path: String
    }

    static let usage = """
        usage: mvrun-bench [--runtime NAME=PATH]... [--rounds N | --quick] [--only TEXT] [--json] [--limits FILE]

        Without --runtime: build/bin/mvrun, crun and runc, as far as they are there. The first one is compared with the others.
        """

    /// What to measure; the first one is compared with the others.
    var runtimes: [Runtime] = []
    /// How often each case is measured.
    var rounds = 50
    /// A part of the names of the cases that are wanted.
    var only = ""
    /// Whether to print every figure as JSON, not the table.
    var isJSON = false
    /// The file of ceilings.
    var limits: String?

    init(_ arguments: [String], root: String) throws {
        var rest = arguments[...]
        while let option = rest.popFirst() {
            switch option {
            case "--runtime": runtimes.append(try Self.runtime(try Self.value(of: option, &rest)))
            case "--rounds":
                guard let rounds = Int(try Self.value(of: option, &rest)), rounds > 0 else {
                    throw Failure("--rounds: not a positive number")
                }
                self.rounds = rounds
            case "--quick": rounds = 5
            case "--only": only = try Self.value(of: option, &rest)
            case "--json": isJSON = true
            case "--limits": limits = try Self.value(of: option, &rest)
            default: throw Failure("\(option): unknown option\n\(Self.usage)")
            }
        }
        if runtimes.isEmpty { runtimes = Self.present(root: root) }
    }

    private static func value(of option: String, _ rest: inout ArraySlice<String>) throws -> String {
        guard let value = rest.popFirst() else { throw Failure("\(option) needs a value") }
        return value
    }

    private static func runtime(_ text: String) throws -> Runtime {
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { throw Failure("--runtime \(text): not NAME=PATH") }
        guard FileManager.default.isExecutableFile(atPath: parts[1]) else {
            throw Failure("\(parts[1]): not a program")
        }
        return Runtime(name: parts[0], path: parts[1])
    }

    /// The runtimes that a bench is about, as far as this machine has them.
    private static func present(root: String) -> [Runtime] {
        [
            ("mvrun", ["\(root)/build/bin"]), ("crun", ["/usr/bin", "/usr/sbin"]), ("runc", ["/usr/bin", "/usr/sbin"]),
        ].compactMap { name, folders in
            folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
                .map { Runtime(name: name, path: $0) }
        }
    }
}

/// Why the bench cannot go on.
struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

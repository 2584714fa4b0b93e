import Foundation

/// Measures runtimes against each other.
@main
struct Bench {
    private let options: Options
    private let command: Command
    private let scratch: String
    /// What each runtime calls itself, by its name here.
    private let versions: [String: String]
    private var results: Results
    /// What a runtime could not do.
    private var failures: [String] = []
    private var order = SystemRandomNumberGenerator()

    /// The tree that the bench is part of.
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path(percentEncoded: false)

    static func main() {
        do {
            try CgroupView.enter()
            var bench = try Bench()
            try bench.measureAll()
            exit(try bench.report() ? 0 : 1)
        } catch {
            FileHandle.standardError.write(Data("mvrun-bench: \(error)\n".utf8))
            exit(1)
        }
    }

    private init() throws {
        options = try Options(Array(CommandLine.arguments.dropFirst()), root: Self.root)
        guard geteuid() == 0 else { throw Failure("containers are made by root here; run it as root") }
        guard !options.runtimes.isEmpty else { throw Failure("no runtime: build mvrun, or name one with --runtime") }
        scratch = FileManager.default.temporaryDirectory.appending(path: "mvrun-bench-\(getpid())").path(
            percentEncoded: false)
        try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: true)
        let programs = URL(filePath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        let timer = programs.deletingLastPathComponent().appending(path: "mvrun-bench-timer").path(
            percentEncoded: false)
        let command = Command(scratch: scratch, timer: timer)
        self.command = command
        versions = try options.runtimes.reduce(into: [:]) { versions, runtime in
            let lines = try command.run([runtime.path, "--version"]).split(separator: "\n")
            versions[runtime.name] = lines.first.map(String.init) ?? runtime.path
        }
        results = Results(runtimes: options.runtimes.map(\.name))
    }

    private mutating func measureAll() throws {
        defer { try? FileManager.default.removeItem(atPath: scratch) }
        let bundles = try Bundle.all(in: scratch, root: Self.root, command: command)
        for item in Case.all(bundles: bundles) where isWanted(item.name) {
            note("\(item.name) …")
            let able = options.runtimes.filter { prepare(item, with: $0, bundles: bundles) }
            measure(item, with: able)
            for runtime in options.runtimes where item.needsContainer {
                _ = try? command.run(base(runtime) + ["delete", "--force", "bench"])
            }
        }
    }

    private func isWanted(_ name: String) -> Bool { options.only.isEmpty || name.contains(options.only) }

    /// A runtime with a state directory of its own.
    private func base(_ runtime: Options.Runtime) -> [String] {
        [runtime.path, "--root", "\(scratch)/state-\(runtime.name)"]
    }

    /// Makes the container that a case is about, and does everything once so that caches are warm; false where it fails.
    private mutating func prepare(_ item: Case, with runtime: Options.Runtime, bundles: [String: Bundle]) -> Bool {
        do {
            if item.needsContainer, let bundle = bundles["staying"] {
                try command.run(base(runtime) + ["run", "--detach", "--bundle", bundle.path, "bench"])
            }
            let commands = item.commands(base(runtime), container(item))
            _ = try command.measure(commands)
            if item.countsSystemCalls, let first = commands.first {
                let calls = try command.countSystemCalls(of: first)
                results.add(Double(calls), of: .calls, in: item.name, for: runtime.name)
            }
            return true
        } catch {
            failures.append("\(runtime.name): \(item.name): \(error)")
            return false
        }
    }

    private func container(_ item: Case) -> String { item.needsContainer ? "bench" : "bench-once" }

    /// One after another in each round, in an order drawn anew: what disturbs the machine meets all, and so does what the
    /// one before has left to the kernel, which takes its namespaces and cgroups down later.
    private mutating func measure(_ item: Case, with runtimes: [Options.Runtime]) {
        for _ in 0..<options.rounds {
            for runtime in runtimes.shuffled(using: &order) {
                do {
                    let commands = item.commands(base(runtime), container(item))
                    results.add(try command.measure(commands), in: item.name, for: runtime.name)
                } catch {
                    failures.append("\(runtime.name): \(item.name): \(error)")
                }
            }
        }
    }

    private func note(_ text: String) { FileHandle.standardError.write(Data("\(text)\n".utf8)) }

    /// Prints the results; false where something failed or is above its ceiling.
    private func report() throws -> Bool {
        let report = Report(results: results)
        if options.isJSON {
            print(try report.json(rounds: options.rounds, versions: versions))
        } else {
            let names = options.runtimes.compactMap { versions[$0.name] }
            print("\(names.joined(separator: ", ")); rounds: \(options.rounds)\n")
            print(report.table)
        }
        let exceeded = try options.limits.map { try Limits(file: $0).exceeded(by: results, isMeasured: isWanted) } ?? []
        for line in failures { note("failed: \(line)") }
        for line in exceeded { note("above its ceiling: \(line)") }
        return failures.isEmpty && exceeded.isEmpty
    }
}

import Foundation

/// The runtime that the suite drives, named by the environment.
///
/// `MVRUN_RUNTIME` is its path (else the release build of mvrun, else the debug build) and `MVRUN_ISOLATION` is
/// `container` or `vm`, so that the same cases run against any OCI runtime and both kinds of sandbox.
package struct RuntimeUnderTest: Sendable {
    /// The runtimes whose behaviour differs in ways that tests have to know.
    package enum Kind: String, Sendable {
        /// This project's.
        case mvrun
        /// opencontainers/runc.
        case runc
        /// containers/crun.
        case crun
        /// Any other.
        case other
    }

    /// What separates a bundle from the host.
    package enum Isolation: String, Sendable {
        /// Namespaces and cgroups.
        case container
        /// A virtual machine.
        case vm
    }

    /// The one of this run.
    package static let current = RuntimeUnderTest()

    /// The program's path.
    package let path: String
    /// Which runtime it is, by the first line of `--version`.
    package let kind: Kind
    /// The first line of `--version`; empty where the program cannot be run.
    package let version: String
    /// The isolation asked for.
    package let isolation: Isolation
    /// What `features` prints; `.null` where it fails.
    package let features: JSON

    /// By how much each time limit is longer than what a container on an idle machine needs: a guest boots first, and in
    /// the lab on an emulated processor.
    package static let patience: Double = ProcessInfo.processInfo.environment["MVRUN_ISOLATION"] == "vm" ? 5 : 1

    /// The repository's top.
    package static let repository: String = {
        let file = URL(fileURLWithPath: #filePath)
        return file.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
    }()

    private init() {
        let environment = ProcessInfo.processInfo.environment
        let candidates = ["build/bin/mvrun", ".build/debug/mvrun"].map { "\(Self.repository)/\($0)" }
        path =
            environment["MVRUN_RUNTIME"]
            ?? candidates.first { FileManager.default.isExecutableFile(atPath: $0) } ?? candidates[0]
        isolation = environment["MVRUN_ISOLATION"].flatMap(Isolation.init(rawValue:)) ?? .container
        let answer = try? ChildProcess.run([path, "--version"])
        version = answer.flatMap { $0.succeeded ? $0.output.split(separator: "\n").first.map(String.init) : nil } ?? ""
        kind = version.split(separator: " ").first.flatMap { Kind(rawValue: String($0)) } ?? .other
        let printed = (try? ChildProcess.run([path, "features"]))?.output ?? ""
        features = (try? JSON(parsing: printed)) ?? .null
    }

    /// The options that choose the isolation, for verbs that make a container.
    package var isolationOptions: [String] {
        isolation == .vm ? ["--isolation", "vm"] : []
    }
}

import Foundation
import Synchronization
import Testing

/// A bundle of its own for one test: root file system, config.json, state directory and cgroup under one unique name.
///
/// When it goes, whatever is left of the container is removed and recorded as a fault of the test: a process, a mount,
/// a cgroup or a state directory that bears the bundle's name.
package final class TemporaryBundle {
    /// The container's ID, unique on this machine; also the last component of its cgroup's path.
    package let identifier: String
    /// The bundle.
    package let directory: String
    /// The runtime's `--root`, which several bundles may share.
    package var stateRoot: String
    /// What config.json will say at the next call of the runtime.
    package var spec: JSON
    /// Options before the verb, beside `--root`.
    package var globalOptions: [String] = []
    /// What comes before the runtime's path, such as `setpriv --reuid 1000`.
    package var wrapper: [String] = []
    /// The runtime's environment; nil: the test's own.
    package var environment: [String: String]?
    /// Whether what is left of the container when the bundle goes is a fault; off where leaving it is the test.
    package var leavesNothing = true
    private let base: String
    private let sourceLocation: SourceLocation

    /// The bundle's root file system.
    package var rootfs: String { "\(directory)/rootfs" }

    /// Makes a bundle around the base spec.
    package init(sourceLocation: SourceLocation = #_sourceLocation, _ change: (inout JSON) throws -> Void = { _ in })
        throws
    {
        identifier = Self.uniqueName()
        base = NSTemporaryDirectory() + identifier
        directory = "\(base)/bundle"
        stateRoot = "\(base)/state"
        self.sourceLocation = sourceLocation
        spec = BaseSpec.make(identifier: identifier)
        try FileManager.default.createDirectory(atPath: stateRoot, withIntermediateDirectories: true)
        try RootFileSystem.make(at: "\(directory)/rootfs")
        try change(&spec)
    }

    deinit {
        let leak = leavesNothing ? HostInventory(naming: identifier).description : ""
        _ = try? call(["delete", "--force", identifier], timeout: 20)
        HostInventory(naming: identifier).remove()
        try? FileManager.default.removeItem(atPath: base)
        if !leak.isEmpty { Issue.record("left behind: \(leak)", sourceLocation: sourceLocation) }
    }

    private static let counter = Atomic<Int>(0)
    private static func uniqueName() -> String {
        let number = counter.wrappingAdd(1, ordering: .relaxed).newValue
        return "mvt-\(getpid())-\(number)-\(String(UInt32.random(in: 0...UInt32.max), radix: 36))"
    }

    /// A path beside the bundle, for files that the host's side of a test needs.
    package func path(_ name: String) -> String { "\(base)/\(name)" }

    /// Writes a file in the root file system.
    package func writeFile(_ path: String, _ text: String, mode: Int = 0o644) throws {
        let full = rootfs + path
        let parent = (full as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        // A file that is linked to the shared template is replaced, never written through.
        unlink(full)
        try Data(text.utf8).write(to: URL(fileURLWithPath: full))
        chmod(full, mode_t(mode))
    }

    /// Writes a file beside the bundle and returns its path.
    package func file(_ name: String, _ text: String) throws -> String {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path(name)))
        return path(name)
    }

    /// Writes config.json: the spec, or any other text.
    package func writeConfiguration(_ text: String? = nil) throws {
        try Data((text ?? spec.description).utf8).write(to: URL(fileURLWithPath: "\(directory)/config.json"))
    }

    /// The command line of a call of the runtime.
    package func command(_ arguments: [String]) -> [String] {
        wrapper + [RuntimeUnderTest.current.path, "--root", stateRoot] + globalOptions + arguments
    }

    /// Calls the runtime and waits for it.
    package func call(_ arguments: [String], input: [UInt8] = [], timeout: TimeInterval = 60) throws -> Outcome {
        try ChildProcess.run(
            command(arguments), input: input, environment: environment, directory: base, timeout: timeout)
    }

    /// Runs the container in the foreground: `run --bundle DIRECTORY OPTIONS ID`.
    ///
    /// - Parameter arguments: The program to run; none: what the spec says.
    package func run(
        _ arguments: [String] = [], options: [String] = [], input: [UInt8] = [], timeout: TimeInterval = 60
    ) throws -> Outcome {
        if !arguments.isEmpty { spec.process.args = JSON(arguments) }
        try writeConfiguration()
        return try call(making("run", options), input: input, timeout: timeout)
    }

    /// Runs a shell script in the container.
    package func shell(_ script: String, options: [String] = [], input: [UInt8] = []) throws -> Outcome {
        try run(["/bin/sh", "-c", script], options: options, input: input)
    }

    /// Runs the probe in the container and returns what it saw; a run that fails is a fault.
    package func probe(
        _ arguments: String..., options: [String] = [], sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Report {
        let outcome = try run(["/bin/probe"] + arguments, options: options)
        try #require(outcome.succeeded, "\(outcome)", sourceLocation: sourceLocation)
        return Report(outcome.output)
    }

    /// The mounts that the container sees.
    package func mountTable(sourceLocation: SourceLocation = #_sourceLocation) throws -> MountTable {
        let outcome = try run(["/bin/cat", "/proc/self/mountinfo"])
        try #require(outcome.succeeded, "\(outcome)", sourceLocation: sourceLocation)
        return MountTable(outcome.output)
    }

    /// Calls the runtime in a mount namespace of its own, made ready by a shell script, so that a test can mount things
    /// on the host's side without the host seeing them.
    package func prepareMounts(_ script: String, propagation: String = "private") {
        wrapper = ["unshare", "--mount", "--propagation", propagation, "sh", "-ec", "\(script)\nexec \"$@\"", "sh"]
    }

    /// A folder beside the bundle with files in it, by their relative paths, and returns its path.
    package func folder(_ name: String, _ files: [String: String] = [:]) throws -> String {
        let top = path(name)
        try FileManager.default.createDirectory(atPath: top, withIntermediateDirectories: true)
        for (file, text) in files {
            let full = "\(top)/\(file)"
            let parent = (full as NSString).deletingLastPathComponent
            try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
            try Data(text.utf8).write(to: URL(fileURLWithPath: full))
        }
        return top
    }

    /// The arguments of a verb that makes a container.
    package func making(_ verb: String, _ options: [String] = []) -> [String] {
        [verb] + RuntimeUnderTest.current.isolationOptions + ["--bundle", directory] + options + [identifier]
    }

    /// Starts the runtime without waiting for it: `run` in the foreground of a process that the test drives.
    package func launch(_ arguments: [String] = [], verb: String = "run", options: [String] = []) throws -> ChildProcess
    {
        if !arguments.isEmpty { spec.process.args = JSON(arguments) }
        try writeConfiguration()
        return try ChildProcess(command(making(verb, options)), environment: environment, directory: base)
    }

    /// Creates the container, which must succeed, and returns the process that made it, whose pipes are the
    /// container's standard streams.
    package func create(
        _ arguments: [String] = [], options: [String] = [], sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> ChildProcess {
        let creator = try launch(arguments, verb: "create", options: options)
        let outcome = creator.finishKeepingStreams(timeout: 60)
        try #require(outcome == .exited(0), creator.explanation, sourceLocation: sourceLocation)
        return creator
    }

    /// Calls the runtime, which must succeed.
    @discardableResult
    package func succeed(_ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation) throws -> Outcome {
        let outcome = try call(arguments)
        try #require(outcome.succeeded, "\(arguments): \(outcome)", sourceLocation: sourceLocation)
        return outcome
    }

    /// Creates and starts a container that waits until it is killed, and deletes it after `body`.
    package func withRunning<Value>(
        _ arguments: [String] = ["/bin/sleep", "1000"], options: [String] = [],
        sourceLocation: SourceLocation = #_sourceLocation, _ body: (ChildProcess) throws -> Value
    ) throws -> Value {
        let creator = try create(arguments, options: options, sourceLocation: sourceLocation)
        defer { _ = try? call(["delete", "--force", identifier]) }
        try succeed("start", identifier, sourceLocation: sourceLocation)
        return try body(creator)
    }

    /// Runs a program that a signal from outside ends, and returns how `run` ended.
    ///
    /// Without a pid namespace, because the first process of one gets no signal that it has no handler for.
    package func runKilled(by number: Int32) throws -> ExitStatus {
        spec.removeNamespace("pid")
        let runner = try launch(["/bin/sh", "-c", "echo up; exec sleep 1000"])
        try #require(runner.read(until: "up\n") != nil, runner.explanation)
        kill(pid_t(try state().pid.number ?? 0), number)
        return runner.finish().status
    }

    /// What `state` says.
    package func state(sourceLocation: SourceLocation = #_sourceLocation) throws -> JSON {
        let outcome = try call(["state", identifier])
        try #require(outcome.succeeded, "\(outcome)", sourceLocation: sourceLocation)
        return try JSON(parsing: outcome.output)
    }

    /// Waits until `state` says so.
    package func wait(for status: String, timeout: TimeInterval = 20) throws -> Bool {
        try eventually(timeout: timeout) { try state().status == .string(status) }
    }

    /// Runs a command in the running container.
    package func exec(_ arguments: String..., options: [String] = [], input: [UInt8] = []) throws -> Outcome {
        try call(["exec"] + options + [identifier] + arguments, input: input)
    }
}

/// Tries until it is true or the time is over.
package func eventually(timeout: TimeInterval = 20, _ condition: () throws -> Bool) rethrows -> Bool {
    let deadline = Date().addingTimeInterval(timeout * RuntimeUnderTest.patience)
    while true {
        if try condition() { return true }
        if Date() > deadline { return false }
        usleep(10_000)
    }
}

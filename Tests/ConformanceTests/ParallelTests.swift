import Foundation
import TestSupport
import Testing

/// Many containers at once, through their whole life, and what is left of them.
@Suite(.serialized, .requires(.root)) struct ParallelTests {
    /// A guest boots on an emulated processor where the host's KVM boots none: eight of them take a minute.
    private static let count = RuntimeUnderTest.current.isolation == .vm ? 8 : 64
    private static let kinds = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"]

    /// The whole life of one container: what it did not do as it should, in words, and the namespaces it was in.
    private static func live(_ bundle: TemporaryBundle) -> (faults: [String], namespaces: Set<String>) {
        var faults: [String] = []
        let creator: ChildProcess
        do { creator = try bundle.create(["/bin/sleep", "1000"]) } catch { return (["create: \(error)"], []) }
        func step(_ arguments: [String], _ expected: (Outcome) -> Bool = { $0.succeeded }) {
            do {
                let outcome = try bundle.call(arguments)
                if !expected(outcome) { faults.append("\(arguments): \(outcome)") }
            } catch { faults.append("\(arguments): \(error)") }
        }
        let identifier = bundle.identifier
        step(["state", identifier]) { $0.output.contains("created") }
        step(["start", identifier])
        let pid = (try? bundle.state().pid.number) ?? 0
        let namespaces = kinds.compactMap {
            try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/ns/\($0)")
        }
        step(["exec", identifier, "/bin/echo", "inside"]) { $0.line == "inside" }
        step(["ps", "--format", "json", identifier]) { $0.output.contains("\(pid)") }
        step(["pause", identifier])
        step(["state", identifier]) { $0.output.contains("paused") }
        step(["resume", identifier])
        step(["update", "--pids-limit", "40", identifier])
        if RuntimeUnderTest.current.kind != .crun {
            step(["events", "--stats", identifier]) { $0.output.contains("stats") }
        }
        step(["list", "-q"]) { $0.output.contains(identifier) }
        step(["kill", identifier, "KILL"])
        if (try? bundle.wait(for: "stopped")) != true { faults.append("kill: it did not stop") }
        step(["delete", identifier])
        withExtendedLifetime(creator) {}
        let rest = HostInventory(naming: identifier)
        return (faults + (rest.isEmpty ? [] : ["left behind: \(rest)"]), Set(namespaces))
    }

    @Test(arguments: [1, 2]) func manyContainersLiveAtOnceAndLeaveNothing(round: Int) throws {
        let bundles = try (0..<Self.count).map { _ in try TemporaryBundle() }
        // One state directory for all, so that they meet there; its name is not that of any of them.
        let states = NSTemporaryDirectory() + "mvrun-parallel-\(getpid())-\(round)"
        try FileManager.default.createDirectory(atPath: states, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: states) }
        for bundle in bundles { bundle.stateRoot = states }
        let results = Results()
        let lives = bundles.map { bundle -> Thread in
            let life = Life(bundle: bundle)
            let thread = Thread { results.add(Self.live(life.bundle)) }
            thread.stackSize = 1 << 20
            return thread
        }
        lives.forEach { $0.start() }
        try #require(eventually(timeout: 240) { lives.allSatisfy(\.isFinished) }, "the containers did not end in time")
        #expect(results.faults == [])
        // A namespace outlives its processes only where it is bound to a file.
        let files = MountTable.current().entries.filter { $0.type == "nsfs" }.map(\.root)
        #expect(!results.namespaces.isEmpty && results.namespaces.isDisjoint(with: files))
        let left = try names(in: states)
        #expect(left.filter { $0.hasPrefix("mvt-") }.isEmpty, "\(left)")
    }

    /// A bundle that one thread alone uses while it lives.
    private struct Life: @unchecked Sendable {
        let bundle: TemporaryBundle
    }

    /// What many threads found.
    private final class Results: @unchecked Sendable {
        private let lock = NSLock()
        private var found: (faults: [String], namespaces: Set<String>) = ([], [])
        var faults: [String] { lock.withLock { found.faults } }
        var namespaces: Set<String> { lock.withLock { found.namespaces } }
        func add(_ more: (faults: [String], namespaces: Set<String>)) {
            lock.withLock {
                found.faults += more.faults
                found.namespaces.formUnion(more.namespaces)
            }
        }
    }
}

import Foundation
import TestSupport
import Testing

/// Thousands of lives: no exit status is lost, nothing is left behind, and what stays does not grow.
///
/// Counts of the whole host are compared, so nothing else may make containers meanwhile: `make soak` runs this alone.
@Suite(.serialized, .requires(.root, .mvrun, .long)) struct SoakTests {
    fileprivate static let isMachine = RuntimeUnderTest.current.isolation == .vm
    /// How many lives, and how many of them at a time.
    private static let (lives, workers) = isMachine ? (100, 4) : (2000, 16)
    /// Until caches are filled, and tables of the kernel have the size that this load needs, counts may grow.
    private static let warmUp = lives / 5

    /// What a host has of that which containers are made of.
    private struct Stock: Equatable, CustomStringConvertible {
        let mounts = MountTable.current().entries.count
        let links = (try? names(in: "/sys/class/net").count) ?? -1
        let namespaces = HostInventory.namespaces().count
        let cgroups = MountTable.current().entries.filter { $0.type.hasPrefix("cgroup") }.map {
            FileManager.default.enumerator(atPath: $0.point)?.reduce(0) { count, name in
                count + ((name as? String)?.hasSuffix("cgroup.procs") == true ? 1 : 0)
            } ?? -1
        }
        let programs = HostInventory.processIDs().filter {
            (try? String(contentsOfFile: "/proc/\($0)/comm", encoding: .utf8))?.hasPrefix("mvrun") == true
        }.count
        let states: [String]

        init(states root: String) { states = ((try? names(in: root)) ?? []).sorted() }

        var description: String {
            "\(mounts) mounts, \(links) links, \(namespaces) namespaces, cgroups \(cgroups), \(programs) programs, \(states)"
        }
    }

    @Test func thousandsOfLivesLeaveNothingAndLoseNothing() throws {
        let states = NSTemporaryDirectory() + "mvrun-soak-\(getpid())"
        try FileManager.default.createDirectory(atPath: states, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: states) }
        let staying = try TemporaryBundle()
        staying.stateRoot = states
        try staying.withRunning { _ in
            let pid = try #require(try staying.state().pid.number)
            try live(Self.warmUp, beside: staying, states: states)
            let (before, grown) = (Stock(states: states), try Self.ownMemory(of: pid))
            try live(Self.lives - Self.warmUp, beside: staying, states: states)
            var after = Stock(states: states)
            // What the kernel takes apart by itself, it does a moment after the last process is gone.
            _ = eventually(timeout: 20) {
                after = Stock(states: states)
                return after == before
            }
            #expect(after == before)
            #expect(try Self.ownMemory(of: pid) - grown < 512, "KiB, of what stays")
        }
        #expect(HostInventory(naming: staying.identifier).isEmpty)
    }

    /// What a process has for itself, in KiB: all mappings but the large one that is a guest's memory.
    private static func ownMemory(of pid: Int) throws -> Int {
        let maps = try String(contentsOfFile: "/proc/\(pid)/smaps", encoding: .utf8)
        var (sum, size) = (0, 0)
        for line in maps.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count > 1, let value = Int(words[1]) else { continue }
            if words[0] == "Size:" { size = value }
            if words[0] == "Anonymous:", size < 100 << 10 { sum += value }
        }
        return try #require(sum > 0 ? sum : nil)
    }

    /// Goes through so many lives, some at a time.
    private func live(_ count: Int, beside staying: TemporaryBundle, states: String) throws {
        let faults = Faults()
        let threads = try (0..<Self.workers).map { worker -> Thread in
            let bundle = try TemporaryBundle()
            bundle.stateRoot = states
            let life = Life(bundle: bundle, staying: staying)
            let numbers = stride(from: worker, to: count, by: Self.workers)
            let thread = Thread {
                for number in numbers where faults.count < 10 { faults.add(life.once(number)) }
            }
            thread.stackSize = 1 << 20
            return thread
        }
        threads.forEach { $0.start() }
        while !threads.allSatisfy(\.isFinished) { usleep(100_000) }
        #expect(faults.all == [])
    }

    /// What one thread goes through again and again; the bundle is its own, and of the staying one it only asks.
    private struct Life: @unchecked Sendable {
        let bundle: TemporaryBundle
        let staying: TemporaryBundle

        /// Returns what was not as it should be, in words.
        func once(_ number: Int) -> [String] {
            let (id, status) = (bundle.identifier, Int32(number % 120))
            var faults: [String] = []
            func expect(_ what: String, _ outcome: Outcome?, _ code: Int32 = 0) {
                if outcome?.code != code { faults.append("\(number): \(what): \(outcome?.description ?? "not begun")") }
            }
            // A machine takes seconds to boot: it goes one of the two ways, a container both.
            if SoakTests.isMachine, number % 2 == 1 {
                expect("run", try? bundle.run(["/bin/sh", "-c", "exit \(status)"]), status)
                return faults
            }
            guard let creator = try? bundle.create(["/bin/sleep", "1000"]) else { return ["\(number): create"] }
            expect("start", try? bundle.call(["start", id]))
            expect("exec", try? bundle.exec("/bin/sh", "-c", "exit \(status)"), status)
            // Whoever stays is asked by all.
            expect("exec", try? staying.exec("/bin/sh", "-c", "exit \(status)"), status)
            expect("kill", try? bundle.call(["kill", id, "KILL"]))
            if (try? bundle.wait(for: "stopped")) != true { faults.append("\(number): it did not stop") }
            expect("delete", try? bundle.call(["delete", id]))
            withExtendedLifetime(creator) {}
            if !SoakTests.isMachine {
                expect("run", try? bundle.run(["/bin/sh", "-c", "exit \(status)"]), status)
            }
            return faults
        }
    }

    /// What many threads found.
    private final class Faults: @unchecked Sendable {
        private let lock = NSLock()
        private var found: [String] = []
        var all: [String] { lock.withLock { found } }
        var count: Int { lock.withLock { found.count } }
        func add(_ more: [String]) { lock.withLock { found += more } }
    }
}

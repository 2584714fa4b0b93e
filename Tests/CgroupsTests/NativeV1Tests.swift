import Foundation
import Plans
import Testing

@testable import Cgroups

// What a real kernel does: as root, where there are v1 hierarchies.
private let hasV1 =
    geteuid() == 0
    && (try? CgroupLayout.current())?.hierarchies.contains {
        $0.version == .v1 && access($0.mountPoint, W_OK) == 0
    } == true

@Suite(.enabled(if: hasV1, "needs root and writable cgroup v1 hierarchies")) struct NativeV1Tests {
    /// A plan with a cgroup in every hierarchy of this host.
    func plan(_ settings: [String: [CgroupSetting]] = [:]) throws -> CgroupPlan {
        let path = try CgroupsPath("mvrun-test-\(UUID().uuidString)/web", id: "")
        return CgroupPlan(
            memberships: try CgroupLayout.current().hierarchies.map { hierarchy in
                CgroupMembership(
                    version: hierarchy.version, mountPoint: hierarchy.mountPoint, controllers: hierarchy.controllers,
                    path: path.path(in: hierarchy),
                    settings: hierarchy.controllers.first.flatMap { settings[$0] } ?? [])
            })
    }

    func sleeper() throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sleep")
        process.arguments = ["60"]
        try process.run()
        return process
    }

    @Test func aContainersProcessesAreListedFrozenKilledAndTheirCgroupsRemoved() throws {
        let cgroups = try ContainerCgroups(creating: try plan())
        defer { try? cgroups.remove() }
        let process = try sleeper()
        let pid = process.processIdentifier
        try cgroups.move(process: pid)
        let membership = try String(contentsOfFile: "/proc/\(pid)/cgroup", encoding: .utf8)
        for record in cgroups.records where record.version == .v1 {
            #expect(membership.contains(":\(record.controllers.joined(separator: ",")):\(record.path)\n"))
        }
        #expect(try cgroups.processes() == [pid])

        #expect(!cgroups.isFrozen)
        try cgroups.freeze()
        #expect(cgroups.isFrozen)
        try cgroups.thaw()
        #expect(!cgroups.isFrozen)

        try cgroups.kill()
        process.waitUntilExit()
        #expect(process.terminationReason == .uncaughtSignal)
        try cgroups.remove()
        for record in cgroups.records {
            #expect(!FileManager.default.fileExists(atPath: record.directory))
            let parent = URL(fileURLWithPath: record.directory).deletingLastPathComponent().path
            #expect(!FileManager.default.fileExists(atPath: parent))
        }
    }

    @Test func withV1AloneKillFreezesAndSignalsEachProcess() throws {
        var plan = try plan()
        plan.memberships.removeAll { $0.version == .v2 }
        let cgroups = try ContainerCgroups(creating: plan)
        defer { try? cgroups.remove() }
        let processes = try [sleeper(), sleeper()]
        for process in processes { try cgroups.move(process: process.processIdentifier) }
        try cgroups.freeze()
        #expect(cgroups.isFrozen)
        try cgroups.thaw()
        // Foundation starts programs with the blocked signals of some thread; this one cannot be blocked.
        try cgroups.signal(SIGSTOP)
        #expect(try processes.allSatisfy { try stops($0.processIdentifier) })
        try cgroups.kill()
        for process in processes { process.waitUntilExit() }
        #expect(processes.map(\.terminationStatus) == [SIGKILL, SIGKILL])
    }

    /// Whether a process stands stopped within ten seconds.
    func stops(_ pid: Int32) throws -> Bool {
        for _ in 0..<1000 {
            let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
            if status.contains("\nState:\tT") { return true }
            usleep(10_000)
        }
        return false
    }

    @Test func aNewCPUSetHasTheProcessorsOfItsParent() throws {
        let cgroups = try ContainerCgroups(creating: try plan())
        defer { try? cgroups.remove() }
        guard let record = cgroups.v1("cpuset") else { return }
        let parent = try String(contentsOfFile: record.mountPoint + "/cpuset.cpus", encoding: .utf8)
        #expect(try String(contentsOfFile: record.directory + "/cpuset.cpus", encoding: .utf8) == parent)
    }

    @Test func entrancesAreOpenForEveryHierarchy() throws {
        let cgroups = try ContainerCgroups(creating: try plan())
        defer { try? cgroups.remove() }
        let entrances = try CgroupEntrances(of: cgroups)
        #expect(entrances.tasks.count == cgroups.records.count { $0.version == .v1 })
        #expect((entrances.unified != nil) == (cgroups.unified != nil))
    }

    @Test func memoryLimitsThatWouldCrossAreSetInTheOrderTheKernelWants() throws {
        func limits(_ bytes: Int) -> [CgroupSetting] {
            [
                CgroupSetting("limit", "memory.limit_in_bytes", "\(bytes)", tolerance: .tooEarly),
                CgroupSetting("swap", "memory.memsw.limit_in_bytes", "\(bytes)"),
            ]
        }
        let cgroups = try ContainerCgroups(creating: try plan(["memory": limits(8 << 20)]))
        defer { try? cgroups.remove() }
        guard let record = cgroups.v1("memory") else { return }
        for bytes in [64 << 20, 16 << 20] {
            try apply(limits(bytes), in: try openCgroup(record.directory))
            for file in ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"] {
                #expect(try String(contentsOfFile: "\(record.directory)/\(file)", encoding: .utf8) == "\(bytes)\n")
            }
        }
    }
}

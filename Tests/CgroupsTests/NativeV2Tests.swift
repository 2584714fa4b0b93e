import Diagnostics
import Foundation
import Plans
import Testing

@testable import Cgroups

/// The v2 hierarchy of this machine, alone or beside v1 ones.
private let unified: CgroupHierarchy? = {
    guard geteuid() == 0, let unified = (try? CgroupLayout.current())?.unified, access(unified.mountPoint, W_OK) == 0
    else { return nil }
    return unified
}()

@Suite(.enabled(if: unified != nil, "needs root and a writable cgroup v2 hierarchy")) struct NativeV2Tests {
    let host: CgroupHierarchy
    let path = "/mvrun-test-\(UUID().uuidString)"

    init() throws {
        host = try #require(unified)
    }

    func plan(_ path: String, needs: [String] = []) -> CgroupPlan {
        CgroupPlan(memberships: [
            CgroupMembership(
                version: .v2, mountPoint: host.mountPoint, controllers: host.controllers, path: path,
                neededControllers: needs)
        ])
    }

    func sleeper() throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sleep")
        process.arguments = ["60"]
        try process.run()
        return process
    }

    @Test func processesInCgroupsThatTheContainerMadeAreItsOwn() throws {
        let cgroups = try ContainerCgroups(creating: plan(path))
        defer { try? cgroups.remove() }
        let processes = try [sleeper(), sleeper()]
        try cgroups.move(process: processes[0].processIdentifier)
        let inner = host.mountPoint + path + "/inner"
        try FileManager.default.createDirectory(atPath: inner, withIntermediateDirectories: false)
        try "\(processes[1].processIdentifier)".write(
            toFile: inner + "/cgroup.procs", atomically: false, encoding: .utf8)
        #expect(Set(try cgroups.processes()) == Set(processes.map(\.processIdentifier)))

        try cgroups.freeze()
        #expect(cgroups.isFrozen)
        // SIGKILL reaches frozen processes in v2.
        try cgroups.kill()
        for process in processes {
            process.waitUntilExit()
            #expect(process.terminationStatus == SIGKILL)
        }
        try cgroups.remove()
        #expect(!FileManager.default.fileExists(atPath: host.mountPoint + path))
    }

    @Test func aCgroupInUseIsNotRemovedAndItsStatisticsCount() throws {
        let cgroups = try ContainerCgroups(creating: plan(path))
        let process = try sleeper()
        try cgroups.move(process: process.processIdentifier)
        #expect {
            try cgroups.remove(timeoutMilliseconds: 1)
        } throws: { error in
            (error as? RuntimeError)?.hint == "it still holds processes"
        }
        #expect(throws: RuntimeError.self) { try ContainerCgroups(creating: plan(path)) }
        #expect(cgroups.statistics().pids.map(\.current) ?? 1 == 1)
        try cgroups.kill()
        process.waitUntilExit()
        try cgroups.remove()
    }

    @Test(.enabled(if: unified?.controllers.contains("memory") == true, "needs the memory controller in cgroup v2"))
    func controllersAreEnabledOnTheWayDown() throws {
        let cgroups = try ContainerCgroups(creating: plan(path + "/a/b", needs: ["memory", "pids"]))
        defer { try? cgroups.remove() }
        #expect(FileManager.default.fileExists(atPath: host.mountPoint + path + "/a/b/memory.max"))
    }

    @Test(.enabled(if: unified?.controllers.contains("memory") == true, "needs the memory controller in cgroup v2"))
    func aParentWithProcessesCannotGiveControllers() throws {
        let parent = try ContainerCgroups(creating: plan(path))
        let process = try sleeper()
        try parent.move(process: process.processIdentifier)
        #expect {
            try ContainerCgroups(creating: plan(path + "/web", needs: ["memory"]))
        } throws: { error in
            "\(error)".contains("enable the memory controller in \(host.mountPoint + path): the cgroup itself holds")
        }
        try parent.kill()
        process.waitUntilExit()
        try parent.remove()
    }
}

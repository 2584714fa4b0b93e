import Cgroups
import Foundation
import OCI
import Plans
import Testing

@testable import Planning

/// The hierarchies of this machine that the tests may use as they are.
private let layout: CgroupLayout? = {
    guard geteuid() == 0, let layout = try? CgroupLayout.current(),
        layout.hierarchies.allSatisfy({ access($0.mountPoint, W_OK) == 0 })
    else { return nil }
    return layout
}()

private func has(_ controller: String) -> Bool {
    layout?.hierarchy(of: controller) != nil
}

/// What limits do to processes, by this kernel: v1, v2 or hybrid, as it comes.
@Suite(.enabled(if: layout != nil, "needs root and writable cgroup hierarchies")) struct EffectTests {
    /// Runs a shell script in new cgroups with these resources.
    ///
    /// - Returns: its exit status, 128 more than a signal's number, and what `look` found in the cgroups afterwards.
    func run<Finding>(
        _ script: String, with resources: String, on layout: CgroupLayout? = layout,
        look: (ContainerCgroups) throws -> Finding
    ) throws -> (status: Int32, finding: Finding) {
        let layout = try #require(layout)
        let plan = try CgroupPlan(
            for: try Spec.Resources(Array(resources.utf8), named: "resources"),
            at: try CgroupsPath("mvrun-test-\(UUID().uuidString)", id: ""), on: layout, unprivileged: false)
        let cgroups = try ContainerCgroups(creating: plan)
        defer { try? cgroups.remove() }
        let enter = cgroups.records.map { "echo 0 > '\($0.directory)/cgroup.procs' && " }.joined()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", enter + script]
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        let status = process.terminationStatus + (process.terminationReason == .uncaughtSignal ? 128 : 0)
        return (status, try look(cgroups))
    }

    @Test(.enabled(if: has("memory"), "needs the memory controller"))
    func aProcessThatNeedsMoreMemoryIsKilledAndCounted() throws {
        // tail keeps the last line, which is endless, in memory.
        let result = try run("exec tail /dev/zero", with: "{\"memory\": {\"limit\": 8388608, \"swap\": 8388608}}") {
            ($0.outOfMemoryKills, $0.limitMet(memoryRefused: false))
        }
        #expect(result.status == 128 + 9)
        #expect(result.finding.0 == 1)
        #expect(result.finding.1?.contains("8 MiB") == true)
    }

    @Test(.enabled(if: has("pids"), "needs the pids controller")) func tasksAreLimited() throws {
        let script = "(true) || exit 3; (true; (true; exit 4); exit 5); exit 6"
        #expect(try run(script, with: "{\"pids\": {\"limit\": 1}}") { _ in }.status != 6)
        #expect(try run(script, with: "{\"pids\": {\"limit\": 10}}") { _ in }.status == 6)
    }

    @Test(.enabled(if: has("cpu") && has("cpuset"), "needs the cpu and cpuset controllers"))
    func processorTimeAndProcessorsAreLimited() throws {
        let resources = "{\"cpu\": {\"quota\": 20000, \"period\": 100000, \"shares\": 2048, \"cpus\": \"0\"}}"
        let count = "test $(nproc) = 1 || exit 7; end=$(($(date +%s) + 1)); while [ $(date +%s) -le $end ]; do :; done"
        let result = try run(count, with: resources) { cgroups in
            let record = try #require(cgroups.v1("cpu") ?? cgroups.unified)
            return try String(contentsOfFile: record.directory + "/cpu.stat", encoding: .utf8)
        }
        #expect(result.status == 0)
        let throttled = result.finding.split(separator: "\n").first { $0.hasPrefix("nr_throttled ") }
        #expect(Int(throttled?.dropFirst(13) ?? "") ?? 0 > 0)
    }

    @Test func devicesThatAreNotAllowedCannotBeUsed() throws {
        // /dev/kmsg is 1:11; the null and zero devices belong to those that are always allowed.
        let script = "head -c1 /dev/zero > /dev/null || exit 3; (exec 3< /dev/kmsg) && exit 4; exit 0"
        #expect(try run(script, with: "{\"devices\": [{\"allow\": false}]}") { _ in }.status == 0)
        let allowed =
            "{\"devices\": [{\"allow\": false}, {\"allow\": true, \"type\": \"c\", \"major\": 1, \"minor\": 11}]}"
        #expect(try run(script, with: allowed) { _ in }.status == 4)
        #expect(try run(script, with: "{\"devices\": [{\"allow\": true}]}") { _ in }.status == 4)
    }

    @Test(.enabled(if: layout?.unified != nil, "needs a cgroup v2 hierarchy"))
    func theKernelTakesTheDeviceProgramAndObeysIt() throws {
        let v2 = try CgroupLayout(hierarchies: [#require(layout?.unified)])
        let script = "head -c1 /dev/zero > /dev/null || exit 3; (exec 3< /dev/kmsg) && exit 4; exit 0"
        let rules =
            "{\"devices\": [{\"allow\": false}, {\"allow\": true, \"type\": \"c\", \"major\": 1, \"access\": \"w\"}]}"
        #expect(try run(script, with: rules, on: v2) { _ in }.status == 0)
        let reading = rules.replacingOccurrences(of: "\"w\"", with: "\"r\"")
        #expect(try run(script, with: reading, on: v2) { _ in }.status == 4)
        let writing = "echo x > /dev/kmsg || exit 5; exit 0"
        #expect(try run(writing, with: reading, on: v2) { _ in }.status != 0)
    }

    @Test(.enabled(if: has("memory"), "needs the memory controller")) func limitsCanBeRaisedAndLowered() throws {
        let start = try Spec.Resources(
            Array("{\"memory\": {\"limit\": 8388608, \"swap\": 8388608}}".utf8), named: "old")
        _ = try run("exit 0", with: "{\"memory\": {\"limit\": 8388608, \"swap\": 8388608}}") { cgroups in
            let record = try #require(cgroups.v1("memory") ?? cgroups.unified)
            let file = record.directory + (record.version == .v1 ? "/memory.limit_in_bytes" : "/memory.max")
            for bytes in ["33554432", "4194304"] {
                let json = "{\"memory\": {\"limit\": \(bytes), \"swap\": \(bytes)}}"
                let update = try Spec.Resources(Array(json.utf8), named: "new")
                try cgroups.apply(CgroupPlan(updating: cgroups, to: start.updated(by: update)))
                #expect(try String(contentsOfFile: file, encoding: .utf8) == bytes + "\n")
            }
        }
    }
}

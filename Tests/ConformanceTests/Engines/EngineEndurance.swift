import Foundation
import TestSupport
import Testing

/// An engine over time: many containers one after the other, and processes that are killed.
///
/// What its own cleaning leaves is nothing.
struct EngineEndurance {
    let engine: Engine

    private var isMachine: Bool { RuntimeUnderTest.current.isolation == .vm }
    private var stock: EngineStock { EngineStock(engine.folder) }

    /// Whether everything is as before, soon.
    private func expectNothing(since before: EngineStock, _ what: String) {
        var added = stock.added(since: before)
        // docker looks once a minute for namespaces that nobody needs.
        _ = eventually(timeout: 90 / RuntimeUnderTest.patience) {
            usleep(200_000)
            added = stock.added(since: before)
            return added.isEmpty
        }
        #expect(added.isEmpty, "\(what): left are\n\(added)")
    }

    private func start(_ name: String, _ options: String...) throws {
        let made = try engine.run(["--detach", "--name", name] + options + [engine.image, "sleep", "1000"])
        try #require(made.succeeded, "\(made)")
    }

    /// Makes containers, with the engine restarted among them.
    func manyContainersLeaveNothing(restart: () throws -> Void) throws {
        // The first one makes what stays: a bridge, cgroups above.
        _ = try engine.run("--rm", engine.image, "true")
        let before = stock
        // Fifty machines take twenty minutes in the lab.
        let asked = ProcessInfo.processInfo.environment["MVRUN_MANY"].flatMap { Int($0) }
        let count = asked ?? (isMachine ? 8 : 50)
        for number in 1...count {
            if number == count / 2 {
                try start("restarted")
                try restart()
                #expect(try engine.call("rm", "--force", "restarted").succeeded)
            } else if number.isMultiple(of: 4) {
                try start("kept", "--publish", "\(engine.port):80")
                #expect(try engine.call("exec", "kept", "true").succeeded)
                #expect(try engine.call("rm", "--force", "kept").succeeded)
            } else {
                let outcome = try engine.run("--rm", engine.image, "sh", "-c", "exit \(number)")
                #expect(outcome.code == Int32(number), "\(outcome)")
            }
        }
        expectNothing(since: before, "\(count) containers")
    }

    /// Kills a process of a running container's, then has the engine remove the container.
    ///
    /// - Parameter find: a shell's words that print the process, given the container's name.
    func aKilledProcessIsCleanedUp(
        _ what: String, find: (String) throws -> String, repair: () throws -> Void = {},
        afterwards: () throws -> Void = {}
    )
        throws
    {
        _ = try engine.run("--rm", engine.image, "true")
        let before = stock
        try start("victim")
        try killProcess(try find("victim"))
        try repair()
        let removed = try engine.call("rm", "--force", "victim")
        #expect(removed.succeeded, "\(what): \(removed)")
        try afterwards()
        expectNothing(since: before, what)
    }

    /// Kills what is there of a start that is under way, at several moments, then has the engine remove the container.
    ///
    /// - Parameter programs: the first words of the command lines of what is killed.
    func aKilledStartIsCleanedUp(_ programs: [String], afterwards: () throws -> Void = {}) throws {
        _ = try engine.run("--rm", engine.image, "true")
        let before = stock
        let started = Date()
        _ = try engine.run("--rm", engine.image, "true")
        let whole = Date().timeIntervalSince(started)
        let count = isMachine ? 4 : 12
        for number in 1...count {
            let words = engine.command + ["run", "--detach", "--name", "begun"] + engine.limits
            let run = try ChildProcess(
                words + [engine.image, "sleep", "1000"],
                environment: engine.variables)
            usleep(UInt32(whole * 1e6 * Double(number) / Double(count)))
            let name = try killOne(of: programs)
            _ = run.finishKeepingStreams(timeout: 120)
            _ = try engine.call("rm", "--force", "begun")
            #expect(try engine.call("ps", "--all", "--quiet").output.isEmpty)
            try afterwards()
            expectNothing(since: before, "\(name ?? "nothing") killed after \(number)/\(count) of a run")
        }
    }

    /// - Returns: the program that was killed; nil where none was there.
    private func killOne(of programs: [String]) throws -> String? {
        for pid in HostInventory.processIDs() {
            let text = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") ?? Data()
            let command = String(decoding: text, as: UTF8.self).replacing("\0", with: " ")
            let isOurs = command.contains(engine.folder) || command.hasPrefix("/mvrun-vmm")
            guard isOurs,
                let name = programs.first(where: { command.split(separator: " ").first?.hasSuffix($0) == true })
            else { continue }
            kill(pid, SIGKILL)
            return name
        }
        return nil
    }
}

/// Kills a process, whose number an engine has said.
func killProcess(_ number: String) throws {
    // 0 would be this process's own group.
    guard let pid = pid_t(number), pid > 1 else { throw TestSupportError("\"\(number)\" is no process") }
    kill(pid, SIGKILL)
}

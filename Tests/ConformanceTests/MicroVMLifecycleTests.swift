import Foundation
import TestSupport
import Testing

private let standInPath = "\(RuntimeUnderTest.repository)/.build/debug/mvrun-machine-stand-in"
private let standIn = Requirement("the stand-in of the monitor, and /dev/kvm") {
    FileManager.default.isExecutableFile(atPath: standInPath) && FileManager.default.isWritableFile(atPath: "/dev/kvm")
}

/// Virtual machines, as far as no guest is needed: the monitor is played by `mvrun-machine-stand-in`.
@Suite(.requires(.root, .mvrun, standIn)) struct MicroVMLifecycleTests {
    /// A bundle whose runtime has the stand-in beside it for a monitor, and which boots what only looks like a kernel.
    private func machine(_ arguments: String..., terminal: Bool = false) throws -> (TemporaryBundle, [String]) {
        let bundle = try TemporaryBundle {
            $0.process.args = JSON(arguments)
            $0.process.terminal = JSON.bool(terminal)
        }
        let programs = bundle.path("programs")
        try FileManager.default.createDirectory(atPath: programs, withIntermediateDirectories: true)
        let own = (RuntimeUnderTest.current.path as NSString).deletingLastPathComponent
        for (source, name) in [
            (RuntimeUnderTest.current.path, "mvrun"), ("\(own)/mvrun-init", "mvrun-init"),
            (standInPath, "mvrun-vmm"),
        ] {
            try FileManager.default.copyItem(atPath: source, toPath: "\(programs)/\(name)")
        }
        // e_ident, e_type 2 and e_machine 62: an ELF program for x86-64.
        var kernel: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 9) + [2, 0, 62, 0]
        kernel += [UInt8](repeating: 0, count: 4096 - kernel.count)
        try Data(kernel).write(to: URL(fileURLWithPath: bundle.path("vmlinux-0")))
        try bundle.writeConfiguration()
        return (bundle, ["\(programs)/mvrun", "--root", bundle.stateRoot])
    }

    private func make(_ verb: String, _ bundle: TemporaryBundle, _ options: [String] = []) -> [String] {
        [verb, "--isolation", "vm", "--kernel", bundle.path("vmlinux-0"), "--bundle", bundle.directory] + options
            + [bundle.identifier]
    }

    @Test func aProgramRunsAndItsStatusIsThatOfTheRuntime() throws {
        let (bundle, runtime) = try machine("echo", "hello")
        let outcome = try ChildProcess.run(runtime + make("run", bundle))
        #expect(outcome.succeeded && outcome.line == "hello", "\(outcome)")
        let (other, otherRuntime) = try machine("exit", "7")
        #expect(try ChildProcess.run(otherRuntime + make("run", other)).code == 7)
    }

    @Test func aMachineGoesThroughTheStatesOfAContainer() throws {
        let (bundle, runtime) = try machine("sleep")
        let id = bundle.identifier
        func call(_ arguments: String...) throws -> Outcome { try ChildProcess.run(runtime + arguments) }
        func status() throws -> String? { try JSON(parsing: call("state", id).output).status.text }
        let made = try ChildProcess.run(runtime + make("create", bundle))
        try #require(made.succeeded, "\(made)")
        #expect(try status() == "created")
        #expect(try call("start", id).succeeded)
        #expect(try status() == "running")
        #expect(try call("exec", id, "echo", "inside").line == "inside")
        #expect(try call("exec", id, "exit", "5").code == 5)
        #expect(try ChildProcess.run(runtime + ["exec", id, "cat"], input: Array("typed".utf8)).output == "typed")
        #expect(try call("ps", id).output.contains("sleep"))
        #expect(try call("console", id).output.contains("stand-in kernel for \(id)"))
        #expect(try call("kill", id, "TERM").succeeded)
        #expect(try eventually { try status() == "stopped" })
        #expect(try call("delete", id).succeeded)
    }

    @Test func aDetachedExecLeavesAProcessThatStandsForItsProgram() throws {
        let (bundle, runtime) = try machine("sleep")
        let made = try ChildProcess.run(runtime + make("run", bundle, ["--detach"]))
        try #require(made.succeeded, "\(made)")
        let file = bundle.path("pid")
        let begun = try ChildProcess.run(
            runtime + ["exec", "--detach", "--pid-file", file, bundle.identifier, "sleep"])
        #expect(begun.succeeded, "\(begun)")
        let pid = try #require(pid_t(try String(contentsOfFile: file, encoding: .utf8)))
        #expect(kill(pid, 0) == 0)
        kill(pid, SIGTERM)
        #expect(eventually { kill(pid, 0) != 0 || zombie(pid) })
        #expect(try ChildProcess.run(runtime + ["delete", "--force", bundle.identifier]).succeeded)
    }

    private func zombie(_ pid: pid_t) -> Bool {
        (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8))?.contains(") Z ") ?? true
    }

    @Test func aGuestThatFailsLeavesNothing() throws {
        let (bundle, runtime) = try machine("fail")
        let outcome = try ChildProcess.run(runtime + make("run", bundle))
        #expect(outcome.code == 127 && outcome.errors.contains("executable file not found"), "\(outcome)")
        let (dead, deadRuntime) = try machine("silent")
        let died = try ChildProcess.run(deadRuntime + make("run", dead))
        #expect(died.code == 125 && died.errors.contains("stand-in kernel"), "\(died)")
    }

    @Test func limitsChangeInTheGuestAndAMachineDoesNotGrow() throws {
        let (bundle, runtime) = try machine("sleep")
        let made = try ChildProcess.run(runtime + make("run", bundle, ["--detach"]))
        try #require(made.succeeded, "\(made)")
        let id = bundle.identifier
        #expect(try ChildProcess.run(runtime + ["update", "--memory", "64M", id]).succeeded)
        #expect(try ChildProcess.run(runtime + ["console", id]).output.contains("memory 67108864"))
        // 256 MiB as made, of which 130 MiB are for 64 MiB and the kernel.
        #expect(try ChildProcess.run(runtime + ["console", id]).output.contains("balloon 132120576"))
        let statistics = try JSON(parsing: ChildProcess.run(runtime + ["events", "--stats", id]).output)
        #expect(statistics.data.memory.usage.usage.number == 4096)
        #expect(statistics.data.machine.balloon.actual.number == 132_120_576)
        #expect(statistics.data.machine.resident.number == 1 << 20)
        #expect(try ChildProcess.run(runtime + ["update", "--pids-limit", "9", id]).succeeded)
        #expect(try ChildProcess.run(runtime + ["update", "--memory", "-1", id]).succeeded)
        #expect(try ChildProcess.run(runtime + ["console", id]).output.hasSuffix("balloon 0\nmemory -1 processes 0\n"))
        let refused = try ChildProcess.run(runtime + ["update", "--memory", "8G", id])
        #expect(!refused.succeeded && refused.errors.contains("linux.resources.memory.limit"), "\(refused)")
        #expect(try ChildProcess.run(runtime + ["delete", "--force", id]).succeeded)
    }
}

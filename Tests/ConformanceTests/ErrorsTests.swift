import Foundation
import TestSupport
import Testing

/// Faulty input and a failing host: one clear line, a status that is not 0, and nothing left behind.
@Suite(.requires(.root)) struct ErrorsTests {
    private func configured(_ text: String) throws -> Outcome {
        let bundle = try TemporaryBundle()
        try bundle.writeConfiguration(text)
        return try bundle.call(bundle.making("run"))
    }

    @Test(arguments: [
        "", "{", "[]", "null", "{\"ociVersion\": \"1.0.2\"", "{'ociVersion': 1}", "{\"ociVersion\": \"1.0.2\",}",
        "\u{0}",
        "{} {}", "nul", "{\"a\": 01}", "{\"a\": \"\\x\"}",
    ])
    func textThatIsNotJSONIsRefusedWithItsPlace(text: String) throws {
        expectRefusal(try configured(text), naming: "config.json")
    }

    @Test func aFaultInTheTextIsNamedWithItsLine() throws {
        let outcome = try configured("{\n  \"ociVersion\": \"1.0.2\",\n  \"process\": {\n    \"cwd\" \"/\"\n  }\n}\n")
        expectRefusal(outcome, naming: "config.json", "line 4")
    }

    @Test func nestingWithoutEndIsRefused() throws {
        expectRefusal(try configured(String(repeating: "[", count: 100_000)), naming: "config.json")
        expectRefusal(try configured(String(repeating: "{\"a\":", count: 100_000)), naming: "config.json")
    }

    @Test(arguments: [
        ("process.args", "\"/bin/true\""), ("process.args", "[1]"), ("process.cwd", "7"), ("process.env", "{}"),
        ("process.user.uid", "\"0\""), ("process.user.uid", "-1"), ("process.user.uid", "4294967296"),
        ("process.user.uid", "1.5"), ("process.terminal", "\"false\""), ("process.noNewPrivileges", "1"),
        ("process.oomScoreAdj", "\"5\""), ("root.readonly", "\"yes\""), ("root.path", "[]"), ("hostname", "{}"),
        ("mounts", "{}"), ("linux.namespaces", "\"all\""), ("linux.resources.memory.limit", "\"12\""),
        ("linux.resources.pids.limit", "true"), ("linux.maskedPaths", "\"/proc\""), ("linux.sysctl", "[]"),
        ("hooks.prestart", "{}"), ("annotations", "[]"), ("ociVersion", "1"),
    ])
    func aWrongTypeIsRefusedWithItsPath(path: String, value: String) throws {
        let bundle = try TemporaryBundle()
        bundle.spec.set(path, to: .literal(value))
        expectRefusal(try bundle.run(), naming: path)
    }

    @Test(arguments: [
        ("process", "process"), ("process.cwd", "process.cwd"), ("process.args", "process.args"), ("root", "root"),
        ("root.path", "root.path"), ("ociVersion", "ociVersion"),
    ])
    func aMissingFieldIsNamed(path: String, named: String) throws {
        let bundle = try TemporaryBundle()
        bundle.spec.set(path, to: nil)
        expectRefusal(try bundle.run(), naming: named)
    }

    @Test func aRelativeWorkingDirectoryIsRefused() throws {
        let bundle = try TemporaryBundle { $0.process.cwd = "tmp" }
        expectRefusal(try bundle.run(), naming: "process.cwd")
    }

    @Test(arguments: ["2.0.0", "0.9.0", "one"]) func aSpecOfAnotherMajorVersionIsRefused(version: String) throws {
        let bundle = try TemporaryBundle { $0.ociVersion = .string(version) }
        expectRefusal(try bundle.run(), naming: "ociVersion", version)
    }

    @Test(arguments: ["1.0.0", "1.0.2-dev", "1.1.0", "1.2.1", "1.3.0"]) func everyVersion1SpecRuns(version: String)
        throws
    {
        let bundle = try TemporaryBundle { $0.ociVersion = .string(version) }
        let outcome = try bundle.run()
        #expect(outcome.succeeded && outcome.errors.isEmpty, "\(outcome)")
    }

    @Test func aBundleWithoutAConfigurationIsNamed() throws {
        let bundle = try TemporaryBundle()
        expectRefusal(try bundle.call(bundle.making("run")), naming: "config.json", "no such file or directory")
        let missing = try bundle.call(["run", "--bundle", "/no/such/bundle", bundle.identifier])
        expectRefusal(missing, naming: "/no/such/bundle", "no such file or directory")
    }

    @Test func aScriptWhoseInterpreterIsMissingNamesTheInterpreter() throws {
        let bundle = try TemporaryBundle()
        try bundle.writeFile("/bin/script", "#!/no/such/interpreter -x\n", mode: 0o755)
        let outcome = try bundle.run(["/bin/script"])
        // The program itself is there; it cannot be executed.
        #expect(outcome.code == 126, "\(outcome)")
        #expect(outcome.errors.contains("/bin/script") && outcome.errors.contains("/no/such/interpreter"), "\(outcome)")
    }

    @Test func aScriptWithAWindowsLineEndingSaysSo() throws {
        let bundle = try TemporaryBundle()
        try bundle.writeFile("/bin/script", "#!/bin/sh\r\necho hi\r\n", mode: 0o755)
        let outcome = try bundle.run(["/bin/script"])
        #expect(outcome.code == 126, "\(outcome)")
        #expect(outcome.errors.contains("carriage return") || outcome.errors.contains("CRLF"), "\(outcome)")
    }

    @Test func aProgramWhoseLoaderIsMissingNamesTheLoader() throws {
        let bundle = try TemporaryBundle()
        try FileManager.default.copyItem(atPath: "/bin/ls", toPath: "\(bundle.rootfs)/bin/dynamic")
        let outcome = try bundle.run(["/bin/dynamic"])
        #expect(outcome.code == 126, "\(outcome)")
        #expect(outcome.errors.contains("/bin/dynamic") && outcome.errors.contains("ld-linux"), "\(outcome)")
    }

    @Test func aProgramForAnotherMachineNamesBoth() throws {
        let bundle = try TemporaryBundle()
        var program = try Data(contentsOf: URL(fileURLWithPath: "/bin/busybox"))
        program[18] = 0xB7  // e_machine: EM_AARCH64
        try program.write(to: URL(fileURLWithPath: "\(bundle.rootfs)/bin/foreign"))
        chmod("\(bundle.rootfs)/bin/foreign", 0o755)
        let outcome = try bundle.run(["/bin/foreign"])
        #expect(outcome.code == 126, "\(outcome)")
        #expect(outcome.errors.contains("aarch64") && outcome.errors.contains("x86_64"), "\(outcome)")
    }

    @Test func aScriptWithoutAnInterpreterLineSaysSo() throws {
        let bundle = try TemporaryBundle()
        try bundle.writeFile("/bin/script", "echo hi\n", mode: 0o755)
        let outcome = try bundle.run(["/bin/script"])
        #expect(outcome.code == 126 && outcome.errors.contains("#!"), "\(outcome)")
    }

    @Test func aStateDirectoryThatIsAFileIsNamed() throws {
        let bundle = try TemporaryBundle()
        try bundle.writeConfiguration()
        let file = try bundle.file("not-a-folder", "")
        let command = [RuntimeUnderTest.current.path, "--root", file] + bundle.making("run")
        expectRefusal(try ChildProcess.run(command), naming: file)
    }

    @Test func aReadOnlyStateDirectoryIsNamed() throws {
        let bundle = try TemporaryBundle()
        bundle.prepareMounts(
            "mount --bind \(bundle.stateRoot) \(bundle.stateRoot); mount -o remount,ro,bind \(bundle.stateRoot)")
        expectRefusal(try bundle.run(), naming: bundle.stateRoot, "read-only file system")
    }

    @Test func aFullDiskIsNamedAndLeavesNothing() throws {
        let bundle = try TemporaryBundle()
        let fill = "head -c 1M /dev/zero > \(bundle.stateRoot)/fill 2>/dev/null || true"
        bundle.prepareMounts("mount -t tmpfs -o size=16k,nr_inodes=100 none \(bundle.stateRoot); \(fill)")
        expectRefusal(try bundle.run(), naming: "no space left on device")
    }

    @Test(arguments: ["state", "list"]) func aFullOutputIsAnError(verb: String) throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            let full = open("/dev/full", O_WRONLY)
            defer { close(full) }
            let arguments = verb == "state" ? [verb, bundle.identifier] : [verb]
            let child = try ChildProcess(bundle.command(arguments), outputDescriptor: full)
            let outcome = child.finish()
            #expect(outcome.code == 1 && outcome.errors.contains("no space left on device"), "\(outcome)")
        }
    }

    @Test func aDamagedStateFileIsNamedAndDoesNotBlockTheOthers() throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            try FileManager.default.createDirectory(
                atPath: "\(bundle.stateRoot)/damaged", withIntermediateDirectories: true)
            for file in ["state.json", "status"] {
                try Data("{\"id\": ".utf8).write(to: URL(fileURLWithPath: "\(bundle.stateRoot)/damaged/\(file)"))
            }
            let outcome = try bundle.call(["state", "damaged"])
            #expect(outcome.code == 1 && outcome.errors.contains("damaged"), "\(outcome)")
            #expect(try bundle.call(["list", "-q"]).output.contains(bundle.identifier))
            try bundle.succeed("delete", "--force", "damaged")
            #expect(!FileManager.default.fileExists(atPath: "\(bundle.stateRoot)/damaged"))
        }
    }

    @Test func theLogHoldsTheSameLineAsStandardError() throws {
        for format in ["json", "text"] {
            let bundle = try TemporaryBundle { $0.root.path = "nowhere" }
            bundle.globalOptions = ["--log", bundle.path("log"), "--log-format", format]
            let outcome = try bundle.run()
            let log = try String(contentsOfFile: bundle.path("log"), encoding: .utf8)
            #expect(log.contains("nowhere") && outcome.errors.contains("nowhere"))
            if format == "json" {
                let line = try JSON(parsing: String(log.split(separator: "\n").last ?? ""))
                #expect(line.level == "error" && line.msg.text != nil && line.time.text != nil)
            } else {
                #expect(log.contains("level=error msg="))
            }
        }
    }
}

import Foundation
import TestSupport
import Testing

/// `exec`: one more process in a container that runs.
@Suite(.requires(.root)) struct ExecTests {
    private func report(
        _ bundle: TemporaryBundle, _ options: [String], _ arguments: String...,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Report {
        let outcome = try bundle.call(["exec"] + options + [bundle.identifier, "/bin/probe"] + arguments)
        try #require(outcome.succeeded, "\(outcome)", sourceLocation: sourceLocation)
        return Report(outcome.output)
    }

    @Test(.requires(.container)) func anExecIsInAllTheContainersNamespaces() throws {
        let bundle = try TemporaryBundle {
            $0.setNamespace("cgroup")
            $0.setNamespace("time")
        }
        try bundle.withRunning { _ throws in
            let seen = try report(bundle, [], "namespaces")
            let pid = try bundle.state().pid.number ?? 0
            for kind in ["cgroup", "ipc", "mnt", "net", "pid", "time", "uts"] {
                let link = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/ns/\(kind)")
                #expect(seen[kind] == link, "\(kind)")
            }
        }
    }

    /// The stage of an exec goes on in a child, which may be faster than the stage that has to tell of it.
    @Test(.requires(.container, .program("strace"))) func theStatusIsTheProgramsAlsoWhereTheStageIsSlowToFork() throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            bundle.wrapper = ["strace", "-f", "-q", "-o", "/dev/null", "--inject=clone3:delay_exit=300000"]
            #expect(try bundle.exec("/bin/sh", "-c", "exit 7").status == .exited(7))
        }
        bundle.wrapper = []
    }

    @Test(.requires(.container)) func anExecIsInTheContainersUserNamespace() throws {
        let bundle = try TemporaryBundle {
            $0.setNamespace("user")
            $0.linux.uidMappings = [["containerID": 0, "hostID": 100_000, "size": 65536]]
            $0.linux.gidMappings = [["containerID": 0, "hostID": 100_000, "size": 65536]]
        }
        try bundle.withRunning { _ throws in
            let outcome = try bundle.exec("/bin/sh", "-c", "id -u; cat /proc/self/uid_map")
            let fields = outcome.output.split(whereSeparator: \.isWhitespace).map(String.init)
            #expect(fields == ["0", "0", "100000", "65536"], "\(outcome)")
        }
    }

    @Test(.requires(.container)) func anExecIsInTheContainersCgroup() throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            let lines = try bundle.exec("/bin/cat", "/proc/self/cgroup").output.split(separator: "\n")
            #expect(lines.contains { $0.contains(bundle.identifier) }, "\(lines)")
            #expect(lines.filter { $0.contains(":pids:") }.allSatisfy { $0.contains(bundle.identifier) })
        }
    }

    @Test func anExecHasTheContainersProcessSettingsUnlessGivenOthers() throws {
        let bundle = try TemporaryBundle {
            $0.process.env = ["PATH=/bin", "FROM=spec"]
            $0.process.cwd = "/usr"
            $0.process.user = ["uid": 1000, "gid": 1000, "umask": 0o77, "additionalGids": [7]]
            $0.process.rlimits = [["type": "RLIMIT_NOFILE", "soft": 100, "hard": 200]]
            $0.process.oomScoreAdj = 300
        }
        try bundle.withRunning { _ throws in
            let identity = try report(bundle, [], "identity")
            #expect(identity["uid"] == "1000 1000 1000" && identity["groups"] == "7" && identity["cwd"] == "/usr")
            #expect(identity["umask"] == "0077")
            #expect(try report(bundle, [], "environment")["FROM"] == "spec")
            #expect(try report(bundle, [], "limits")["RLIMIT_NOFILE"] == "100 200")
            #expect(try report(bundle, [], "scheduling")["oomScoreAdj"] == "300")
            #expect(try report(bundle, [], "capabilities")["noNewPrivileges"] == "1")
        }
    }

    @Test func theOptionsOfExecChangeTheProcess() throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            let identity = try report(bundle, ["--user", "1000:2000", "--cwd", "/usr"], "identity")
            #expect(identity["uid"] == "1000 1000 1000" && identity["gid"] == "2000 2000 2000")
            #expect(identity["cwd"] == "/usr")
            let environment = try report(bundle, ["--env", "A=1", "--env=B=2"], "environment")
            #expect(environment["A"] == "1" && environment["B"] == "2")
            #expect(
                try report(bundle, ["--user", "0", "--cap", "CAP_NET_RAW"], "capabilities")["permitted"]
                    == "\(String(1 << 0 | 1 << 1 | 1 << 5 | 1 << 10 | 1 << 13 | 1 << 29, radix: 16))")
        }
    }

    @Test func additionalGroupsOfAnExecAreSet() throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            #expect(
                try report(bundle, ["--additional-gids", "50", "--additional-gids=60"], "identity")["groups"] == "50 60"
            )
        }
    }

    @Test func aProcessFileReplacesTheWholeProcess() throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            let file = try bundle.file(
                "process.json",
                """
                {"args": ["/bin/probe", "identity"], "cwd": "/bin", "env": ["PATH=/bin"],
                 "user": {"uid": 5, "gid": 6, "additionalGids": [7]}}
                """)
            for arguments in [["--process", file], ["--process=\(file)"], ["-p", file]] {
                let outcome = try bundle.call(["exec"] + arguments + [bundle.identifier])
                let seen = Report(outcome.output)
                #expect(seen["uid"] == "5 5 5" && seen["gid"] == "6 6 6" && seen["groups"] == "7", "\(outcome)")
                #expect(seen["cwd"] == "/bin")
            }
        }
    }

    @Test func aProcessFileWithAFaultIsRefusedWithThePath() throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            let file = try bundle.file("process.json", #"{"args": "sh", "cwd": "/", "user": {"uid": 0, "gid": 0}}"#)
            expectRefusal(try bundle.call(["exec", "--process", file, bundle.identifier]), naming: "args")
            let missing = try bundle.call(["exec", "--process", "/no/such.json", bundle.identifier])
            expectRefusal(missing, naming: "/no/such.json", "no such file or directory")
        }
    }

    @Test func aDetachedExecLeavesItsPidBehind() throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            let file = bundle.path("exec.pid")
            let outcome = try bundle.exec("/bin/sleep", "777", options: ["--detach", "--pid-file", file])
            #expect(outcome.succeeded, "\(outcome)")
            let pid = try String(contentsOfFile: file, encoding: .utf8)
            func command() -> Data { FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") ?? Data() }
            if RuntimeUnderTest.current.isolation == .vm {
                // The program is a process of the guest's; on the host somebody holds its streams and ends as it does.
                #expect(String(decoding: command(), as: UTF8.self).contains("\u{0}\(bundle.identifier)\u{0}"))
                #expect(try eventually { try bundle.exec("/bin/ps").output.contains("/bin/sleep 777") })
            } else {
                #expect(eventually(timeout: 5) { command() == Data("/bin/sleep\u{0}777\u{0}".utf8) })
            }
        }
    }

    @Test func aDetachedExecIsItsCallersToWaitFor() throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            let arguments = [
                "exec", "--detach", "--pid-file", bundle.path("pid"), bundle.identifier, "/bin/sh", "-c", "exit 9",
            ]
            let outcome = try ChildProcess.run([Probe.path.get(), "host-subreaper"] + bundle.command(arguments))
            let pid = try String(contentsOfFile: bundle.path("pid"), encoding: .utf8)
            #expect(outcome.output.contains("orphan=\(pid) exited 9\n"), "\(outcome)")
        }
    }

    @Test func standardInputReachesAnExec() throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            let outcome = try bundle.call(["exec", bundle.identifier, "/bin/cat"], input: Array("through".utf8))
            #expect(outcome.output == "through")
        }
    }

    @Test func anExecIntoAPausedContainerIsRefusedUnlessToldToWait() throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            try bundle.succeed("pause", bundle.identifier)
            let outcome = try bundle.exec("/bin/true")
            #expect(outcome.code != 0 && outcome.errors.contains("paused"), "\(outcome)")
            guard RuntimeUnderTest.current.kind != .crun else { return }
            let arguments = ["exec", "--ignore-paused", bundle.identifier, "/bin/echo", "later"]
            let waiting = try ChildProcess(bundle.command(arguments))
            usleep(200_000)
            try bundle.succeed("resume", bundle.identifier)
            let later = waiting.finish()
            #expect(later.line == "later", "\(later)")
        }
    }

    @Test func anExecIntoAStoppedContainerIsRefused() throws {
        let bundle = try TemporaryBundle()
        _ = try bundle.create(["/bin/true"])
        try bundle.succeed("start", bundle.identifier)
        #expect(try bundle.wait(for: "stopped"))
        expectRefusal(try bundle.exec("/bin/true"), naming: "stopped")
        try bundle.succeed("delete", bundle.identifier)
    }

    @Test func anExecOfAUserWithoutRightsCannotReadTheRuntimesDescriptors() throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            let open = try report(bundle, [], "descriptors").keys
            #expect(open == ["0", "1", "2"])
        }
    }

    @Test(.requires(.cgroupV1("pids"))) func cgroupPutsTheExecIntoACgroupBelow() throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            for controller in ["pids", "cpu"] {
                guard let top = CgroupView.hierarchy(controller) else { continue }
                mkdir("\(top)/\(bundle.identifier)/below", 0o755)
            }
            let outcome = try bundle.exec("/bin/cat", "/proc/self/cgroup", options: ["--cgroup", "pids:below"])
            let lines = outcome.output.split(separator: "\n").map(String.init)
            #expect(lines.contains { $0.hasSuffix(":pids:/\(bundle.identifier)/below") }, "\(outcome)")
        }
    }

    @Test func theRuntimesOwnBinaryIsOutOfTheContainersReach() throws {
        // CVE-2019-5736: /proc/PID/exe of the entering process, opened for writing from inside.
        let bundle = try TemporaryBundle()
        let script = """
            while :; do for p in /proc/[0-9]*; do
              n=${p#/proc/}; [ $n -gt 1 ] && [ $n != $$ ] && ( : >> $p/exe ) 2>/dev/null && echo "opened $(readlink $p/exe)" >> /tmp/log
            done; done
            """
        let path = RuntimeUnderTest.current.path
        let before = FileManager.default.contents(atPath: path)
        try bundle.withRunning(["/bin/sh", "-c", script]) { _ throws in
            for _ in 0..<10 { _ = try bundle.exec("/bin/true") }
        }
        #expect(FileManager.default.contents(atPath: path) == before)
        let log =
            FileManager.default.contents(atPath: "\(bundle.rootfs)/tmp/log").map { String(decoding: $0, as: UTF8.self) }
            ?? ""
        let foreign = log.split(separator: "\n").filter { !$0.contains("busybox") && !$0.contains("(deleted)") }
        #expect(foreign.isEmpty, "\(foreign)")
    }
}

import Foundation
import TestSupport
import Testing

extension Requirement {
    /// A systemd that can be asked for scopes; `Tests/Lab/with-systemd` has one.
    static let systemd = Requirement("systemd as PID 1, and its D-Bus") {
        ["/run/systemd/system", "/run/dbus/system_bus_socket"].allSatisfy(FileManager.default.fileExists(atPath:))
    }
}

/// Containers in scopes that systemd makes: `--systemd-cgroup`, and the engines' form of `linux.cgroupsPath`.
@Suite(.requires(.root, .unifiedCgroups, .program("systemctl"), .systemd)) struct SystemdTests {
    /// A bundle whose container is to be in the scope `mvt-IDENTIFIER.scope` of a slice in a slice.
    private func bundle(_ change: (inout JSON) -> Void = { _ in }) throws -> TemporaryBundle {
        let bundle = try TemporaryBundle(change)
        bundle.globalOptions = ["--systemd-cgroup"]
        bundle.spec.linux.cgroupsPath = .string("mvt-tests.slice:mvt:\(bundle.identifier)")
        return bundle
    }

    private func unit(_ bundle: TemporaryBundle) -> String { "mvt-\(bundle.identifier).scope" }

    /// What systemd says of a property of a unit.
    private func property(_ name: String, of unit: String) throws -> String {
        try ChildProcess.run(["systemctl", "show", "--property", name, "--value", unit]).line
    }

    /// What a file of the cgroup of the container's process says.
    private func file(_ name: String, of bundle: TemporaryBundle) throws -> String? {
        let path = "/proc/\(Int(try bundle.state().pid.number ?? 0))/cgroup"
        let text = String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
        let cgroup = text.split(separator: "\n").first.map { $0.dropFirst(3) } ?? ""
        guard let data = FileManager.default.contents(atPath: "/sys/fs/cgroup\(cgroup)/\(name)") else { return nil }
        return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .newlines)
    }

    @Test func theScopeHasTheNameAndTheSliceThatTheEngineGives() throws {
        let bundle = try bundle()
        let path = "/sys/fs/cgroup/mvt.slice/mvt-tests.slice/\(unit(bundle))"
        try bundle.withRunning { _ throws in
            #expect(try property("ActiveState", of: unit(bundle)) == "active")
            #expect(try property("Slice", of: unit(bundle)) == "mvt-tests.slice")
            #expect(try property("Delegate", of: unit(bundle)) == "yes")
            #expect(FileManager.default.fileExists(atPath: path))
            let outcome = try bundle.exec("/bin/cat", "/proc/self/cgroup")
            #expect(outcome.line.contains(unit(bundle)), "\(outcome)")
            try bundle.succeed("delete", "--force", bundle.identifier)
            #expect(try property("LoadState", of: unit(bundle)) == "not-found")
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }

    @Test(.requires(.mvrun)) func withoutAPathTheScopeBearsTheContainersName() throws {
        let bundle = try bundle()
        bundle.spec.linux.cgroupsPath = .null
        try bundle.withRunning { _ throws in
            #expect(try property("Slice", of: "mvrun-\(bundle.identifier).scope") == "system.slice")
        }
    }

    @Test func aNewCgroupNamespaceHasTheScopeAsItsRoot() throws {
        let bundle = try bundle { $0.setNamespace("cgroup") }
        #expect(try bundle.run(["/bin/cat", "/proc/self/cgroup"]).line == "0::/")
        #expect(try property("LoadState", of: unit(bundle)) == "not-found")
    }

    @Test func theLimitsAreInEffectAndOutliveAReload() throws {
        let resources: JSON = [
            "memory": ["limit": 67_108_864, "reservation": 33_554_432, "swap": 100_663_296],
            "cpu": ["quota": 30000, "period": 60000, "cpus": "0"], "pids": ["limit": 33],
        ]
        let bundle = try bundle { $0.linux.resources = resources }
        try bundle.withRunning { _ throws in
            for _ in 1...2 {
                #expect(try file("memory.max", of: bundle) == "67108864")
                #expect(try file("memory.low", of: bundle) == "33554432")
                #expect(try file("cpu.max", of: bundle) == "30000 60000")
                #expect(try file("cpuset.cpus", of: bundle) == "0")
                #expect(try file("pids.max", of: bundle) == "33")
                #expect(try ChildProcess.run(["systemctl", "daemon-reload"]).succeeded)
            }
        }
    }

    @Test(.requires(.mvrun)) func systemdIsToldOfTheLimitsAndOfTheirChanges() throws {
        let bundle = try bundle {
            $0.linux.resources = ["cpu": ["quota": 25500, "period": 100_000, "shares": 1024], "pids": ["limit": 33]]
        }
        try bundle.withRunning { _ throws in
            #expect(try property("CPUQuotaPerSecUSec", of: unit(bundle)) == "260ms")
            #expect(try property("CPUWeight", of: unit(bundle)) == "100")
            #expect(try property("TasksMax", of: unit(bundle)) == "33")
            try bundle.succeed("update", "--pids-limit", "44", "--memory", "100663296", bundle.identifier)
            #expect(try property("TasksMax", of: unit(bundle)) == "44")
            #expect(try property("MemoryMax", of: unit(bundle)) == "100663296")
            #expect(try file("pids.max", of: bundle) == "44")
        }
    }

    @Test func theDeviceListOutlivesAReload() throws {
        let node: JSON = ["type": "c", "path": "/dev/mine", "major": 1, "minor": 11, "fileMode": 0o666]
        let bundle = try bundle { $0.linux.devices = [node] }
        try bundle.withRunning { _ throws in
            #expect(try ChildProcess.run(["systemctl", "daemon-reload"]).succeeded)
            let outcome = try bundle.exec("/bin/probe", "open", "r", "/dev/mine", "/dev/null")
            #expect(Report(outcome.output)["/dev/mine"] == "EPERM", "\(outcome)")
            #expect(Report(outcome.output)["/dev/null"] == "ok", "\(outcome)")
        }
    }

    @Test func aContainerKilledForItsMemoryLeavesNoFailedUnit() throws {
        let bundle = try bundle { $0.linux.resources.memory = ["limit": 33_554_432] }
        #expect(try bundle.run(["/bin/probe", "allocate", "200"]).status == .exited(137))
        #expect(try property("LoadState", of: unit(bundle)) == "not-found")
    }

    @Test func aUnitThatIsInUseIsRefusedAndKeepsRunning() throws {
        let first = try bundle()
        let second = try bundle()
        second.spec.linux.cgroupsPath = first.spec.linux.cgroupsPath
        try first.withRunning { _ throws in
            expectRefusal(try second.run(), naming: unit(first))
            #expect(try first.state().status == "running")
            #expect(try property("ActiveState", of: unit(first)) == "active")
        }
    }

    @Test(.requires(.mvrun)) func anAnnotationSetsHowTheScopeEndsAndNothingElse() throws {
        let bundle = try bundle {
            $0.annotations = [
                "org.systemd.property.TimeoutStopUSec": "uint64 7000000",
                "org.systemd.property.MemoryMax": "uint64 4096",
            ]
        }
        try bundle.withRunning { creator throws in
            #expect(try property("TimeoutStopUSec", of: unit(bundle)) == "7s")
            #expect(try property("MemoryMax", of: unit(bundle)) == "infinity")
        }
    }
}

/// What is wrong with a path is said before systemd is asked.
@Suite(.requires(.root)) struct SystemdPathTests {
    @Test(arguments: ["/plain/path", "two:parts", "no-slice:mvt:web", "a--b.slice:mvt:web", "mvt.slice:mvt:"])
    func aPathThatNamesNoUnitIsRefused(path: String) throws {
        let bundle = try TemporaryBundle { $0.linux.cgroupsPath = .string(path) }
        bundle.globalOptions = ["--systemd-cgroup"]
        expectRefusal(try bundle.run())
        if RuntimeUnderTest.current.kind == .mvrun {
            expectRefusal(try bundle.run(), naming: "linux.cgroupsPath")
        }
    }

    @Test(.requires(.mvrun, .cgroupV1("memory"))) func aHostWithVersion1IsRefused() throws {
        let bundle = try TemporaryBundle { $0.linux.cgroupsPath = "mvt.slice:mvt:web" }
        bundle.globalOptions = ["--systemd-cgroup"]
        expectRefusal(try bundle.run(), naming: "--systemd-cgroup", "cgroup v1")
    }
}

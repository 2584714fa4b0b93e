import Foundation
import TestSupport
import Testing

/// runtime-spec, config-linux.md, "Control groups" and all of `resources`, on cgroup v2.
@Suite(.requires(.root, .unifiedCgroups)) struct CgroupV2Tests {
    private func files(
        _ resources: JSON, _ names: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> [String?] {
        let bundle = try TemporaryBundle { $0.linux.resources = resources }
        return try bundle.withRunning(sourceLocation: sourceLocation) { _ in names.map { bundle.cgroupFile(nil, $0) } }
    }

    @Test(.requires(.container, .cgroupV2("memory"))) func theMemoryLimitsAreTheSpecs() throws {
        let seen = try files(
            ["memory": ["limit": 67_108_864, "reservation": 33_554_432, "swap": 100_663_296]], "memory.max",
            "memory.low",
            "memory.swap.max")
        #expect(seen[0] == "67108864" && seen[1] == "33554432")
        // Version 2 limits swap alone, the spec memory and swap together. A kernel without swap accounting has no file.
        if seen[2] != nil { #expect(seen[2] == "33554432") }
    }

    @Test(.requires(.cgroupV2("memory"))) func aProgramOverItsMemoryLimitIsKilledAndTheRuntimeSaysSo() throws {
        let bundle = try TemporaryBundle { $0.linux.resources.memory = ["limit": 33_554_432] }
        // Less than a guest has in all: its kernel grants no mapping that is larger.
        let outcome = try bundle.run(["/bin/probe", "allocate", "64"])
        #expect(outcome.status == .exited(137), "\(outcome)")
        if RuntimeUnderTest.current.kind == .mvrun { #expect(outcome.errors.contains("memory"), "\(outcome)") }
    }

    @Test(.requires(.cgroupV2("memory"), .mvrun)) func checkBeforeUpdateRefusesALimitBelowWhatIsUsed() throws {
        let bundle = try TemporaryBundle { $0.linux.resources.memory = ["limit": 134_217_728] }
        try bundle.withRunning(["/bin/sh", "-c", "probe allocate 64 & sleep 1000"]) { _ throws in
            let input = Array(#"{"memory": {"limit": 4096, "checkBeforeUpdate": true}}"#.utf8)
            let outcome = try bundle.call(["update", "--resources", "-", bundle.identifier], input: input)
            #expect(outcome.code == 1 && outcome.errors.contains("memory.limit"), "\(outcome)")
            // The host's file limits the whole machine.
            if RuntimeUnderTest.current.isolation == .container {
                #expect(bundle.cgroupFile(nil, "memory.max") == "134217728")
            }
            #expect(try bundle.state().status == "running")
        }
    }

    @Test(.requires(.cgroupV2("pids"))) func theProcessLimitHolds() throws {
        let bundle = try TemporaryBundle { $0.linux.resources.pids = ["limit": 10] }
        let seen = try bundle.probe("fork", "50")
        #expect(seen["forked"] == "9" && seen["failure"] == "EAGAIN")
    }

    @Test(.requires(.cgroupV2("cpu"))) func theQuotaPeriodAndBurstOfTheCPUAreTheSpecs() throws {
        let seen = try files(
            ["cpu": ["quota": 30000, "period": 60000, "burst": 10000]], "cpu.max", "cpu.max.burst")
        #expect(seen[0] == "30000 60000")
        if seen[1] != nil { #expect(seen[1] == "10000") }
    }

    @Test(.requires(.cgroupV2("cpu")), arguments: [(2, "1"), (262_144, "10000")])
    func sharesBecomeAWeightWhoseEndsMeet(shares: Int, weight: String) throws {
        #expect(try files(["cpu": ["shares": JSON(shares)]], "cpu.weight") == [weight])
    }

    @Test(.requires(.cgroupV2("cpu"))) func idleMakesTheCgroupRunLast() throws {
        #expect(try files(["cpu": ["idle": 1]], "cpu.idle") == ["1"])
    }

    @Test(.requires(.container, .cgroupV2("cpu"))) func theCPUQuotaHolds() throws {
        let bundle = try TemporaryBundle { $0.linux.resources.cpu = ["quota": 10000, "period": 50000] }
        let percent = try Int(bundle.probe("spin", "2000")["percent"] ?? "")
        #expect((0...40).contains(percent ?? 100), "\(percent ?? 100) % of a processor instead of 20 %")
    }

    @Test(.requires(.cgroupV2("cpuset"))) func theCpusetIsTheSpecs() throws {
        #expect(try files(["cpu": ["cpus": "0", "mems": "0"]], "cpuset.cpus", "cpuset.mems") == ["0", "0"])
    }

    @Test(.requires(.cgroupV2("io"), .file("/sys/block/vda"))) func theThrottlesOfBlockIOAreTheSpecs() throws {
        let number = try String(contentsOfFile: "/sys/block/vda/dev", encoding: .utf8).split(separator: "\n")[0]
        let parts = number.split(separator: ":").compactMap { Int($0) }
        func throttle(_ rate: Int) -> JSON { [["major": JSON(parts[0]), "minor": JSON(parts[1]), "rate": JSON(rate)]] }
        let seen = try files(
            [
                "blockIO": [
                    "throttleReadBpsDevice": throttle(1_048_576), "throttleWriteBpsDevice": throttle(2_097_152),
                    "throttleReadIOPSDevice": throttle(100), "throttleWriteIOPSDevice": throttle(200),
                ]
            ], "io.max")
        #expect(seen == ["\(number) rbps=1048576 wbps=2097152 riops=100 wiops=200"])
    }

    @Test(.requires(.cgroupV2("io"))) func theWeightOfBlockIOIsTheSpecs() throws {
        let seen = try files(["blockIO": ["weight": 300]], "io.bfq.weight", "io.weight")
        #expect(
            seen[0] == "default 300" || seen[1]?.hasPrefix("default ") == true && seen[1] != "default 100", "\(seen)")
    }

    @Test(.requires(.cgroupV2("hugetlb"))) func hugePagesAreLimited() throws {
        let resources: JSON = ["hugepageLimits": [["pageSize": "2MB", "limit": 4_194_304]]]
        #expect(try files(resources, "hugetlb.2MB.max") == ["4194304"])
    }

    @Test(.requires(.container, .cgroupV2("memory"), .cgroupV2("pids"))) func unifiedKeysAreWrittenAsTheyStand() throws
    {
        let seen = try files(["unified": ["memory.high": "50331648", "pids.max": "77"]], "memory.high", "pids.max")
        #expect(seen == ["50331648", "77"])
    }

    @Test(arguments: ["../escape", "no/slash", "memory.nope"]) func aUnifiedKeyThatIsNoFileIsRefused(key: String) throws
    {
        let bundle = try TemporaryBundle { $0.linux.resources.unified = [key: "1"] }
        expectRefusal(try bundle.run(), naming: "linux.resources.unified", key)
    }

    @Test(.requires(.container)) func theDeviceListDeniesAndAllows() throws {
        let node: JSON = ["type": "c", "path": "/dev/mine", "major": 1, "minor": 11, "fileMode": 0o666]
        let deny: JSON = ["allow": false, "access": "rwm"]
        let all: JSON = ["CAP_SYSLOG"]
        let bundle = try TemporaryBundle {
            $0.process.capabilities = ["bounding": all, "permitted": all, "effective": all]
            $0.linux.devices = [node]
            $0.linux.resources.devices = [deny]
        }
        #expect(try bundle.probe("open", "r", "/dev/mine")["/dev/mine"] == "EPERM")
        bundle.spec.linux.resources.devices.append(["allow": true, "type": "c", "major": 1, "minor": 11, "access": "r"])
        #expect(try bundle.probe("open", "r", "/dev/mine")["/dev/mine"] == "ok")
        #expect(try bundle.probe("open", "w", "/dev/mine")["/dev/mine"] == "EPERM")
    }

    @Test func theDefaultDevicesAreAllowedThoughTheListDeniesAll() throws {
        let seen = try TemporaryBundle().probe("open", "rw", "/dev/null", "/dev/zero", "/dev/ptmx", "/dev/random")
        for path in ["/dev/null", "/dev/zero", "/dev/ptmx", "/dev/random"] { #expect(seen[path] == "ok") }
    }

    @Test(.requires(.container)) func theFreezerStopsAndResumes() throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            try bundle.succeed("pause", bundle.identifier)
            #expect(bundle.cgroupFile(nil, "cgroup.freeze") == "1")
            #expect(bundle.cgroupFile(nil, "cgroup.events")?.contains("frozen 1") == true)
            try bundle.succeed("resume", bundle.identifier)
            #expect(bundle.cgroupFile(nil, "cgroup.freeze") == "0")
        }
    }

    @Test(.requires(.container, .cgroupV2("memory"), .cgroupV2("pids"))) func updateChangesTheLimits() throws {
        let bundle = try TemporaryBundle { $0.linux.resources.memory = ["limit": 67_108_864] }
        try bundle.withRunning { _ throws in
            try bundle.succeed("update", "--memory", "100663296", "--pids-limit=33", bundle.identifier)
            #expect(bundle.cgroupFile(nil, "memory.max") == "100663296" && bundle.cgroupFile(nil, "pids.max") == "33")
        }
    }

    /// The cgroups that a guest sees are its own kernel's.
    @Test(.requires(.container)) func theContainerIsInItsCgroup() throws {
        let bundle = try TemporaryBundle()
        #expect(try bundle.run(["/bin/cat", "/proc/self/cgroup"]).line == "0::/\(bundle.identifier)")
    }
}

import Foundation
import TestSupport
import Testing

/// runtime-spec, config-linux.md, "Control groups" and all of `resources`, on cgroup v1.
@Suite(.requires(.root, .cgroupV1("memory"))) struct CgroupV1Tests {
    /// Runs a container that waits and hands over what the files of its cgroup say.
    private func files(
        _ controller: String, _ resources: JSON, _ names: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> [String?] {
        let bundle = try TemporaryBundle { $0.linux.resources = resources }
        return try bundle.withRunning(sourceLocation: sourceLocation) { _ in
            names.map { bundle.cgroupFile(controller, $0) }
        }
    }

    @Test func theContainerIsInItsCgroupInEveryHierarchy() throws {
        let bundle = try TemporaryBundle { $0.linux.cgroupsPath = .string("/mvt-parent-\($0.hostname)/x") }
        bundle.spec.linux.cgroupsPath = .string("/\(bundle.identifier)/below")
        let text = try bundle.run(["/bin/cat", "/proc/self/cgroup"]).output
        for line in text.split(separator: "\n") where !line.hasPrefix("0::") {
            #expect(line.hasSuffix(":/\(bundle.identifier)/below"), "\(line)")
        }
        // The runtime removes what it made, and the parent was made on its way.
        for controller in ["memory", "pids", "cpu"] { rmdir(bundle.cgroup(controller)) }
        HostInventory(naming: bundle.identifier).remove()
    }

    @Test func withoutAPathTheCgroupBearsTheContainersName() throws {
        let bundle = try TemporaryBundle { $0.linux.cgroupsPath = nil }
        let text = try bundle.run(["/bin/cat", "/proc/self/cgroup"]).output
        #expect(text.split(separator: "\n").contains { $0.contains(":pids:") && $0.hasSuffix("/\(bundle.identifier)") })
    }

    @Test func theMemoryLimitsAreTheSpecs() throws {
        let seen = try files(
            "memory", ["memory": ["limit": 67_108_864, "reservation": 33_554_432, "disableOOMKiller": true]],
            "memory.limit_in_bytes", "memory.soft_limit_in_bytes", "memory.oom_control")
        #expect(seen[0] == "67108864" && seen[1] == "33554432")
        #expect(seen[2]?.contains("oom_kill_disable 1") == true)
    }

    @Test(.requires(.cgroupFile("memory", "memory.memsw.limit_in_bytes")))
    func theSwapLimitCountsMemoryAndSwapTogether() throws {
        let seen = try files(
            "memory", ["memory": ["limit": 67_108_864, "swap": 134_217_728]], "memory.memsw.limit_in_bytes")
        #expect(seen == ["134217728"])
    }

    @Test func theSwappinessIsTheSpecs() throws {
        #expect(try files("memory", ["memory": ["swappiness": 7]], "memory.swappiness") == ["7"])
    }

    @Test(.requires(.cgroupFile("memory", "memory.kmem.tcp.limit_in_bytes"))) func theKernelTCPLimitIsTheSpecs() throws
    {
        let seen = try files("memory", ["memory": ["kernelTCP": 16_777_216]], "memory.kmem.tcp.limit_in_bytes")
        #expect(seen == ["16777216"])
    }

    @Test func aProgramOverItsMemoryLimitIsKilledAndTheRuntimeSaysSo() throws {
        let bundle = try TemporaryBundle { $0.linux.resources.memory = ["limit": 33_554_432] }
        let outcome = try bundle.run(["/bin/probe", "allocate", "200"])
        #expect(outcome.status == .exited(137), "\(outcome)")
        if RuntimeUnderTest.current.kind == .mvrun { #expect(outcome.errors.contains("memory"), "\(outcome)") }
        #expect(try bundle.probe("allocate", "5")["allocated"] == "ok")
    }

    @Test(.requires(.mvrun)) func aMemoryLimitTooSmallToStartSaysSo() throws {
        let bundle = try TemporaryBundle { $0.linux.resources.memory = ["limit": 8192] }
        expectRefusal(try bundle.run(), naming: "memory limit", "too small")
    }

    @Test(.requires(.verb("events"))) func eventsReportsStatistics() throws {
        let bundle = try TemporaryBundle { $0.linux.resources.memory = ["limit": 67_108_864] }
        try bundle.withRunning { _ throws in
            let event = try JSON(parsing: try bundle.succeed("events", "--stats", bundle.identifier).output)
            #expect(event.type == "stats" && event.id == .string(bundle.identifier))
            #expect(event.data.memory.usage.limit == 67_108_864)
            #expect((event.data.memory.usage.usage.number ?? 0) > 0)
            #expect(event.data.pids.current == 1)
            #expect((event.data.cpu.usage.total.number ?? 0) > 0)
        }
    }

    @Test(.requires(.verb("events"))) func eventsReportsAnOutOfMemoryKill() throws {
        let bundle = try TemporaryBundle { $0.linux.resources.memory = ["limit": 33_554_432] }
        let script = "while [ ! -e /tmp/go ]; do sleep 0.05; done; probe allocate 200; sleep 1000"
        try bundle.withRunning(["/bin/sh", "-c", script]) { _ throws in
            let command = bundle.command(["events", "--interval", "1s", bundle.identifier])
            let events = try ChildProcess(command)
            try #require(events.read(until: "\"stats\"") != nil, events.explanation)
            try bundle.writeFile("/tmp/go", "")
            #expect(events.read(until: "\"oom\"", timeout: 15) != nil, events.explanation)
        }
    }

    @Test func theProcessLimitHolds() throws {
        let bundle = try TemporaryBundle { $0.linux.resources.pids = ["limit": 10] }
        let seen = try bundle.probe("fork", "50")
        #expect(seen["forked"] == "9" && seen["failure"] == "EAGAIN")
    }

    @Test func theSharesQuotaAndPeriodOfTheCPUAreTheSpecs() throws {
        let seen = try files(
            "cpu", ["cpu": ["shares": 512, "quota": 30000, "period": 60000]], "cpu.shares", "cpu.cfs_quota_us",
            "cpu.cfs_period_us")
        #expect(seen == ["512", "30000", "60000"])
    }

    @Test(.requires(.cgroupFile("cpu", "cpu.cfs_burst_us"))) func theBurstOfTheCPUIsTheSpecs() throws {
        let resources: JSON = ["cpu": ["quota": 50000, "period": 100_000, "burst": 20000]]
        #expect(try files("cpu", resources, "cpu.cfs_burst_us") == ["20000"])
    }

    @Test(.requires(.cgroupFile("cpu", "cpu.idle"))) func idleMakesTheCgroupRunLast() throws {
        #expect(try files("cpu", ["cpu": ["idle": 1]], "cpu.idle") == ["1"])
    }

    @Test(.requires(.cgroupFile("cpu", "cpu.rt_runtime_us"))) func theRealTimeBudgetIsTheSpecs() throws {
        let resources: JSON = ["cpu": ["realtimeRuntime": 1000, "realtimePeriod": 500_000]]
        #expect(try files("cpu", resources, "cpu.rt_runtime_us", "cpu.rt_period_us") == ["1000", "500000"])
    }

    @Test func theCPUQuotaHolds() throws {
        let bundle = try TemporaryBundle { $0.linux.resources.cpu = ["quota": 10000, "period": 50000] }
        let percent = try Int(bundle.probe("spin", "1000")["percent"] ?? "")
        #expect((0...40).contains(percent ?? 100), "\(percent ?? 100) % of a processor instead of 20 %")
    }

    @Test(.requires(.twoProcessors)) func theCpusetHolds() throws {
        let bundle = try TemporaryBundle { $0.linux.resources.cpu = ["cpus": "1", "mems": "0"] }
        #expect(try bundle.probe("scheduling")["affinity"] == "1")
        #expect(
            try files("cpuset", ["cpu": ["cpus": "0-1", "mems": "0"]], "cpuset.cpus", "cpuset.mems") == ["0-1", "0"])
    }

    @Test(.requires(.file("/sys/block/vda"))) func theThrottlesOfBlockIOAreTheSpecs() throws {
        let number = try String(contentsOfFile: "/sys/block/vda/dev", encoding: .utf8).split(separator: "\n")[0]
        let parts = number.split(separator: ":").compactMap { Int($0) }
        func throttle(_ rate: Int) -> JSON { [["major": JSON(parts[0]), "minor": JSON(parts[1]), "rate": JSON(rate)]] }
        let seen = try files(
            "blkio",
            [
                "blockIO": [
                    "throttleReadBpsDevice": throttle(1_048_576), "throttleWriteBpsDevice": throttle(2_097_152),
                    "throttleReadIOPSDevice": throttle(100), "throttleWriteIOPSDevice": throttle(200),
                ]
            ], "blkio.throttle.read_bps_device", "blkio.throttle.write_bps_device", "blkio.throttle.read_iops_device",
            "blkio.throttle.write_iops_device")
        #expect(seen == ["\(number) 1048576", "\(number) 2097152", "\(number) 100", "\(number) 200"])
    }

    @Test(.requires(.cgroupFile("blkio", "blkio.bfq.weight"))) func theWeightOfBlockIOIsTheSpecs() throws {
        #expect(try files("blkio", ["blockIO": ["weight": 300]], "blkio.bfq.weight") == ["300"])
    }

    @Test(.requires(.noController("io"), .hybridController("hugetlb"))) func aHybridMachinesHugePagesAreLimited() throws
    {
        let bundle = try TemporaryBundle {
            $0.linux.resources.hugepageLimits = [["pageSize": "2MB", "limit": 4_194_304]]
        }
        try bundle.withRunning { _ throws in
            let path = "/sys/fs/cgroup/unified/\(bundle.identifier)/hugetlb.2MB.max"
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "4194304\n")
        }
    }

    @Test(.requires(.noController("rdma"))) func aControllerThatIsMissingIsNamed() throws {
        let bundle = try TemporaryBundle { $0.linux.resources.rdma = ["mlx5_1": ["hcaHandles": 3]] }
        expectRefusal(try bundle.run(), naming: "linux.resources.rdma")
    }

    @Test(.requires(.noController("net_cls"))) func aNetworkClassWithoutItsControllerIsNamed() throws {
        let bundle = try TemporaryBundle { $0.linux.resources.network = ["classID": 1_048_577] }
        expectRefusal(try bundle.run(), naming: "linux.resources.network.classID")
    }

    @Test(.requires(.noController("net_prio"))) func aNetworkPriorityWithoutItsControllerIsNamed() throws {
        let bundle = try TemporaryBundle {
            $0.linux.resources.network = ["priorities": [["name": "lo", "priority": 5]]]
        }
        expectRefusal(try bundle.run(), naming: "linux.resources.network.priorities")
    }

    @Test func keysOfVersion2AreRefusedOnVersion1() throws {
        let bundle = try TemporaryBundle { $0.linux.resources.unified = ["memory.high": "1000000"] }
        expectRefusal(try bundle.run(), naming: "linux.resources.unified")
    }

    @Test(
        .requires(
            Requirement("a host without resctrl") {
                !FileManager.default.fileExists(atPath: "/sys/fs/resctrl/schemata")
            }))
    func intelRdtWithoutResctrlIsNamed() throws {
        let bundle = try TemporaryBundle { $0.linux.intelRdt = ["l3CacheSchema": "L3:0=f"] }
        expectRefusal(try bundle.run(), naming: "linux.intelRdt")
    }

    @Test func theDeviceListDeniesAndAllows() throws {
        let node: JSON = ["type": "c", "path": "/dev/fuse", "major": 10, "minor": 229, "fileMode": 0o666]
        let deny: JSON = ["allow": false, "access": "rwm"]
        let bundle = try TemporaryBundle {
            $0.linux.devices = [node]
            $0.linux.resources.devices = [deny]
        }
        #expect(try bundle.probe("open", "r", "/dev/fuse")["/dev/fuse"] == "EPERM")
        bundle.spec.linux.resources.devices = [
            deny, ["allow": true, "type": "c", "major": 10, "minor": 229, "access": "r"],
        ]
        #expect(try bundle.probe("open", "r", "/dev/fuse")["/dev/fuse"] == "ok")
        #expect(try bundle.probe("open", "rw", "/dev/fuse")["/dev/fuse"] == "EPERM")
        bundle.spec.linux.resources.devices.append(["allow": true, "type": "c", "major": 10, "access": "rw"])
        #expect(try bundle.probe("open", "rw", "/dev/fuse")["/dev/fuse"] == "ok")
        bundle.spec.linux.resources.devices.append(
            ["allow": false, "type": "c", "major": 10, "minor": 229, "access": "rwm"])
        let last = try bundle.run(["/bin/probe", "open", "r", "/dev/fuse"])
        // The kernel's list cannot take one device out of a rule for many; then the rule is refused by name.
        let refused = last.code != 0 && last.errors.contains("linux.resources.devices[3]")
        #expect(last.output.contains("EPERM") || refused, "\(last)")
    }

    @Test func aNodeMayBeMadeAndNotOpened() throws {
        // What every runtime allows beside the default devices: a package manager makes nodes that nobody opens.
        let bundle = try TemporaryBundle {
            $0.process.capabilities = [
                "bounding": ["CAP_MKNOD"], "permitted": ["CAP_MKNOD"], "effective": ["CAP_MKNOD"],
            ]
        }
        #expect(try bundle.probe("make-node", "/tmp/node", "b", "7", "99")["result"] == "ok")
        #expect(try bundle.probe("open", "r", "/tmp/node")["/tmp/node"] == "EPERM")
    }

    @Test func theDefaultDevicesAreAllowedThoughTheListDeniesAll() throws {
        let paths = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/ptmx"]
        let outcome = try TemporaryBundle().run(["/bin/probe", "open", "rw"] + paths)
        let seen = Report(outcome.output)
        for path in paths { #expect(seen[path] == "ok", "\(path): \(seen[path] ?? "")") }
    }

    @Test func theFreezerStopsAndResumes() throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            try bundle.succeed("pause", bundle.identifier)
            // A hybrid machine has a freezer in each version.
            func isFrozen() -> Bool {
                let unified = "/sys/fs/cgroup/unified/\(bundle.identifier)/cgroup.events"
                let events = FileManager.default.contents(atPath: unified).map { String(decoding: $0, as: UTF8.self) }
                return bundle.cgroupFile("freezer", "freezer.state") == "FROZEN" || events?.contains("frozen 1") == true
            }
            #expect(isFrozen())
            try bundle.succeed("resume", bundle.identifier)
            #expect(!isFrozen())
        }
    }

    @Test func updateTakesALimitFromItsOptionsAndFromAFile() throws {
        let bundle = try TemporaryBundle { $0.linux.resources.memory = ["limit": 67_108_864] }
        try bundle.withRunning { _ throws in
            try bundle.succeed(
                "update", "--memory", "100663296", "--pids-limit=33", "--cpu-share", "256", bundle.identifier)
            #expect(bundle.cgroupFile("memory", "memory.limit_in_bytes") == "100663296")
            #expect(bundle.cgroupFile("pids", "pids.max") == "33")
            #expect(bundle.cgroupFile("cpu", "cpu.shares") == "256")
            try bundle.succeed("update", "--cpu-quota", "20000", "--cpu-period", "50000", bundle.identifier)
            #expect(bundle.cgroupFile("cpu", "cpu.cfs_quota_us") == "20000")
            let file = try bundle.file("limits.json", #"{"memory": {"limit": 134217728}, "pids": {"limit": 44}}"#)
            try bundle.succeed("update", "--resources", file, bundle.identifier)
            #expect(bundle.cgroupFile("memory", "memory.limit_in_bytes") == "134217728")
            #expect(bundle.cgroupFile("pids", "pids.max") == "44" && bundle.cgroupFile("cpu", "cpu.shares") == "256")
            let input = Array(#"{"pids": {"limit": 55}}"#.utf8)
            #expect(try bundle.call(["update", "--resources=-", bundle.identifier], input: input).succeeded)
            #expect(bundle.cgroupFile("pids", "pids.max") == "55")
        }
    }

    @Test func updateRefusesWhatIsWrongAndSaysWhere() throws {
        let bundle = try TemporaryBundle { $0.linux.resources.pids = ["limit": 20] }
        try bundle.withRunning { _ throws in
            let input = Array(#"{"pids": {"limit": "many"}}"#.utf8)
            let outcome = try bundle.call(["update", "--resources", "-", bundle.identifier], input: input)
            #expect(outcome.code == 1 && outcome.errors.contains("pids.limit"), "\(outcome)")
            #expect(bundle.cgroupFile("pids", "pids.max") == "20")
        }
    }

    @Test(arguments: ["../../escape", "/../escape"]) func aPathCannotLeaveTheHierarchy(path: String) throws {
        let bundle = try TemporaryBundle()
        bundle.spec.linux.cgroupsPath = .string("\(path)/\(bundle.identifier)")
        let outcome = try bundle.run(["/bin/cat", "/proc/self/cgroup"])
        #expect(!outcome.output.contains(".."), "\(outcome)")
        #expect(!FileManager.default.fileExists(atPath: "/sys/fs/cgroup/escape"))
        HostInventory(naming: bundle.identifier).remove()
        if let top = CgroupView.hierarchy("memory") { rmdir("\(top)/escape") }
    }
}

import TestSupport
import Testing

/// runtime-spec, config.md, "Linux Process": scheduler, ioPriority, execCPUAffinity; config-linux.md, memoryPolicy.
@Suite(.requires(.root)) struct SchedulingTests {
    @Test(arguments: [("SCHED_BATCH", "3"), ("SCHED_IDLE", "5"), ("SCHED_OTHER", "0")])
    func theSchedulingPolicyAndItsNiceValueAreTheSpecs(policy: String, number: String) throws {
        let nice = policy == "SCHED_IDLE" ? 0 : 7
        let bundle = try TemporaryBundle {
            $0.process.scheduler = ["policy": .string(policy), "nice": JSON(nice)]
        }
        let seen = try bundle.probe("scheduling")
        #expect(seen["policy"] == number && seen["nice"] == "\(nice)")
    }

    @Test(arguments: [("SCHED_FIFO", "1"), ("SCHED_RR", "2")])
    func aRealTimePolicyHasItsPriority(policy: String, number: String) throws {
        let bundle = try TemporaryBundle { $0.process.scheduler = ["policy": .string(policy), "priority": 5] }
        if Requirement.cgroupFile("cpu", "cpu.rt_runtime_us").isMet() {
            // Such a kernel gives a new cgroup no real time at all.
            bundle.spec.linux.resources.cpu = ["realtimeRuntime": 10000, "realtimePeriod": 1_000_000]
        }
        let seen = try bundle.probe("scheduling")
        #expect(seen["policy"] == number && seen["priority"] == "5")
    }

    @Test func aDeadlinePolicyHasItsThreeTimes() throws {
        let bundle = try TemporaryBundle {
            $0.process.scheduler = [
                "policy": "SCHED_DEADLINE", "runtime": 1_000_000, "deadline": 20_000_000, "period": 30_000_000,
            ]
        }
        let seen = try bundle.probe("scheduling")
        #expect(seen["policy"] == "6" && seen["runtime"] == "1000000")
        #expect(seen["deadline"] == "20000000" && seen["period"] == "30000000")
    }

    @Test func theResetOnForkFlagIsSet() throws {
        let bundle = try TemporaryBundle {
            $0.process.scheduler = ["policy": "SCHED_BATCH", "flags": ["SCHED_FLAG_RESET_ON_FORK"]]
        }
        #expect(try bundle.probe("scheduling")["flags"] == "1")
    }

    @Test func anUnknownSchedulingPolicyIsRefusedByName() throws {
        let bundle = try TemporaryBundle { $0.process.scheduler = ["policy": "SCHED_MAGIC"] }
        expectRefusal(try bundle.run(), naming: "process.scheduler.policy")
    }

    @Test(arguments: [("IOPRIO_CLASS_BE", "2", 6), ("IOPRIO_CLASS_IDLE", "3", 0), ("IOPRIO_CLASS_RT", "1", 2)])
    func theIOPriorityIsTheSpecs(name: String, number: String, priority: Int) throws {
        let bundle = try TemporaryBundle {
            $0.process.ioPriority = ["class": .string(name), "priority": JSON(priority)]
        }
        let seen = try bundle.probe("scheduling")
        #expect(seen["ioClass"] == number && seen["ioPriority"] == "\(priority)")
    }

    @Test(.requires(.twoProcessors)) func anExecRunsOnTheProcessorsOfItsFinalAffinity() throws {
        let bundle = try TemporaryBundle { $0.process.execCPUAffinity = ["initial": "0", "final": "1"] }
        try bundle.withRunning { _ throws in
            let seen = Report(try bundle.exec("/bin/probe", "scheduling").output)
            #expect(seen["affinity"] == "1")
        }
    }

    @Test(.requires(.twoProcessors)) func theAffinityOfAProcessFileIsItsOwn() throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            var process = bundle.spec.process
            process.args = ["/bin/probe", "scheduling"]
            process.execCPUAffinity = ["final": "0"]
            let file = try bundle.file("process.json", process.description)
            let outcome = try bundle.call(["exec", "--process", file, bundle.identifier])
            #expect(Report(outcome.output)["affinity"] == "0", "\(outcome)")
        }
    }

    @Test(.requires(.container), arguments: [("MPOL_BIND", "2"), ("MPOL_INTERLEAVE", "3"), ("MPOL_PREFERRED", "1")])
    func theMemoryPolicyIsTheSpecs(mode: String, number: String) throws {
        let bundle = try TemporaryBundle { $0.linux.memoryPolicy = ["mode": .string(mode), "nodes": "0"] }
        let seen = try bundle.probe("scheduling")
        #expect(seen["memoryPolicy"] == number && seen["memoryNodes"] == "1")
    }

    @Test(.requires(.container)) func aMemoryPolicyHasItsFlags() throws {
        let bundle = try TemporaryBundle {
            $0.linux.memoryPolicy = ["mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]]
        }
        // get_mempolicy(2) gives the mode together with the flags: MPOL_BIND | MPOL_F_STATIC_NODES.
        #expect(try bundle.probe("scheduling")["memoryPolicy"] == "\(2 | 1 << 15)")
    }
}

import Diagnostics
import JSON
import OCI
import Testing

@Suite struct ValidationTests {
    @Test(arguments: [
        (#"{"cwd": "/"}"#, "process.args: at least the program is required (line 4)"),
        (#"{"cwd": "/", "args": [""]}"#, "process.args[0]: the program's name is empty (line 4)"),
        (#"{"cwd": "tmp", "args": ["sh"]}"#, #"process.cwd: "tmp" is not an absolute path (line 4)"#),
        (
            #"{"cwd": "/", "args": ["sh"], "oomScoreAdj": 1001}"#,
            "process.oomScoreAdj: 1001 is not from -1000 to 1000 (line 4)"
        ),
        (
            #"{"cwd": "/", "args": ["sh"], "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 8}}"#,
            "process.ioPriority.priority: 8 is not from 0 to 7 (line 4)"
        ),
        (
            #"{"cwd": "/", "args": ["sh"], "rlimits": [{"type": "RLIMIT_AS", "soft": 2, "hard": 1}]}"#,
            "process.rlimits[0].soft: 2 is above the hard limit, 1 (line 4)"
        ),
        (
            #"{"cwd": "/", "args": ["a"], "rlimits": [{"type": "RLIMIT_AS", "soft": 1, "hard": 1}, {"type": "RLIMIT_AS", "soft": 1, "hard": 1}]}"#,
            "process.rlimits[1].type: RLIMIT_AS is there twice (line 4)"
        ),
        (
            #"{"cwd": "/", "args": ["sh"], "execCPUAffinity": {"final": "3-1"}}"#,
            #"process.execCPUAffinity.final: "3-1" is not a list of numbers and ranges (line 4)"#
        ),
        (
            #"{"cwd": "/", "args": ["sh"], "scheduler": {"policy": "SCHED_OTHER", "nice": 20}}"#,
            "process.scheduler.nice: 20 is not from -20 to 19 (line 4)"
        ),
        (
            #"{"cwd": "/", "args": ["sh"], "scheduler": {"policy": "SCHED_BATCH", "priority": 1}}"#,
            "process.scheduler.priority: SCHED_BATCH has no priority (line 4)"
        ),
        (
            #"{"cwd": "/", "args": ["sh"], "scheduler": {"policy": "SCHED_FIFO"}}"#,
            "process.scheduler.priority: 0 is not from 1 to 99 (line 4)"
        ),
        (
            #"{"cwd": "/", "args": ["sh"], "scheduler": {"policy": "SCHED_RR", "priority": 1, "runtime": 5}}"#,
            "process.scheduler.runtime: SCHED_RR has no runtime (line 4)"
        ),
        (
            #"{"cwd": "/", "args": ["sh"], "scheduler": {"policy": "SCHED_DEADLINE", "runtime": 5, "deadline": 4}}"#,
            "process.scheduler.runtime: SCHED_DEADLINE needs 0 < runtime <= deadline <= period (line 4)"
        ),
        (
            #"{"cwd": "/", "args": ["sh"], "scheduler": {"policy": "SCHED_ISO"}}"#,
            "process.scheduler.policy: Linux does not implement SCHED_ISO (line 4)"
        ),
    ])
    func aProcessThatCannotBeIsRefused(process: String, expected: String) {
        #expect(refusal(config(process: process)) == expected)
    }

    @Test(arguments: [
        (#""hostname": "h""#, "hostname: it cannot be set without a UTS namespace (line 5)"),
        (#""domainname": "d""#, "domainname: it cannot be set without a UTS namespace (line 5)"),
        (#""annotations": {"": "x"}"#, #"annotations[""]: the key is empty (line 5)"#),
        (#""hooks": {"prestart": [{"path": "a"}]}"#, #"hooks.prestart[0].path: "a" is not an absolute path (line 5)"#),
        (
            #""hooks": {"poststop": [{"path": "/a", "timeout": 0}]}"#,
            "hooks.poststop[0].timeout: 0 is not greater than zero (line 5)"
        ),
        (#""vm": {"kernel": {"path": "k"}}"#, #"vm.kernel.path: "k" is not an absolute path (line 5)"#),
        (#""vm": {"hwConfig": {"vcpus": 0}}"#, "vm.hwConfig.vcpus: a machine needs a CPU (line 5)"),
    ])
    func aSectionThatCannotBeIsRefused(section: String, expected: String) {
        #expect(refusal(config(section)) == expected)
    }

    @Test(arguments: [
        (#"{"destination": "/a", "options": ["bind"]}"#, ".source: required by a bind mount, and missing (line 5)"),
        (#"{"destination": "/a", "type": "bind"}"#, ".source: required by a bind mount, and missing (line 5)"),
        (#"{"destination": "/a"}"#, ".type: required unless the mount is a bind mount, and missing (line 5)"),
        (
            #"{"destination": "/a", "source": "/a", "options": ["rbind", "size=1k"]}"#,
            #".options: a bind mount cannot have the option "size=1k" (line 5)"#
        ),
        (
            #"{"destination": "/a", "type": "proc", "options": ["tmpcopyup"]}"#,
            ".options: tmpcopyup is for a mount of the type tmpfs (line 5)"
        ),
        (
            #"{"destination": "/a", "source": "/a", "options": ["bind", "idmap"]}"#,
            ".options: an id-mapped mount needs uidMappings and gidMappings, or a container with a user namespace (line 5)"
        ),
        (
            #"{"destination": "/a", "source": "/a", "options": ["bind"], "gidMappings": [{"containerID": 0, "hostID": 0, "size": 1}]}"#,
            ".uidMappings: required beside the other mapping, and missing (line 5)"
        ),
    ])
    func aMountThatCannotBeIsRefused(mount: String, expected: String) {
        #expect(refusal(config("\"mounts\": [\(mount)]")) == "mounts[0]\(expected)")
    }

    @Test(arguments: [
        (#""namespaces": [{"type": "pid"}, {"type": "pid"}]"#, #"namespaces[1].type: "pid" is there twice (line 5)"#),
        (
            #""namespaces": [{"type": "pid", "path": "p"}]"#,
            #"namespaces[0].path: "p" is not an absolute path (line 5)"#
        ),
        (
            #""uidMappings": [{"containerID": 0, "hostID": 0, "size": 1}]"#,
            "uidMappings: mappings need a user namespace (line 5)"
        ),
        (#""namespaces": [{"type": "user"}]"#, "uidMappings: required by a new user namespace, and missing (line 5)"),
        (#""timeOffsets": {"monotonic": {}}"#, "timeOffsets: offsets need a time namespace (line 5)"),
        (
            #""namespaces": [{"type": "time", "path": "/t"}], "timeOffsets": {"monotonic": {}}"#,
            "timeOffsets: a time namespace that is joined has its own offsets (line 5)"
        ),
        (
            #""namespaces": [{"type": "time"}], "timeOffsets": {"realtime": {}}"#,
            #"timeOffsets.realtime: there is "monotonic" and "boottime" (line 5)"#
        ),
        (
            #""namespaces": [{"type": "time"}], "timeOffsets": {"boottime": {"nanosecs": 1000000000}}"#,
            "timeOffsets.boottime.nanosecs: it is a second or more (line 5)"
        ),
        (#""maskedPaths": ["/a"]"#, "maskedPaths: paths cannot be restricted without a mount namespace (line 5)"),
        (
            #""namespaces": [{"type": "mount"}], "readonlyPaths": ["a"]"#,
            #"readonlyPaths[0]: "a" is not an absolute path (line 5)"#
        ),
        (#""devices": [{"path": "d", "type": "p"}]"#, #"devices[0].path: "d" is not an absolute path (line 5)"#),
        (#""netDevices": {"eth0": {}}"#, "netDevices: interfaces cannot be moved without a network namespace (line 5)"),
        (
            #""namespaces": [{"type": "network"}], "netDevices": {"eth0": {"name": "a/b"}}"#,
            #"netDevices.eth0: "a/b" is not an interface's name (line 5)"#
        ),
        (
            #""personality": {"domain": "LINUX", "flags": ["X"]}"#,
            #"personality.flags[0]: "X" is not known; the spec has no flags yet (line 5)"#
        ),
        (#""intelRdt": {"closID": "../x"}"#, #"intelRdt.closID: "../x" is not the name of a directory (line 5)"#),
        (#""intelRdt": {"memBwSchema": "L3:0=1"}"#, #"intelRdt.memBwSchema: it does not start with "MB:" (line 5)"#),
        (#""intelRdt": {"schemata": ["a", "b\nc"]}"#, "intelRdt.schemata[1]: it has more than one line (line 5)"),
        (#""memoryPolicy": {"mode": "MPOL_BIND"}"#, "memoryPolicy.nodes: required by MPOL_BIND, and missing (line 5)"),
        (
            #""memoryPolicy": {"mode": "MPOL_LOCAL", "nodes": "0"}"#,
            "memoryPolicy.nodes: MPOL_LOCAL takes no nodes (line 5)"
        ),
    ])
    func aLinuxSectionThatCannotBeIsRefused(section: String, expected: String) {
        #expect(refusal(config(linux: section)) == "linux.\(expected)")
    }

    @Test(arguments: [
        (#""memory": {"limit": -2}"#, "memory.limit: -2 is below -1, which means no limit"),
        (#""memory": {"limit": 10, "swap": 9}"#, "memory.swap: 9 is below the memory limit, 10"),
        (
            #""memory": {"limit": -1, "swap": 9}"#,
            "memory.swap: memory and swap together cannot be limited where memory is not"
        ),
        (#""memory": {"swappiness": 101}"#, "memory.swappiness: 101 is not from 0 to 100"),
        (#""cpu": {"quota": 5, "burst": 6}"#, "cpu.burst: 6 is above the quota, 5"),
        (#""cpu": {"idle": 2}"#, "cpu.idle: 2 is not 0 or 1"),
        (#""cpu": {"cpus": "0-"}"#, #"cpu.cpus: "0-" is not a list of numbers and ranges"#),
        (#""pids": {"limit": -2}"#, "pids.limit: -2 is below -1"),
        (#""blockIO": {"weight": 9}"#, "blockIO.weight: 9 is not from 10 to 1000"),
        (
            #""blockIO": {"weightDevice": [{"major": 8, "minor": 0}]}"#,
            "blockIO.weightDevice[0]: weight or leafWeight is required"
        ),
        (
            #""hugepageLimits": [{"pageSize": "02MB", "limit": 1}]"#,
            #"hugepageLimits[0].pageSize: "02MB" is not a page size"#
        ),
        (#""rdma": {"mlx5": {}}"#, "rdma.mlx5: hcaHandles or hcaObjects is required"),
        (
            #""unified": {"../cgroup.procs": "1"}"#,
            #"unified["../cgroup.procs"]: it is not of the form CONTROLLER.PARAMETER"#
        ),
        (#""unified": {"memory": "1"}"#, "unified.memory: it is not of the form CONTROLLER.PARAMETER"),
    ])
    func limitsThatCannotBeAreRefused(section: String, expected: String) throws {
        let text = refusal(config(linux: "\"resources\": {\(section)}"))
        #expect(text.hasPrefix("linux.resources.\(expected)"))
        let resources = try Spec.Resources(Array("{\(section)}".utf8), named: "--resources")
        #expect(resources.findings.errors.map { "\($0.path): \($0.message)" } == [expected])
    }

    @Test(
        arguments: [
            ([(5, 1, 0)], "[0].size: it is 0"),
            ([(0, 0xFFFF_FFFF, 1)], "[0].hostID: the range goes beyond the last id"),
            ([(0, 100, 10), (9, 200, 1)], "[1].containerID: the range overlaps that of entry 0"),
            ([(50, 100, 10), (0, 95, 6)], "[0].hostID: the range overlaps that of entry 1"),
        ] as [([(UInt32, UInt32, UInt32)], String)])
    func mappingsThatTheKernelRefusesAreRefused(entries: [(UInt32, UInt32, UInt32)], expected: String) {
        let list = entries.map { #"{"containerID": \#($0.0), "hostID": \#($0.1), "size": \#($0.2)}"# }
        let both =
            "\"uidMappings\": [\(list.joined(separator: ","))], \"gidMappings\": [{\"containerID\": 0, \"hostID\": 0, \"size\": 1}]"
        #expect(
            refusal(config(linux: "\"namespaces\": [{\"type\": \"user\"}], \(both)"))
                == "linux.uidMappings\(expected) (line 5)")
    }

    @Test(arguments: [
        ("kernel.shmmax", "ipc", "none"), ("fs.mqueue.msg_max", "ipc", "none"),
        ("net.ipv4.ip_forward", "network", "none"),
        ("net/ipv4/conf/eno2.100/rp_filter", "network", "none"), ("kernel.domainname", "uts", "none"),
        ("user.max_user_namespaces", "user", "none"),
        ("net.ipv4.ip_forward", "ipc", "without a namespace of the type \"network\" it would change the host"),
        ("kernel.shmmax", "uts", "without a namespace of the type \"ipc\" it would change the host"),
        ("kernel.hostname", "uts", "the host name has a field of its own"),
        ("vm.swappiness", "ipc", "the parameter is not separate for any namespace, so it would change the host"),
        ("net/../vm/swappiness", "network", "the key is not the name of a kernel parameter"),
        ("net..core", "network", "the key is not the name of a kernel parameter"),
        ("hostname", "uts", "the key is not the name of a kernel parameter"),
    ])
    func aKernelParameterMustBelongToANamespaceOfTheContainer(key: String, kind: String, expected: String) {
        let mappings =
            kind == "user"
            ? #", "uidMappings": [{"containerID": 0, "hostID": 0, "size": 1}], "gidMappings": [{"containerID": 0, "hostID": 0, "size": 1}]"#
            : ""
        let text = refusal(
            config(linux: "\"namespaces\": [{\"type\": \"\(kind)\"}], \"sysctl\": {\"\(key)\": \"1\"}\(mappings)"))
        #expect(text == (expected == "none" ? "none" : "linux.sysctl\(pathComponent(key)): \(expected) (line 5)"))
    }

    @Test func aKernelParameterIsAFileBelowProcSys() {
        #expect(Spec.sysctlFile("net.ipv4.ip_forward") == "net/ipv4/ip_forward")
        #expect(Spec.sysctlFile("net.ipv4.conf.eno2/100.rp_filter") == "net/ipv4/conf/eno2.100/rp_filter")
        #expect(Spec.sysctlFile("net/ipv4/conf/eno2.100/rp_filter") == "net/ipv4/conf/eno2.100/rp_filter")
        #expect(Spec.sysctlFile("../etc/passwd") == nil)
        #expect(Spec.sysctlFile("/net/core") == nil)
        // By bytes: the dots stand between slashes, whatever mark follows one.
        #expect(Spec.sysctlFile("net/../\u{301}core") == nil)
        #expect(Spec.sysctlFile("net.\u{301}a.b") == "net/\u{301}a/b")
    }

    @Test(arguments: [
        (
            #""defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1"#,
            "defaultErrnoRet: SCMP_ACT_ALLOW takes no error number (line 5)"
        ),
        (
            #""defaultAction": "SCMP_ACT_NOTIFY", "listenerPath": "/l""#,
            "defaultAction: SCMP_ACT_NOTIFY cannot be the default (line 5)"
        ),
        (
            #""defaultAction": "SCMP_ACT_ALLOW", "listenerMetadata": "m""#,
            "listenerMetadata: it is there without listenerPath (line 5)"
        ),
        (
            #""defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [], "action": "SCMP_ACT_LOG"}]"#,
            "syscalls[0].names: at least one system call is required (line 5)"
        ),
        (
            #""defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mknod"], "action": "SCMP_ACT_NOTIFY"}]"#,
            "listenerPath: required by SCMP_ACT_NOTIFY, and missing (line 5)"
        ),
        (
            #""defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/l", "syscalls": [{"names": ["write"], "action": "SCMP_ACT_NOTIFY"}]"#,
            "syscalls[0].action: SCMP_ACT_NOTIFY cannot be used for write (line 5)"
        ),
        (
            #""defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a"], "action": "SCMP_ACT_KILL", "errnoRet": 1}]"#,
            "syscalls[0].errnoRet: SCMP_ACT_KILL takes no error number (line 5)"
        ),
        (
            #""defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a"], "action": "SCMP_ACT_LOG", "args": [{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}]}]"#,
            "syscalls[0].args[0].index: 6 is not from 0 to 5 (line 5)"
        ),
    ])
    func aProfileThatCannotBeIsRefusedWhenItIsRead(section: String, expected: String) {
        #expect(refusal(config(linux: "\"seccomp\": {\(section)}")) == "linux.seccomp.\(expected)")
    }

    @Test(arguments: [
        (
            #"{"cwd": "/", "args": ["sh"], "capabilities": {"bounding": ["CAP_SYS_ADMN"]}}"#, "",
            #"process.capabilities.bounding[0]: "CAP_SYS_ADMN" is not a capability, and is left out"#
        ),
        (
            #"{"cwd": "/", "args": ["sh"], "capabilities": {"effective": ["CAP_KILL"]}}"#, "",
            "process.capabilities.effective: CAP_KILL is not permitted, and is left out"
        ),
        (
            #"{"cwd": "/", "args": ["sh"], "capabilities": {"permitted": ["CAP_KILL"], "ambient": ["CAP_KILL"]}}"#, "",
            "process.capabilities.ambient: CAP_KILL is not both permitted and inheritable, and is left out"
        ),
        (
            #"{"cwd": "/", "args": ["sh"], "capabilities": {"ambient": ["CAP_KILL", "CAP_CHOWN"]}}"#, "",
            "process.capabilities.ambient: CAP_KILL, CAP_CHOWN are not both permitted and inheritable, and are left out"
        ),
        (#"{"cwd": "/", "args": ["sh"], "env": ["PATH"]}"#, "", #"process.env[0]: "PATH" has no "=""#),
        (
            #"{"cwd": "/", "args": ["sh"], "user": {"umask": 1022}}"#, "",
            "process.user.umask: 1022 has more than permission bits"
        ),
        (
            #"{"cwd": "/", "args": ["sh"]}"#, #""mounts": [{"destination": "a", "type": "tmpfs"}]"#,
            #"mounts[0].destination: "a" is relative, which is deprecated; it is taken from /"#
        ),
    ])
    func whatIsProbablyNotMeantIsWarnedAbout(process: String, more: String, expected: String) throws {
        #expect(try warnings(config(process: process, more)) == [expected])
    }
}

import JSON
import OCI
import Testing

@Suite struct SpecTests {
    @Test func nullAndAbsentAndEmptyAreTheSame() throws {
        let text = config(
            process: #"{"cwd": "/", "args": ["sh"], "env": null, "apparmorProfile": "", "oomScoreAdj": null}"#,
            #""hostname": null, "mounts": null, "hooks": null, "linux": null, "vm": null, "annotations": null"#)
        #expect(try spec(text) == spec(config()))
    }

    @Test func processIsRead() throws {
        let process = try #require(
            try spec(
                config(
                    process: """
                        {
                          "terminal": true, "consoleSize": {"height": 25, "width": 80}, "cwd": "/root", "args": ["sh", ""],
                          "env": ["A=1", "B"], "user": {"uid": 1, "gid": 2, "umask": 63, "additionalGids": [5, 6]},
                          "capabilities": {"bounding": ["CAP_KILL"], "ambient": ["CAP_CHOWN"]},
                          "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 18446744073709551615}],
                          "noNewPrivileges": true, "apparmorProfile": "a", "selinuxLabel": "s", "oomScoreAdj": -5,
                          "scheduler": {"policy": "SCHED_FIFO", "priority": 9, "flags": ["SCHED_FLAG_RESET_ON_FORK"]},
                          "ioPriority": {"class": "IOPRIO_CLASS_IDLE", "priority": 4},
                          "execCPUAffinity": {"initial": "7", "final": "0-3,7"}
                        }
                        """)
            ).process)
        #expect(process.terminal && process.noNewPrivileges)
        #expect(process.consoleSize == Spec.ConsoleSize(height: 25, width: 80))
        #expect(process.args == ["sh", ""])
        #expect(process.env == ["A=1", "B"])
        #expect(process.cwd == "/root")
        #expect((process.user.uid, process.user.gid, process.user.umask) == (1, 2, 63))
        #expect(process.user.additionalGids == [5, 6])
        #expect(process.capabilities?.bounding == ["CAP_KILL"])
        #expect(process.capabilities?.ambient == ["CAP_CHOWN"])
        #expect(process.rlimits == [Spec.ResourceLimit(.openFiles, soft: 1024, hard: .max)])
        #expect((process.apparmorProfile, process.selinuxLabel) == ("a", "s"))
        #expect(process.oomScoreAdj == -5)
        #expect(process.scheduler?.policy == .firstInFirstOut)
        #expect(process.scheduler?.priority == 9)
        #expect(process.scheduler?.flags == [.resetOnFork])
        #expect(process.ioPriority?.mask == 24580)
        #expect((process.execCPUAffinity?.initial, process.execCPUAffinity?.final) == ("7", "0-3,7"))
    }

    @Test func mountsHooksAndAnnotationsKeepTheirOrder() throws {
        let spec = try spec(
            config(
                """
                "hostname": "h", "domainname": "d", "annotations": {"z": "1", "a": "2"},
                "mounts": [
                  {"destination": "/b", "type": "tmpfs", "source": "tmpfs", "options": ["ro", "size=1k"]},
                  {"destination": "/a", "uidMappings": [{"containerID": 1, "hostID": 2, "size": 3}]}
                ],
                "hooks": {
                  "poststop": [{"path": "/p", "args": ["p", "q"], "env": ["E=1"], "timeout": 5}, {"path": "/r"}]
                }
                """))
        #expect((spec.hostname, spec.domainname) == ("h", "d"))
        #expect(spec.annotations == [Entry(key: "z", value: "1"), Entry(key: "a", value: "2")])
        #expect(spec.annotation("a") == "2")
        #expect(spec.annotation("b") == nil)
        #expect(spec.mounts.map(\.destination) == ["/b", "/a"])
        #expect(spec.mounts[0].options == ["ro", "size=1k"])
        #expect(spec.mounts[1].uidMappings == [Spec.IDMapping(containerID: 1, hostID: 2, size: 3)])
        #expect(spec.hooks[.poststop].map(\.path) == ["/p", "/r"])
        #expect(spec.hooks[.poststop][0].args == ["p", "q"])
        #expect(spec.hooks[.poststop][0].timeout == 5)
        #expect(spec.hooks[.prestart].isEmpty)
        #expect(!spec.hooks.isEmpty)
    }

    @Test func resourcesAreRead() throws {
        let resources = try #require(
            try spec(
                config(
                    linux: """
                        "resources": {
                          "devices": [{"allow": false}, {"allow": true, "type": "c", "major": 1, "minor": -1, "access": "rm"}],
                          "memory": {"limit": -1, "swap": 5, "swappiness": 60, "disableOOMKiller": true},
                          "cpu": {"shares": 2, "quota": -1, "burst": 7, "cpus": "0-3", "mems": "0", "idle": 1},
                          "pids": {"limit": 0},
                          "blockIO": {
                            "weight": 10, "weightDevice": [{"major": 8, "minor": 0, "weight": 500}],
                            "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 600}]
                          },
                          "hugepageLimits": [{"pageSize": "2MB", "limit": 4096}],
                          "network": {"classID": 7, "priorities": [{"name": "eth0", "priority": 500}]},
                          "rdma": {"mlx5_1": {"hcaHandles": 3}}, "unified": {"io.max": "x"}
                        }
                        """)
            ).linux.resources)
        #expect(
            resources.devices == [
                .init(allow: false, type: .all, major: nil, minor: nil, access: .all),
                .init(allow: true, type: .character, major: 1, minor: nil, access: [.read, .mknod]),
            ])
        #expect((resources.memory?.limit, resources.memory?.swap, resources.memory?.swappiness) == (-1, 5, 60))
        #expect(resources.memory?.disableOOMKiller == true)
        #expect(resources.memory?.reservation == nil)
        #expect(
            (resources.cpu?.shares, resources.cpu?.quota, resources.cpu?.burst, resources.cpu?.idle) == (2, -1, 7, 1))
        #expect((resources.cpu?.cpus, resources.cpu?.mems) == ("0-3", "0"))
        #expect(resources.pids?.limit == 0)
        #expect(resources.blockIO?.weightDevice.first?.weight == 500)
        #expect(resources.blockIO?.throttleReadBpsDevice.first?.rate == 600)
        #expect(resources.hugepageLimits.first?.pageSize == "2MB")
        #expect(resources.network?.priorities.first?.name == "eth0")
        #expect(resources.rdma.first?.value.hcaHandles == 3)
        #expect(resources.unified == [Entry(key: "io.max", value: "x")])
    }

    @Test func theLinuxSectionIsRead() throws {
        let linux = try spec(
            config(
                linux: """
                    "namespaces": [{"type": "network", "path": "/run/netns/a"}, {"type": "time"}],
                    "sysctl": {"net.ipv4.ip_forward": "1"}, "cgroupsPath": "/c", "rootfsPropagation": "rslave",
                    "devices": [{"path": "/dev/f", "type": "c", "major": 10, "minor": 229, "fileMode": 438, "uid": 1}],
                    "netDevices": {"eth1": {"name": "net%d"}, "eth2": {}}, "maskedPaths": ["/m"], "readonlyPaths": ["/r"],
                    "mountLabel": "l", "personality": {"domain": "LINUX32"}, "timeOffsets": {"boottime": {"secs": -3}},
                    "intelRdt": {"closID": "g", "schemata": ["L3:0=f"], "enableMonitoring": true},
                    "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]}
                    """)
        ).linux
        #expect(linux.namespace(.network) == Spec.Namespace(.network, path: "/run/netns/a"))
        #expect(linux.namespace(.time) == Spec.Namespace(.time))
        #expect(linux.namespace(.pid) == nil)
        #expect(linux.sysctl == [Entry(key: "net.ipv4.ip_forward", value: "1")])
        #expect((linux.cgroupsPath, linux.mountLabel) == ("/c", "l"))
        #expect(linux.rootfsPropagation == .rslave)
        #expect((linux.devices[0].major, linux.devices[0].minor, linux.devices[0].fileMode) == (10, 229, 438))
        #expect((linux.devices[0].uid, linux.devices[0].gid) == (1, nil))
        #expect(linux.netDevices.map(\.key) == ["eth1", "eth2"])
        #expect(linux.netDevices.map(\.value.name) == ["net%d", nil])
        #expect((linux.maskedPaths, linux.readonlyPaths) == (["/m"], ["/r"]))
        #expect(linux.personality?.domain == .linux32)
        #expect(linux.timeOffsets.first?.value.secs == -3)
        #expect(linux.intelRdt?.schemata == ["L3:0=f"])
        #expect(linux.intelRdt?.enableMonitoring == true)
        #expect((linux.memoryPolicy?.mode, linux.memoryPolicy?.nodes) == (.bind, "0"))
        #expect(linux.memoryPolicy?.flags == [.staticNodes])
    }

    @Test(arguments: ["hwConfig", "hwconfig"])
    func theMachineSectionIsReadUnderBothSpellings(key: String) throws {
        let vm = try #require(
            try spec(
                config(
                    """
                    "vm": {
                      "kernel": {"path": "/k", "parameters": ["quiet"], "initrd": "/i"}, "image": {"path": "/q"},
                      "\(key)": {"vcpus": 2, "memory": 4294967296, "iomems": [{"firstMFN": 1, "nrMFNs": 2}], "irqs": [11]}
                    }
                    """)
            ).vm)
        #expect((vm.kernel?.path, vm.kernel?.initrd) == ("/k", "/i"))
        #expect(vm.kernel?.parameters == ["quiet"])
        #expect((vm.image?.path, vm.image?.format) == ("/q", "raw"))
        #expect((vm.hwConfig?.vcpus, vm.hwConfig?.memory) == (2, 4_294_967_296))
        #expect(vm.hwConfig?.iomems.first?.nrMFNs == 2)
        #expect(vm.hwConfig?.irqs == [11])
        #expect(vm.hypervisor == nil)
    }

    @Test func aSeccompSectionStaysUnreadAndKeepsItsBytes() throws {
        let section = #"{"defaultAction": "no such action"}"#
        let seccomp = try #require(try spec(config(linux: "\"seccomp\":  \(section)")).linux.seccomp)
        #expect(seccomp.bytes.elementsEqual(section.utf8))
    }

    @Test func aSeccompSectionIsReadOnDemand() throws {
        let seccomp = try #require(
            try spec(
                config(
                    linux: """
                        "seccomp": {
                          "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
                          "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X32"], "flags": ["SECCOMP_FILTER_FLAG_LOG"],
                          "listenerPath": "/l", "listenerMetadata": "m",
                          "syscalls": [
                            {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"},
                            {"names": ["clone"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1, "args": [
                              {"index": 0, "value": 2114060288, "valueTwo": 18446744073709551615, "op": "SCMP_CMP_MASKED_EQ"}
                            ]}
                          ]
                        }
                        """)
            ).linux.seccomp?.parsed())
        #expect((seccomp.defaultAction, seccomp.defaultErrnoRet) == (.errno, 38))
        #expect(seccomp.architectures == [.x86_64, .x32])
        #expect(seccomp.architectures.map(\.libraryName) == ["x86_64", "x32"])
        #expect(seccomp.flags == [.log])
        #expect((seccomp.listenerPath, seccomp.listenerMetadata) == ("/l", "m"))
        #expect(seccomp.syscalls.map(\.names) == [["read", "write"], ["clone"]])
        #expect(seccomp.syscalls[1].errnoRet == 1)
        #expect(seccomp.syscalls[1].args[0].op == .maskedEqual)
        #expect(seccomp.syscalls[1].args[0].valueTwo == .max)
        #expect(!seccomp.notifies)
    }
}

import Diagnostics
import Glibc
import OCI
import Plans
import Testing

@testable import Planning

@Suite struct MicroVMPlanTests {
    /// A bundle with this in its config.json beside what every machine needs.
    private func bundle(
        linux: String = "", mounts: String = "", more: String = "", root: String = "", namespaces: String = ""
    ) throws -> Bundle {
        try Bundle(
            at: "/bundle",
            config: Array(
                """
                {"ociVersion": "1.2.0", "root": {"path": "rootfs"\(root)},
                 "process": {"cwd": "/", "args": ["true"], "user": {"uid": 0, "gid": 0}},
                 "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}\(mounts)],
                 "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}, {"type": "network"}\(namespaces)]\(linux)}\(more)}
                """.utf8))
    }

    private let options = MicroVMIsolation.Options(
        container: PlanOptions(id: "web", isPrivileged: true), monitor: "/usr/libexec/mvrun-vmm",
        coveredDirectory: "/run/mvrun/web")

    private func plan(_ bundle: Bundle) throws -> MicroVMIsolation.Plan {
        try MicroVMIsolation.plan(bundle, options: options)
    }

    @Test func aWindowIsMadeWhereAnAnnotationAsksForOne() throws {
        let without = try plan(bundle()).machine
        #expect(without.fileWindowMiB == 0 && !without.guest.hasFileWindow)
        let with = try plan(bundle(more: #", "annotations": {"dev.mvrun.vm.fs.dax": "512"}"#)).machine
        #expect(with.fileWindowMiB == 512 && with.guest.hasFileWindow)
        for text in ["", "-2", "3", "65538", "1G", "99999999999"] {
            let annotation = #", "annotations": {"dev.mvrun.vm.fs.dax": "TEXT"}"#.replacing("TEXT", with: text)
            #expect(refusal { try bundle(more: annotation) }.contains("annotations.dev.mvrun.vm.fs.dax"), "\(text)")
        }
    }

    @Test func whoeverCanHaveBroughtLinksIsWaitedFor() throws {
        #expect(!(try plan(bundle())).machine.awaitsNetwork, "a new namespace is empty")
        let hook = #", "hooks": {"createRuntime": [{"path": "/h"}]}"#
        #expect(try plan(bundle(more: hook)).machine.awaitsNetwork)
        let late = #", "hooks": {"poststart": [{"path": "/h"}]}"#
        #expect(!(try plan(bundle(more: late))).machine.awaitsNetwork)
        let text = """
            {"ociVersion": "1.2.0", "root": {"path": "rootfs"}, "annotations": {ANNOTATION},
             "process": {"cwd": "/", "args": ["true"], "user": {"uid": 0, "gid": 0}},
             "linux": {"namespaces": [{"type": "mount"}, {"type": "network", "path": "/run/netns/a"}]}}
            """
        func awaits(_ annotation: String) throws -> Bool {
            let config = text.replacing("ANNOTATION", with: annotation)
            return try plan(Bundle(at: "/bundle", config: Array(config.utf8))).machine.awaitsNetwork
        }
        #expect(try awaits(""))
        let named = #""dev.mvrun.vm.network": "web", "io.kubernetes.cri.container-name": "#
        #expect(try awaits(named + #""web""#))
        #expect(!(try awaits(named + #""side""#)))
        #expect(try awaits(#""io.kubernetes.cri.container-type": "container""#))
    }

    @Test func devicesOfTheHostMoveIntoTheMonitorsNamespaceFirst() throws {
        let plan = try plan(bundle(linux: #", "netDevices": {"eth1": {"name": "eth0"}, "eth2": {}}"#))
        #expect(plan.sandbox.launch.networkDevices.map(\.containerName) == ["eth0", "eth2"])
        #expect(plan.sandbox.stage.steps.contains(.awaitHooks), "the launcher moves them when the stage waits")
        #expect(plan.machine.awaitsNetwork)
        #expect(plan.machine.guest.sandbox.launch.networkDevices.isEmpty)
    }

    @Test func anImageIsTheRootInPlaceOfATree() throws {
        let image = #", "vm": {"image": {"path": "/images/root.raw"}}"#
        let plan = try plan(bundle(more: image, root: #", "readonly": true"#))
        #expect(plan.machine.disk == MachineDisk(readOnly: true) && plan.machine.shares.isEmpty)
        #expect(plan.machine.guest.rootDisk == MachineDisk(readOnly: true) && !plan.machine.guest.hasShares)
        #expect(plan.machine.guest.sandbox.stage.steps.contains(.prepareRoot(path: "/run/disk")))
        #expect(plan.sandbox.stage.program.handedFiles == MachineDescriptors.count + 1)
        let bind = #", {"destination": "/data", "type": "bind", "source": "/usr", "options": ["rbind"]}"#
        let both = try self.plan(bundle(mounts: bind, more: image))
        #expect(both.machine.shares.map(\.path) == ["/shares/0"] && both.machine.guest.hasShares)
        #expect(both.machine.guest.sandbox.stage.steps.contains(.prepareRoot(path: "/run/disk")))
        let other = #", "vm": {"image": {"path": "/images/root.qcow2", "format": "qcow2"}}"#
        #expect(refusal { try bundle(more: other) }.contains("vm.image.format: qcow2"))
    }

    @Test func socketsAreInADirectoryThatTheMonitorSees() throws {
        var options = options
        #expect(!(try MicroVMIsolation.plan(bundle(), options: options)).machine.offersVsock)
        options.vsockDirectory = "/run/mvrun/web/vsock"
        let plan = try MicroVMIsolation.plan(bundle(), options: options)
        #expect(plan.machine.offersVsock)
        // The monitor's root covers the container's directory, so what is in it is opened before.
        #expect(plan.sandbox.launch.trees.map(\.path).contains("/run/mvrun/web/vsock"))
    }

    private func refusal(_ make: () throws -> Bundle) -> String {
        do {
            _ = try plan(try make())
            return ""
        } catch {
            return "\(error)"
        }
    }

    @Test func theMonitorGetsNothingButItsFilesAndTheShares() throws {
        let plan = try plan(bundle())
        let mounts = plan.sandbox.stage.steps.compactMap { step -> String? in
            if case .mount(let mount) = step { mount.destination } else { nil }
        }
        #expect(mounts == ["/mvrun-vmm", "/shares/0", "/proc"])
        #expect(plan.sandbox.stage.program.arguments == ["/mvrun-vmm"])
        #expect(plan.sandbox.stage.program.handedFiles == MachineDescriptors.count)
        #expect(plan.sandbox.stage.steps.contains(.noNewPrivileges))
        #expect(!plan.sandbox.stage.waitsOnSocket)
    }

    @Test func theMonitorIsBoundedAndItsProcfsCannotBeWrittenTo() throws {
        var own = options
        own.descriptorLimit = 4096
        own.reportsForbiddenCalls = true
        let plan = try MicroVMIsolation.plan(try bundle(), options: own)
        let bounds = Dictionary(uniqueKeysWithValues: plan.sandbox.launch.resourceLimits.map { ($0.name, $0.hard) })
        #expect(bounds["RLIMIT_CORE"] == 0 && bounds["RLIMIT_NOFILE"] == 4096 && bounds["RLIMIT_MEMLOCK"] == 0)
        #expect(plan.sandbox.stage.steps.contains(.limits(plan.sandbox.launch.resourceLimits)))
        #expect(plan.machine.reportsForbiddenCalls)
        let mounts = plan.sandbox.stage.steps.compactMap { step -> MountStep? in
            if case .mount(let mount) = step { mount } else { nil }
        }
        let proc = try #require(mounts.first { $0.destination == "/proc" })
        guard case .fileSystem(_, _, let flags, let data) = proc.kind else {
            Issue.record("\(proc)")
            return
        }
        #expect(flags & 1 == 1 && data == "hidepid=2")
    }

    @Test func theMonitorsRootIsReadOnlyBeforeItIsEntered() throws {
        let steps = try plan(bundle()).sandbox.stage.steps
        let readOnly = try #require(steps.firstIndex(of: .readOnlyRoot))
        let entry = try #require(steps.firstIndex(of: .enterRoot(.pivot)))
        #expect(readOnly < entry)
    }

    @Test func aGuestsKernelParametersAreItsOwn() throws {
        let bundle = try bundle(linux: #", "sysctl": {"vm.swappiness": "1"}"#)
        let parameter = SetupStep.KernelParameter(name: "vm.swappiness", path: "vm/swappiness", value: "1")
        #expect(try plan(bundle).machine.guest.sandbox.stage.steps.contains(.sysctl([parameter])))
        #expect(throws: RuntimeError.self) {
            try ContainerIsolation.plan(bundle, options: PlanOptions(id: "web", isPrivileged: true))
        }
    }

    @Test func theGuestsMemoryComesFromTheNodesOfThePolicy() throws {
        let plan = try plan(bundle(linux: #", "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0"}"#))
        let policy = SetupStep.memoryPolicy(mode: 2, nodes: [1])
        #expect(plan.sandbox.stage.steps.contains(policy))
        #expect(!plan.machine.guest.sandbox.stage.steps.contains(policy))
    }

    @Test func theMonitorHasEveryNamespaceForItself() throws {
        let launch = try plan(bundle()).sandbox.launch
        for kind in [NamespaceKind.pid, .mount, .ipc, .uts, .network, .user] {
            #expect(launch.namespaces & kind.cloneFlag != 0, "\(kind)")
        }
        // Any user of the guest's may own files, so all ids are there, and a capability is good for these files alone.
        let all = [IDMapping(containerID: 0, hostID: 0, size: .max)]
        #expect(launch.userMappings == all && launch.groupMappings == all)
    }

    @Test func withoutPrivilegeNobodyMapsIDsThatTheBundleDoesNot() throws {
        var options = options
        options.container.isPrivileged = false
        let launch = try MicroVMIsolation.plan(bundle(), options: options).sandbox.launch
        #expect(launch.namespaces & NamespaceKind.user.cloneFlag == 0 && launch.userMappings.isEmpty)
    }

    @Test func theGuestMountsTheSharesWhereTheContainerWouldBindTheHost() throws {
        let plan = try plan(
            bundle(mounts: #", {"destination": "/data", "type": "bind", "source": "/usr", "options": ["rbind", "ro"]}"#)
        )
        #expect(plan.machine.shares.map(\.path) == ["/shares/0", "/shares/1"])
        #expect(plan.machine.shares.map(\.readOnly) == [false, true])
        let steps = plan.machine.guest.sandbox.stage.steps
        #expect(steps.contains(.prepareRoot(path: "/run/shares/0")))
        let sources = steps.compactMap { step -> String? in
            guard case .mount(let mount) = step, case .bind(.path(let path), _) = mount.kind else { return nil }
            return path
        }
        #expect(sources == ["/run/shares/1"])
    }

    @Test func theGuestKeepsItsNetworkAndNoUserNamespace() throws {
        let linux = """
            , "uidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}],
            "gidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}]
            """
        let plan = try plan(bundle(linux: linux, namespaces: #", {"type": "user"}"#))
        let inside = plan.machine.guest.sandbox.launch
        #expect(inside.namespaces & (NamespaceKind.network.cloneFlag | NamespaceKind.user.cloneFlag) == 0)
        #expect(inside.userMappings.isEmpty)
        #expect(plan.sandbox.launch.userMappings.map(\.hostID) == [100_000])
        #expect(plan.sandbox.launch.trees.map(\.path) == ["/usr/libexec/mvrun-vmm", "/bundle/rootfs"])
    }

    @Test func aReadOnlyRootGetsItsMountPointsBeforeTheGuestSeesIt() throws {
        let plan = try plan(bundle(root: #", "readonly": true"#))
        let points = SetupStep.MountPoint(path: "/proc", isFile: false)
        let cwd = SetupStep.MountPoint(path: "/", isFile: false)
        #expect(plan.sandbox.stage.steps.contains(.mountPoints(in: "/shares/0", [points, cwd])))
        #expect(plan.machine.shares[0].readOnly)
    }

    @Test func hooksOfTheHostStayThere() throws {
        let hooks = #", "hooks": {"createRuntime": [{"path": "/h"}], "startContainer": [{"path": "/s"}]}"#
        let plan = try plan(bundle(more: hooks))
        #expect(plan.sandbox.launch.runtimeHooks.map(\.path) == ["/h"])
        #expect(plan.sandbox.stage.startHooks.isEmpty)
        #expect(plan.machine.guest.sandbox.stage.startHooks.map(\.path) == ["/s"])
        #expect(plan.machine.guest.sandbox.launch.runtimeHooks.isEmpty)
    }

    @Test func sharedMemoryOfAnEngineBecomesTheGuestsOwn() throws {
        let mount = #", {"destination": "/dev/shm", "type": "bind", "source": "/nowhere", "options": ["bind"]}"#
        let plan = try plan(bundle(mounts: mount))
        #expect(plan.machine.shares.count == 1)
        let isMemory = plan.machine.guest.sandbox.stage.steps.contains { step in
            guard case .mount(let mount) = step, case .fileSystem(let type, _, _, _) = mount.kind else { return false }
            return mount.destination == "/dev/shm" && type == "tmpfs"
        }
        #expect(isMemory)
    }

    @Test func whatAGuestCannotHaveIsRefusedByItsField() {
        let device = #", "devices": [{"path": "/dev/sda", "type": "b", "major": 8, "minor": 0}]"#
        #expect(refusal { try bundle(linux: device) }.contains("linux.devices[0]"))
        #expect(refusal { try bundle(more: #", "vm": {"hypervisor": {"path": "/q"}}"#) }.contains("vm.hypervisor.path"))
        let socket = #", {"destination": "/x", "type": "bind", "source": "/dev/null", "options": ["bind"]}"#
        #expect(refusal { try bundle(mounts: socket) }.contains("mounts[1].source"))
        let overlay = #", {"destination": "/x", "type": "overlay", "source": "overlay"}"#
        #expect(refusal { try bundle(mounts: overlay) }.contains("mounts[1].type"))
        let missing = #", {"destination": "/x", "type": "bind", "source": "/no/such", "options": ["bind"]}"#
        #expect(refusal { try bundle(mounts: missing) }.contains("mounts[1].source: /no/such does not exist"))
        let cache = #", "annotations": {"dev.mvrun.vm.fs.cache": "some"}"#
        #expect(refusal { try bundle(more: cache) }.contains("annotations.dev.mvrun.vm.fs.cache"))
    }

    @Test func aPlanSurvivesTheWire() throws {
        var machine = try plan(bundle(root: #", "readonly": true"#))
        (machine.machine.awaitsNetwork, machine.machine.offersVsock) = (true, true)
        machine.machine.disk = MachineDisk(readOnly: false)
        machine.machine.guest.rootDisk = MachineDisk(readOnly: true)
        machine.machine.guest.hasShares = false
        var writer = PlanWriter()
        writer.write(machine.machine)
        writer.write(machine.sandbox)
        var reader = PlanReader(writer.bytes)
        #expect(try MachinePlan(from: &reader) == machine.machine)
        #expect(try SandboxPlan(from: &reader) == machine.sandbox)
    }
}

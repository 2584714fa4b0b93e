import Diagnostics
import OCI
import Plans

/// What a jail is for.
enum JailContent {
    /// The monitor of a machine, with the trees of the host that its guest sees.
    case monitor(MicroVMShares)
    /// The namespaces of a pod, which mvrun-vmm holds and does nothing else.
    case pod
}

/// The host's half: the sandbox of mvrun-vmm, made of the steps that make a container.
///
/// Its root is in memory and holds the shares, the monitor itself and a procfs of its own pid namespace. It is root of a user
/// namespace, the bundle's or one of all ids: its capabilities serve the files of the shares and mean nothing on the host.
struct JailPlanning {
    let bundle: Bundle
    let process: Spec.Process
    let content: JailContent
    let options: MicroVMIsolation.Options

    private var spec: Spec { bundle.spec }
    private var isMapped: Bool { spec.linux.namespace(.user) != nil }
    private var hasUserNamespace: Bool { isMapped || options.container.isPrivileged }
    /// The trees of the host that the jail has.
    private var shares: [MicroVMShares.Share] {
        switch content {
        case .monitor(let shares): shares.shares
        case .pod: []
        }
    }
    private var isPod: Bool {
        if case .pod = content { true } else { false }
    }

    /// Where the monitor is in its root.
    private static let monitor = "/mvrun-vmm"
    /// What the file server needs to act for any user of the guest: CHOWN, DAC_OVERRIDE, FOWNER, FSETID, SETGID, SETUID,
    /// MKNOD and SETFCAP, capabilities(7).
    private static let capabilities: UInt64 = [0, 1, 3, 4, 6, 7, 27, 31].reduce(0) { $0 | 1 << UInt64($1) }

    /// What bounds the monitor itself.
    ///
    /// The guest's memory does not belong into a core file, nor the monitor into a real-time class; what it has open is bounded,
    /// for the guest says what that is. Not bounded are the size of files, which the guest writes, and memory, which is the
    /// cgroup's to bound.
    private var limits: [ResourceLimit] {
        let limits: [(name: String, resource: Int32, value: UInt64)] = [
            ("RLIMIT_CORE", 4, 0), ("RLIMIT_NOFILE", 7, options.descriptorLimit), ("RLIMIT_MEMLOCK", 8, 0),
            ("RLIMIT_MSGQUEUE", 12, 0), ("RLIMIT_NICE", 13, 0), ("RLIMIT_RTPRIO", 14, 0),
        ]
        return limits.map {
            ResourceLimit(
                name: $0.name, resource: $0.resource, soft: $0.value, hard: $0.value, field: "the monitor's limits")
        }
    }

    /// The plan.
    func plan() throws(RuntimeError) -> SandboxPlan {
        let linux = jailNamespaces
        let namespaces = NamespacePlan(linux)
        var launch = LaunchPlan()
        namespaces.fill(&launch, linux)
        launch.runtimeHooks = spec.hooks.steps(.prestart) + spec.hooks.steps(.createRuntime)
        launch.networkDevices = spec.linux.networkDeviceMoves
        launch.oomScoreAdjustment = process.oomScoreAdj.map(Int.init)
        launch.resourceLimits = limits
        var program = Program(
            arguments: [Self.monitor], environment: ["SWIFT_BACKTRACE=enable=off"], workingDirectory: "/")
        if isPod {
            program.arguments.append(MachinePlan.holdOption)
        } else {
            program.handedFiles = MachineDescriptors.count + (spec.rootDisk == nil ? 0 : 1)
        }
        var trees: [LauncherTree] = []
        var stage = StagePlan(id: options.container.id, steps: try steps(namespaces, &trees), program: program)
        stage.hookState = options.container.hookState
        // A monitor waits for the start itself, with a booted machine.
        stage.waitsOnSocket = isPod && options.container.startsLater
        launch.trees = trees
        return SandboxPlan(launch: launch, stage: stage)
    }

    /// All of its own, but for a network that somebody has made for it.
    private var jailNamespaces: Spec.Linux {
        var linux = Spec.Linux()
        linux.namespaces = [Spec.Namespace(.pid), .init(.mount), .init(.ipc), .init(.uts), .init(.cgroup)]
        linux.namespaces.append(Spec.Namespace(.network, path: spec.linux.namespace(.network)?.path))
        guard hasUserNamespace else { return linux }
        linux.namespaces.append(Spec.Namespace(.user))
        let all = [Spec.IDMapping(containerID: 0, hostID: 0, size: .max)]
        linux.uidMappings = isMapped ? spec.linux.uidMappings : all
        linux.gidMappings = isMapped ? spec.linux.gidMappings : all
        return linux
    }

    private func steps(
        _ namespaces: NamespacePlan, _ trees: inout [LauncherTree]
    ) throws(RuntimeError) -> [SetupStep] {
        var steps: [SetupStep] = []
        // Joins come first: what is made afterwards belongs to what was joined.
        if let join = namespaces.joins.first {
            // The position is that of config.json, which the error names.
            let index = spec.linux.namespaces.firstIndex { $0.type == .network } ?? 0
            steps.append(
                .joinNamespaces([
                    NamespaceJoin(kind: join.kind, path: join.path, field: "linux.namespaces[\(index)].path")
                ]))
        }
        if namespaces.forks {
            steps.append(.fork(namespaces: namespaces.cloneFlags, mapped: hasUserNamespace))
        }
        steps.append(.newSession)
        if !options.container.noNewKeyring { steps.append(.newKeyring(name: "_ses.\(options.container.id)")) }
        // AFTER the stage is in its cgroup, which becomes the namespace's root; it is born there.
        steps.append(.newCgroupNamespace)
        steps += rootSteps(&trees)
        // The guest's memory is the monitor's: it comes from the nodes that the program's would.
        if let policy = spec.linux.memoryPolicy { steps.append(try policy.step) }
        steps += processSteps
        return steps
    }

    private func rootSteps(_ trees: inout [LauncherTree]) -> [SetupStep] {
        let recursiveSlave: UInt64 = 1 << 19 | 1 << 14
        // BEFORE the first mount, or it would appear on the host.
        var steps: [SetupStep] = [.propagation(recursiveSlave), .emptyRoot(at: options.coveredDirectory)]
        steps.append(.mount(bind(options.monitor, at: Self.monitor, readOnly: true, "mvrun-vmm", &trees)))
        if let directory = options.vsockDirectory {
            steps.append(.mount(bind(directory, at: MachinePlan.vsockDirectory, readOnly: false, "--vsock", &trees)))
        }
        for (position, share) in shares.enumerated() {
            steps.append(.mount(mount(share, position, &trees)))
        }
        // BEFORE the guest sees a root file system that nobody can write to, but that it mounts things on.
        if spec.root.readonly, spec.rootDisk == nil, !isPod {
            steps.append(.mountPoints(in: "\(MicroVMShares.monitorDirectory)/0", mountPoints))
        }
        // Read-only: what is found by /proc/self/fd is not, but /proc/self/mem would be a way around the protection of memory.
        steps.append(.mount(fileSystem("proc", at: "/proc", data: "hidepid=2")))
        if process.terminal {
            steps.append(.mount(fileSystem("devpts", at: "/dev/pts", data: "newinstance,ptmxmode=0666,mode=0600")))
            steps.append(
                .terminal(
                    rows: process.consoleSize?.height ?? 0, columns: process.consoleSize?.width ?? 0,
                    bindConsole: false))
        }
        // The monitor's namespaces are the only ones on the host that are the container's.
        steps += spec.hookSteps(options.container)
        steps.append(.readOnlyRoot)
        // AFTER the hooks, whose own exec would take the label, and BEFORE the host's procfs is out of sight.
        steps += process.labelSteps
        steps.append(.enterRoot(options.container.noPivot ? .move : .pivot))
        return steps
    }

    /// The monitor's identity: root of its namespace, with what its file server needs.
    private var processSteps: [SetupStep] {
        let kept = isPod ? 0 : Self.capabilities
        let sets = CapabilitySets(bounding: kept, effective: kept, inheritable: 0, permitted: kept, ambient: 0)
        return [
            .workingDirectory("/"), .boundingSet(kept), .limits(limits),
            .identity(Identity(userID: 0, groupID: 0, additionalGroups: nil, umask: 0), keepCapabilities: true),
            .capabilities(sets), .noNewPrivileges, .findProgram,
        ]
    }

    private func mount(
        _ share: MicroVMShares.Share, _ position: Int, _ trees: inout [LauncherTree]
    ) -> MountStep {
        let destination = "\(MicroVMShares.monitorDirectory)/\(position)"
        let field = share.mount.map { "mounts[\($0)]" } ?? "root.path"
        // The root file system is made read-only once the places of its mounts are there.
        var step = bind(
            share.source, at: destination, readOnly: share.readOnly && share.mount != nil, field, &trees, share)
        step.index = share.mount
        return step
    }

    private func bind(
        _ source: String, at destination: String, readOnly: Bool, _ field: String, _ trees: inout [LauncherTree],
        _ share: MicroVMShares.Share? = nil
    ) -> MountStep {
        var from = MountStep.Source.path(source)
        let recursive = share?.recursive ?? false
        // A path that only the host's root can reach is opened outside, before the user namespace takes that away.
        // What is below the directory that the root in memory covers is out of sight by then.
        let isCovered = source.hasPrefix(options.coveredDirectory + "/")
        if isCovered || share?.isMapped ?? false || (hasUserNamespace && options.container.isPrivileged) {
            trees.append(
                LauncherTree(
                    path: source, recursive: recursive, userMappings: share?.mappings.users ?? [],
                    groupMappings: share?.mappings.groups ?? [], mapsRecursively: share?.mapsRecursively ?? false,
                    mapsAsContainer: isMapped && share?.mapsAsContainer ?? false, field: field))
            from = .launcher(trees.count - 1)
        }
        var step = MountStep(index: nil, destination: destination, kind: .bind(from, recursive: recursive))
        // Only the guest executes what is shared, by its own kernel; only the guest's kernel opens devices.
        let kept: UInt64 = share == nil ? 0 : MountAttributes.noExecution.rawValue
        let set = MountAttributes.noSetUserID.rawValue | MountAttributes.noDevices.rawValue | kept
        step.attributes = MountStep.Attributes(set: set | (readOnly ? MountAttributes.readOnly.rawValue : 0))
        return step
    }

    private func fileSystem(_ type: String, at destination: String, data: String) -> MountStep {
        let flags: MountFlags = [.noSetUserID, .noDevices, .noExecution, .readOnly]
        let own: MountFlags = type == "devpts" ? [.noSetUserID, .noExecution] : flags
        return MountStep(
            index: nil, destination: destination,
            kind: .fileSystem(type: type, source: type, flags: own.rawValue, data: data))
    }

    /// Where the guest mounts something on the root file system itself.
    private var mountPoints: [SetupStep.MountPoint] {
        var points: [SetupStep.MountPoint] = []
        for (index, mount) in spec.mounts.enumerated() {
            let isCovered = points.contains { mount.destination.hasPrefix($0.path + "/") }
            if isCovered || !mount.destination.hasPrefix("/") { continue }
            let share = shares.first { $0.mount == index }
            points.append(SetupStep.MountPoint(path: mount.destination, isFile: share?.isFile ?? false))
        }
        points.append(SetupStep.MountPoint(path: process.cwd, isFile: false))
        return points
    }
}

/// What the stage gets: its steps in order, and the program at their end.
package struct StagePlan: Equatable, Sendable {
    /// The container's id, as hooks get it.
    package var id: String
    /// The steps up to the point where the stage is ready and waits for the start.
    package var steps: [SetupStep]
    /// The steps between the start and the program: a seccomp filter stands here, so that as few calls as possible are
    /// made under it.
    package var finalSteps: [SetupStep]
    /// The program.
    package var program: Program
    /// Hooks that run in the container between start and the program.
    package var startHooks: [HookStep]
    /// The state that hooks get on their standard input: a JSON object without status, pid and the closing brace, which the
    /// stage adds; empty without hooks.
    package var hookState: String
    /// Whether the stage waits on the start socket, the launcher's first descriptor, rather than on the channel.
    package var waitsOnSocket: Bool
    /// The signals 1 to 31 that the caller ignores, a bit each, the lowest for signal 1; nil where nobody has looked.
    package var ignoredSignals: UInt32?

    /// Makes a plan without hooks.
    package init(id: String, steps: [SetupStep], program: Program) {
        self.id = id
        self.steps = steps
        self.program = program
        finalSteps = []
        startHooks = []
        hookState = ""
        waitsOnSocket = false
    }
}

/// What the launcher does itself, from outside.
package struct LaunchPlan: Equatable, Sendable {
    /// The namespaces the stage is born in, CLONE_NEW* flags.
    package var namespaces: UInt64
    /// Whether those come after joined ones: the stage forks into them itself.
    package var namespacesByStage: Bool
    /// The user namespace's maps; empty without a new user namespace.
    package var userMappings: [IDMapping]
    /// The user namespace's maps of groups.
    package var groupMappings: [IDMapping]
    /// Trees that the launcher opens for the stage.
    package var trees: [LauncherTree]
    /// Hooks of the runtime's namespaces: prestart, then createRuntime.
    package var runtimeHooks: [HookStep]
    /// Limits, which the launcher sets last: the stage would stumble over them.
    package var resourceLimits: [ResourceLimit]
    /// oom_score_adj; set from outside since lowering it takes a privilege of the initial user namespace.
    package var oomScoreAdjustment: Int?
    /// The CPUs that the launcher's child starts on, a bit each (execCPUAffinity.initial); nil leaves them.
    package var initialAffinity: [UInt8]?
    /// Network devices that move into the network namespace, host name to container name.
    package var networkDevices: [NetworkDeviceMove]

    /// Makes an empty plan.
    package init() {
        namespaces = 0
        namespacesByStage = false
        userMappings = []
        groupMappings = []
        trees = []
        runtimeHooks = []
        resourceLimits = []
        networkDevices = []
    }
}

/// A tree that the launcher opens with open_tree(2), detached, for a bind mount of the stage.
package struct LauncherTree: Equatable, Sendable {
    /// The path on the host.
    package var path: String
    /// With everything mounted under it.
    package var recursive: Bool
    /// The ids it is mapped with; empty for none.
    package var userMappings: [IDMapping]
    /// The group ids it is mapped with.
    package var groupMappings: [IDMapping]
    /// Whether the mapping applies to what is mounted under it too (ridmap).
    package var mapsRecursively: Bool
    /// Whether the mapping is that of the container's own user namespace.
    package var mapsAsContainer: Bool
    /// The JSON path, for errors.
    package var field: String

    /// Describes a tree.
    package init(
        path: String, recursive: Bool, userMappings: [IDMapping], groupMappings: [IDMapping], mapsRecursively: Bool,
        mapsAsContainer: Bool, field: String
    ) {
        self.path = path
        self.recursive = recursive
        self.userMappings = userMappings
        self.groupMappings = groupMappings
        self.mapsRecursively = mapsRecursively
        self.mapsAsContainer = mapsAsContainer
        self.field = field
    }
}

/// A network device that moves into the container, runtime-spec, config-linux.md, "Network Devices".
package struct NetworkDeviceMove: Equatable, Sendable {
    /// Its name on the host.
    package var hostName: String
    /// Its name inside.
    package var containerName: String

    /// Names a device.
    package init(hostName: String, containerName: String) {
        self.hostName = hostName
        self.containerName = containerName
    }
}

/// Everything that makes a sandbox: a value, compiled from a bundle, that changes nothing until it is carried out.
package struct SandboxPlan: Equatable, Sendable {
    /// What the launcher does.
    package var launch: LaunchPlan
    /// What the stage does.
    package var stage: StagePlan

    /// Puts the two halves together.
    package init(launch: LaunchPlan, stage: StagePlan) {
        self.launch = launch
        self.stage = stage
    }
}

import Diagnostics
import OCI
import Plans

/// The order of a container's steps: the one place where it is decided, with the reasons.
struct StepOrder {
    let spec: Spec
    let process: Spec.Process
    let namespaces: NamespacePlan
    let mounts: [MountStep]
    let rootPath: String
    let options: PlanOptions
    /// The steps that turn the stage into the program's user.
    let identity: IdentitySteps

    init(
        spec: Spec, process: Spec.Process, namespaces: NamespacePlan, mounts: [MountStep], rootPath: String,
        options: PlanOptions
    ) {
        self.spec = spec
        self.process = process
        self.namespaces = namespaces
        self.mounts = mounts
        self.rootPath = rootPath
        self.options = options
        identity = IdentitySteps(process, seccomp: options.seccomp)
    }

    /// All steps up to the point where the stage waits for its start.
    func steps() throws(RuntimeError) -> [SetupStep] {
        var steps = namespaceSteps
        steps += rootSteps
        steps += spec.hookSteps(options)
        // AFTER the hooks of createContainer, which may still change what is at these paths, and BEFORE the root is
        // entered, while the host's /dev/null can be named.
        if !spec.linux.maskedPaths.isEmpty { steps.append(.maskPaths(spec.linux.maskedPaths)) }
        if !spec.linux.readonlyPaths.isEmpty { steps.append(.readOnlyPaths(spec.linux.readonlyPaths)) }
        // BEFORE the root becomes read-only.
        if process.cwd != "/" { steps.append(.makeDirectory(process.cwd)) }
        if spec.root.readonly { steps.append(.readOnlyRoot) }
        // AFTER the hooks, whose own exec would take the label, and BEFORE the host's procfs is out of sight.
        steps += process.labelSteps
        steps += enterSteps
        steps += try processSteps()
        steps += identity.beforeStart
        return steps
    }

    private var namespaceSteps: [SetupStep] {
        var steps: [SetupStep] = []
        // Joins come first: what is made afterwards belongs to what was joined.
        if !namespaces.joins.isEmpty { steps.append(.joinNamespaces(namespaces.joins)) }
        if namespaces.forks {
            steps.append(.fork(namespaces: namespaces.cloneFlags, mapped: namespaces.new.contains(.user)))
        }
        steps.append(.newSession)
        if !options.noNewKeyring { steps.append(.newKeyring(name: "_ses.\(options.id)")) }
        // AFTER the stage is in the container's cgroup, which becomes the namespace's root; it is born there.
        if namespaces.new.contains(.cgroup) { steps.append(.newCgroupNamespace) }
        if namespaces.new.contains(.time) {
            steps.append(
                .newTimeNamespace(
                    spec.linux.timeOffsets.map { entry in
                        ClockOffset(clock: entry.key, seconds: entry.value.secs, nanoseconds: entry.value.nanosecs)
                    }))
        }
        if let name = spec.hostname { steps.append(.hostname(name)) }
        if let name = spec.domainname { steps.append(.domainname(name)) }
        if namespaces.new.contains(.network) { steps.append(.loopbackUp) }
        // AFTER the namespaces whose parameters they are, and BEFORE the host's procfs is out of sight.
        if !spec.linux.sysctl.isEmpty { steps.append(.sysctl(spec.linux.sysctl.compactMap(parameter))) }
        return steps
    }

    /// A parameter; nil for a name that validation has reported.
    private func parameter(_ entry: Entry<String>) -> SetupStep.KernelParameter? {
        Spec.sysctlFile(entry.key).map {
            SetupStep.KernelParameter(name: entry.key, path: $0, value: entry.value)
        }
    }

    private var rootSteps: [SetupStep] {
        guard namespaces.has(.mount) else { return [] }
        let recursiveSlave: UInt64 = 1 << 19 | 1 << 14
        var steps: [SetupStep] = []
        // BEFORE the first mount, or it would appear on the host.
        steps.append(.propagation(spec.linux.rootfsPropagation?.flags ?? recursiveSlave))
        steps.append(.prepareRoot(path: rootPath))
        steps += mounts.map { .mount($0) }
        // AFTER the mounts, of which one is /dev. A /dev of the host is left as it is.
        if !mounts.contains(where: \.bindsDev) {
            steps.append(.devices(devices, bind: namespaces.has(.user) || !options.isPrivileged))
            steps.append(.defaultLinks)
        }
        if process.terminal {
            steps.append(
                .terminal(
                    rows: process.consoleSize?.height ?? 0, columns: process.consoleSize?.width ?? 0,
                    bindConsole: true))
        }
        return steps
    }

    private var enterSteps: [SetupStep] {
        guard namespaces.has(.mount) else { return [.prepareRoot(path: rootPath), .enterRoot(.change)] }
        var steps: [SetupStep] = [.enterRoot(options.noPivot ? .move : .pivot)]
        if let propagation = spec.linux.rootfsPropagation { steps.append(.rootPropagation(propagation.flags)) }
        return steps
    }

    /// What the program inherits beside its identity.
    private func processSteps() throws(RuntimeError) -> [SetupStep] {
        var steps: [SetupStep] = []
        if let personality = spec.linux.personality {
            steps.append(.personality(UInt64(personality.domain.number)))
        }
        if let policy = spec.linux.memoryPolicy { steps.append(try policy.step) }
        // BEFORE the privileges go: raising a priority takes one.
        steps += process.prioritySteps
        steps.append(.workingDirectory(process.cwd))
        return steps
    }

    /// The default devices (runtime-spec, config-linux.md, "Default Devices"), and those of the spec.
    private var devices: [DeviceStep] {
        let defaults: [(String, UInt32, UInt32)] = [
            ("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0),
        ]
        let own = spec.linux.devices.enumerated().map { index, device in
            DeviceStep(device, field: "linux.devices[\(index)]")
        }
        let given = defaults.filter { name, _, _ in !own.contains { $0.path == "/dev/\(name)" } }
        return given.map { name, major, minor in
            DeviceStep(
                path: "/dev/\(name)", kind: .character, major: major, minor: minor, mode: 0o666, userID: 0, groupID: 0,
                field: nil)
        } + own
    }
}

extension DeviceStep {
    fileprivate init(_ device: Spec.Device, field: String) {
        let kind: Kind =
            switch device.type {
            case .block: .block
            case .fifo: .fifo
            default: .character
            }
        self.init(
            path: device.path, kind: kind, major: UInt32(truncatingIfNeeded: device.major),
            minor: UInt32(truncatingIfNeeded: device.minor), mode: device.fileMode ?? 0o666, userID: device.uid ?? 0,
            groupID: device.gid ?? 0, field: field)
    }
}

extension MountStep {
    /// Whether this brings the /dev of somebody else.
    fileprivate var bindsDev: Bool {
        if case .bind = kind { return destination == "/dev" }
        return false
    }
}

extension Spec.MemoryPolicy {
    /// What sets it, set_mempolicy(2): it stays over an exec.
    var step: SetupStep {
        get throws(RuntimeError) {
            var words: [UInt64] = []
            if let nodes {
                guard let list = NumberList(nodes) else {
                    throw RuntimeError(
                        .invalidBundle, "config.json: linux.memoryPolicy.nodes: \"\(nodes)\" is not a list of nodes")
                }
                let bytes = list.mask
                words = [UInt64](repeating: 0, count: (bytes.count + 7) / 8)
                for (index, byte) in bytes.enumerated() { words[index / 8] |= UInt64(byte) << UInt64(index % 8 * 8) }
            }
            return .memoryPolicy(mode: flags.reduce(mode.number) { $0 | $1.bit }, nodes: words)
        }
    }
}

extension Spec {
    /// What happens between the making of a root and its entering: what the runtime does from outside, and the hooks of the
    /// container's namespaces.
    ///
    /// The runtime's hooks come first; the hooks of the container's namespaces follow (config.md, "Hooks").
    func hookSteps(_ options: PlanOptions) -> [SetupStep] {
        let own = hooks.steps(.createContainer)
        let isAwaited =
            !hooks[.prestart].isEmpty || !hooks[.createRuntime].isEmpty || !own.isEmpty || !linux.netDevices.isEmpty
            || options.awaitsNetworks
        return (isAwaited ? [.awaitHooks] : []) + (own.isEmpty ? [] : [.hooks(own)])
    }
}

extension Spec.Process {
    /// The labels that the exec takes.
    var labelSteps: [SetupStep] {
        var steps: [SetupStep] = []
        if let profile = apparmorProfile, !profile.isEmpty { steps.append(.securityLabel(.appArmor(profile))) }
        if let label = selinuxLabel, !label.isEmpty { steps.append(.securityLabel(.seLinux(label))) }
        return steps
    }
}

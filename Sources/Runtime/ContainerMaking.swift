import Cgroups
import Diagnostics
import Glibc
import JSON
import Netlink
import OCI
import Planning
import Plans
import Sandbox
import Syscalls

/// A container in the making: what exists of it so far, so that all of it can be taken back.
///
/// The order of things is that of their removal turned round: the record first, then what it names. Killed at any point,
/// mvrun leaves a record that says what `delete --force` and `gc` are to look for.
final class ContainerMaking {
    let session: Session
    let request: CreateRequest
    let bundle: Bundle
    let plan: ContainerPlan
    var directory: ContainerDirectory?
    var record: ContainerRecord
    private var launcher: Launcher?
    var hooksHaveRun = false
    /// What the started program says to the service manager; nil where nobody listens.
    private(set) var notifications: NotifyProxy?
    private var inquiry: RunningInquiry?
    private var networkDevices: NetworkDeviceTransfer?
    private var machineFiles: MachineFiles?

    /// The container's first process; 0 before it exists.
    var pid: Int32 = 0
    /// The pidfd of that process, once its program was started.
    var process: OwnedDescriptor?
    /// The terminal of a container that was restored.
    var restoredTerminal: OwnedDescriptor?
    /// Whether the process is not one of a launcher's.
    var isRestored = false

    /// Plans a container and registers it; nothing else is made yet.
    init(
        _ request: CreateRequest, in session: Session, startsLater: Bool, detached: Bool, isForeground: Bool
    ) throws(RuntimeError) {
        try StateStore.check(id: request.id)
        // Before anything is opened here, which could take the number of a descriptor that is missing.
        let handed = try HandedDescriptors(preserved: request.preservedDescriptors)
        let bundle = try request.openBundle()
        for warning in bundle.warnings { session.log.warn("config.json: \(warning.path): \(warning.message)") }
        try checkTerminal(bundle.spec.process, request.consoleSocket, detached: detached)
        var plan = try session.plan(bundle, request, startsLater: startsLater, handed: handed)
        if plan.machine != nil { try session.requireMachine() }
        var record = ContainerRecord(
            id: request.id, bundle: bundle.path, rootfs: bundle.rootPath, created: Timestamp.now.preciseText,
            owner: Credentials.effectiveUser)
        record.annotations = bundle.spec.annotations
        record.namespaces = bundle.spec.linux.namespaces.reduce(0) { flags, namespace in
            flags | (NamespaceKind(name: namespace.type.rawValue)?.cloneFlag ?? 0)
        }
        record.hasPoststart = !bundle.spec.hooks[.poststart].isEmpty
        record.hasPoststop = !bundle.spec.hooks[.poststop].isEmpty
        record.hasNetworks = plan.networks != nil
        record.isForeground = isForeground
        record.holdsPod = plan.holdsPod
        record.imageRun = request.imageRun
        if plan.machine != nil {
            record.isolation = .vm
            record.namespaces = PlanOptions.guestNamespaces(bundle.spec)
        }
        // A scope may be somebody else's until systemd has made it; ours empties itself with the process in it.
        if plan.scope == nil { record.cgroups = plan.cgroups.map(intendedCgroups) ?? [] }
        if let group = plan.resctrlGroup {
            record.resctrlGroup = group.directory
            // Until the container is made, what was made for it goes with it, whoever is to have it later.
            record.ownsResctrlGroup = !exists(group.directory)
            if let monitoring = group.monitoring, !exists(monitoring) { record.resctrlMonitoring = monitoring }
        }
        do {
            let pid = currentProcess()
            let own = try ProcessStatus(of: pid)
            record.launcher = ProcessIdentity(pid: pid, startTime: own.startTime)
            plan.sandbox.stage.ignoredSignals = own.ignoredSignals
        } catch {
            throw RuntimeError(error)
        }
        directory = try session.begin(record, config: bundle.document.bytes)
        self.session = session
        self.request = request
        self.bundle = bundle
        self.plan = plan
        self.record = record
    }

    /// Makes everything, up to the point where the program can be started.
    func launch() throws(RuntimeError) {
        do throws(RuntimeError) {
            if NotifyProxy.managerPath != nil, plan.machine == nil { try directory?.makeNotifyDirectory() }
            try makeGroups()
            let entrances = try CgroupEntrances(of: ContainerCgroups(records: record.cgroups))
            // The launcher knows the cgroups by the numbers of descriptors that somebody else keeps open.
            defer { withExtendedLifetime(entrances) {} }
            var surroundings = Launcher.Surroundings(
                initProgram: try session.openInitProgram(),
                hooks: { [unowned self] pid throws(RuntimeError) in try runHooks(pid) },
                warn: { [log = session.log] text in log.warn(text) })
            surroundings.cgroup = entrances.unified
            surroundings.cgroupTasks = entrances.tasks
            surroundings.afterClone = { [unowned self] pid throws(RuntimeError) in try enterGroups(pid) }
            surroundings.clampsLimits = request.clampsLimits
            surroundings.takeListener = { [unowned self] listener, process throws(RuntimeError) in
                if let answers = plan.answers {
                    inquiry = try RunningInquiry(listener: listener, answers)
                } else {
                    try session.send(listener, of: process, in: container, status: .creating, to: plan.listener)
                }
            }
            try prepareMachine(&surroundings)
            if plan.sandbox.stage.waitsOnSocket { surroundings.startSocket = try directory?.listenForStart() }
            launcher = Launcher(plan: plan.sandbox, surroundings: surroundings)
            try launcher?.launch()
            try register(launcher?.pid ?? 0)
            try bootMachine()
        } catch {
            let cause = limitMet(error)
            undo()
            throw cause ?? error
        }
    }

    /// Lets go of a container that another command starts.
    func proceed() throws(RuntimeError) {
        do throws(RuntimeError) {
            if let terminal = takeTerminal(), let socket = request.consoleSocket {
                try sendTerminal(terminal, toConsoleSocket: socket)
            }
            // A machine's monitor runs already: it takes the start itself.
            if plan.machine == nil, let launcher = launcher.take() { try launcher.proceed() }
        } catch {
            undo()
            throw error
        }
        launcher = nil
        networkDevices = nil
        directory = nil
    }

    /// Starts the program, and runs the hooks behind the start.
    func start() throws(RuntimeError) {
        do throws(RuntimeError) {
            if let socket = request.consoleSocket, let terminal = takeTerminal() {
                try sendTerminal(terminal, toConsoleSocket: socket)
            }
            if let path = NotifyProxy.managerPath, plan.machine == nil {
                notifications = try directory?.listenForNotifications(managerPath: path)
            }
            if plan.machine == nil { try launcher?.start() } else { try startMachine() }
            if record.hasPoststart {
                try session.runPoststartHooks(bundle.spec, of: Container(record, in: session.store))
            }
        } catch {
            undo()
            throw error
        }
        process = launcher?.process.take()
        launcher = nil
        networkDevices = nil
        directory = nil
    }

    /// The main side of the container's terminal, given away; nil where it has none.
    func takeTerminal() -> OwnedDescriptor? {
        isRestored ? restoredTerminal.take() : launcher?.terminal.take()
    }

    /// Stops to look at the program's system calls, now that it has ended, and writes down what was learnt.
    func finishInquiry() throws(RuntimeError) {
        guard let running = inquiry.take(), let request = request.seccompInquiry else { return }
        try running.finish(request)
    }

    /// The container, as it is kept.
    var container: Container { Container(record, in: session.store) }

    /// Opens what a machine's monitor works with, where the sandbox is one's.
    private func prepareMachine(_ surroundings: inout Launcher.Surroundings) throws(RuntimeError) {
        guard let machine = plan.machine,
            let files = try directory?.machineFiles(
                machine, diskPath: bundle.spec.vm?.image?.path,
                session.machineImages(kernel: plan.kernel))
        else { return }
        if machine.offersVsock {
            let launch = plan.sandbox.launch
            try directory?.makeVsockDirectory(
                user: launch.userMappings.first { $0.containerID == 0 }?.hostID ?? Credentials.effectiveUser,
                group: launch.groupMappings.first { $0.containerID == 0 }?.hostID ?? Credentials.effectiveGroup)
        }
        machineFiles = files
        surroundings.files = files.numbers
    }

    /// Executes the monitor, and waits until its guest waits for the start.
    private func bootMachine() throws(RuntimeError) {
        guard plan.machine != nil else { return }
        // The guest has a terminal of its own; this one only carries what goes there and comes from there.
        try launcher?.makeTerminalRaw()
        // AFTER the hooks, which may bring links, and BEFORE the guest is told what to do with them.
        let network = try machineNetwork()
        try launcher?.start()
        // Until the guest waits for its start: should this process be killed, it would wait for ever.
        let presence = machineFiles?.presence.take()
        defer { withExtendedLifetime(presence) {} }
        machineFiles = nil
        try network?.connect(container)
        try session.awaitGuest(container)
    }

    /// The links that the machine gets; nil where there can be none.
    private func machineNetwork() throws(RuntimeError) -> MachineNetwork? {
        guard plan.machine?.awaitsNetwork ?? false else { return nil }
        return try MachineNetwork(of: pid, spec: bundle.spec, record: &record, in: session) {
            [unowned self] changed throws(RuntimeError) in
            try directory?.replace(changed)
        }
    }

    /// Starts the program in the guest.
    private func startMachine() throws(RuntimeError) {
        let log = session.log
        do {
            try directory?.connectForStart().start(pid, warn: { log.warn($0) }, takeListener: { _ in })
        } catch let error as RuntimeError {
            throw error
        } catch let error as SystemError {
            throw RuntimeError(error).during("reach the virtual machine")
        } catch {
            throw RuntimeError(.system, "\(error)")
        }
        try directory?.forgetStartSocket()
    }

    /// Makes the container's cgroups, where systemd does not, and its group of resctrl.
    func makeGroups() throws(RuntimeError) {
        try makeCgroups()
        guard let group = plan.resctrlGroup else { return }
        let isNew = try group.makeDirectory()
        // Somebody else may have made it meanwhile.
        record.ownsResctrlGroup = record.ownsResctrlGroup && isNew
        try group.setUp(isNew: isNew)
    }

    private func makeCgroups() throws(RuntimeError) {
        guard plan.scope == nil, let plan = plan.cgroups else { return }
        // Where this fails it has made nothing that stays: what is there may be another container's.
        record.cgroups = []
        record.cgroups = try ContainerCgroups(creating: plan).records
    }

    /// Says that everything is made: what happens from now on is the container's own.
    func letGo() {
        networkDevices = nil
        directory = nil
    }

    /// Moves the container's process, before it does anything, to where it could not be born.
    func enterGroups(_ pid: Int32) throws(RuntimeError) {
        try enterScope(pid)
        try record.enterResctrlGroup(pid)
    }

    /// Has systemd make the container's scope around its process, where systemd is to do so.
    private func enterScope(_ pid: Int32) throws(RuntimeError) {
        guard let scope = plan.scope, let cgroups = plan.cgroups else { return }
        let systemd = try session.systemd()
        var properties = SystemdProperty.properties(of: cgroups)
        for annotation in record.annotations where annotation.key.hasPrefix(SystemdProperty.annotationPrefix) {
            if let property = try SystemdProperty(annotation: annotation.key, annotation.value) {
                properties.append(property)
            } else {
                session.log.warn("annotations: \(annotation.key) is ignored: an annotation may not set it")
            }
        }
        try systemd.start(scope, process: pid, container: record.id, properties: properties)
        record.systemdUnit = scope.unit
        record.cgroups = try ContainerCgroups(madeBySystemd: cgroups, around: pid).records
    }

    /// Runs the hooks of the runtime's namespaces.
    func runHooks(_ pid: Int32) throws(RuntimeError) {
        // BEFORE the hooks, which find the container's network as its program will.
        try moveNetworkDevices(pid)
        try directory?.attach(plan.networks, pid)
        let hooks = plan.sandbox.launch.runtimeHooks
        if hooks.isEmpty { return }
        hooksHaveRun = true
        record.process = try identity(of: pid)
        try Sandbox.runHooks(hooks, state: container.state(.creating, .compact))
    }

    private func moveNetworkDevices(_ pid: Int32) throws(RuntimeError) {
        let moves = plan.sandbox.launch.networkDevices
        if moves.isEmpty { return }
        let transfer = try NetworkDeviceTransfer(into: "/proc/\(pid)/ns/net")
        networkDevices = transfer
        try transfer.move(moves)
    }

    private func identity(of pid: Int32) throws(RuntimeError) -> ProcessIdentity {
        do {
            return try ProcessIdentity(of: pid)
        } catch {
            throw RuntimeError(error).during("find the container's process")
        }
    }

    /// The limit that kept the container from starting, where one did: the error by its effect would be a riddle.
    private func limitMet(_ error: RuntimeError) -> RuntimeError? {
        // execve(2) has no memory for the arguments where it says that they are too long.
        let refused = error.errno == .noMemory || error.errno == .argumentsTooLong
        guard let resources = bundle.spec.linux.resources,
            let reason = container.cgroups.limitMet(memoryRefused: refused)
        else { return nil }
        if reason.hasPrefix("the memory"), let limit = resources.memory?.limit {
            return RuntimeError(.unsupported, "linux.resources.memory.limit: \(limit): \(reason)")
        }
        guard let limit = resources.pids?.limit else { return nil }
        return RuntimeError(.unsupported, "linux.resources.pids.limit: \(limit): \(reason)")
    }

    /// Writes down what was made, for those who come later and for those who wait now.
    func register(_ pid: Int32) throws(RuntimeError) {
        self.pid = pid
        if record.process == nil { record.process = try identity(of: pid) }
        if !record.isForeground { record.launcher = nil }
        // A group with a name of its own stays for others, runtime-spec, config-linux.md, "IntelRdt".
        record.ownsResctrlGroup = record.ownsResctrlGroup && plan.resctrlGroup?.isOwn == true
        try directory?.replace(record)
        if let socket = request.pidfdSocket { try sendProcess(pid, toPidfdSocket: socket) }
        if let file = request.pidFile { try write(pid: pid, toFile: file) }
    }

    /// Takes everything back.
    ///
    /// What cannot be is said in the log, and is there for `gc`: the first failure is the answer.
    func undo() {
        launcher?.destroy()
        launcher = nil
        // Their namespace is held open until then: virtual devices end with theirs.
        for failure in networkDevices?.putBack() ?? [] { session.log.warn("\(record.id): \(failure)") }
        networkDevices = nil
        guard let directory = directory.take() else { return }
        // Hooks behind the end belong to those before the start; a container that had none of these never began.
        record.hasPoststop = record.hasPoststop && hooksHaveRun
        do throws(RuntimeError) {
            if !record.cgroups.isEmpty { try container.cgroups.kill() }
            if isRestored, pid > 0 {
                try? sendSignal(9, to: pid)
                _ = try? waitForChild(pid, cloned: true)
            }
            try session.remove(container, in: directory, force: true)
        } catch {
            session.log.warn("\(record.id): take back what was made: \(error)")
        }
    }
}

/// Refuses a terminal that nobody would hold, and a socket that nothing would come from.
func checkTerminal(_ process: Spec.Process?, _ socket: String?, detached: Bool) throws(RuntimeError) {
    let terminal = process?.terminal ?? false
    if terminal, detached, socket == nil {
        throw RuntimeError(
            .usage, "process.terminal: cannot allocate tty if mvrun will detach without setting console socket",
            hint: "pass --console-socket, or run in the foreground")
    }
    if !terminal, socket != nil {
        throw RuntimeError(
            .usage, "cannot use console socket if mvrun will not allocate tty",
            hint: "set process.terminal, or exec --tty")
    }
}

/// The cgroups that a plan is going to make, as a record that is written before: a directory that is there already is not
/// ours to remove.
private func intendedCgroups(_ plan: CgroupPlan) -> [CgroupRecord] {
    plan.memberships.map { membership in
        var missing = 0
        var path = membership.directory[...]
        while path.utf8.count > membership.mountPoint.utf8.count, !exists(String(path)) {
            missing += 1
            path = path[..<(path.lastIndex(of: "/") ?? path.startIndex)]
        }
        return CgroupRecord(
            version: membership.version, mountPoint: membership.mountPoint, controllers: membership.controllers,
            path: membership.path, madeDirectories: missing)
    }
}

extension Session {
    /// Makes the directory of a new container with what is known so far.
    fileprivate func begin(
        _ record: ContainerRecord, config: [UInt8]
    ) throws(RuntimeError) -> ContainerDirectory {
        let directory = try store.add(record.id)
        do throws(RuntimeError) {
            try directory.begin(record)
            try directory.write("config.json", config)
        } catch {
            // The first failure, a full disk perhaps, is the one to report.
            try? directory.remove()
            throw error
        }
        return directory
    }

    /// Runs the hooks behind a start.
    ///
    /// One that fails ends the container, runtime-spec, runtime.md, "Lifecycle".
    func runPoststartHooks(_ spec: Spec, of container: Container) throws(RuntimeError) {
        let hooks = spec.hooks[.poststart].enumerated().map { HookStep($1, list: "poststart", index: $0) }
        try runHooks(hooks, state: container.state(.running, .compact))
    }
}

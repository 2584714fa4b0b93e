import Diagnostics
import Plans
import Syscalls

extension Stage {
    /// Performs one step.
    func perform(_ step: SetupStep) throws {
        if try performNamespaceStep(step) { return }
        if try performFileStep(step) { return }
        try performProcessStep(step)
    }

    /// Performs a step about namespaces and what belongs to them; false for other steps.
    private func performNamespaceStep(_ step: SetupStep) throws -> Bool {
        switch step {
        case .joinNamespaces(let joins): try join(joins)
        case .joinProcess(let kinds): try joinProcess(handed[HandedPosition.process], kinds: kinds)
        case .fork(let namespaces, let mapped): try fork(namespaces: namespaces, mapped: mapped)
        case .newTimeNamespace(let offsets): try makeTimeNamespace(offsets)
        case .newCgroupNamespace:
            try unshareNamespaces(NamespaceKind.cgroup.cloneFlag, subject: "cgroup namespace")
        case .newSession: try startSession()
        case .newKeyring(let name): try joinKeyring(name)
        case .hostname(let name): try setHostName(name)
        case .domainname(let name): try setDomainName(name)
        case .loopbackUp: try bringLoopbackUp()
        case .sysctl(let parameters): try set(parameters)
        default: return false
        }
        return true
    }

    /// Performs a step about files and the root; false for other steps.
    private func performFileStep(_ step: SetupStep) throws -> Bool {
        switch step {
        case .propagation(let flags): try Mounting.mount(nil, at: "/", type: nil, flags: flags)
        case .prepareRoot(let path): try prepareRoot(path)
        case .emptyRoot(let path): try makeEmptyRoot(at: path)
        case .mount(let mount): try perform(mount)
        case .mountPoints(let tree, let points): try make(points, in: tree)
        case .devices(let devices, let bind): try make(devices, bind: bind)
        case .defaultLinks: try makeDefaultLinks()
        case .terminal(let rows, let columns, let bindConsole):
            try openTerminal(rows: rows, columns: columns, bindConsole: bindConsole)
        case .awaitHooks: try awaitLauncher(.hooksDue)
        case .hooks(let hooks): try runHooks(hooks, state: hookState(status: "created"))
        case .enterRoot(let way): try enterRoot(way)
        case .rootPropagation(let flags): try Mounting.mount(nil, at: "/", type: nil, flags: flags)
        case .readOnlyRoot: try makeRootReadOnly()
        case .maskPaths(let paths): try mask(paths)
        case .readOnlyPaths(let paths): try makeReadOnly(paths)
        case .makeDirectory(let path): _ = try openDestination(path, creating: .directory)
        default: return false
        }
        return true
    }

    /// Performs a step about the process itself.
    private func performProcessStep(_ step: SetupStep) throws {
        switch step {
        case .personality(let value): try setPersonality(value)
        case .memoryPolicy(let mode, let nodes): try Scheduling.setMemoryPolicy(mode: mode, nodes: nodes)
        case .ioPriority(let priority): try Scheduling.setIOPriority(priority)
        case .scheduler(let attributes): try set(attributes)
        case .affinity(let mask): try Scheduling.setAffinity(mask)
        case .securityLabel(let label): try labelExec(label)
        case .limits(let limits): try set(limits)
        case .findProgram: programPath = try findProgram()
        case .noNewPrivileges: try ProcessControl.setNoNewPrivileges()
        case .identity(let identity, let keepCapabilities):
            try become(identity, keepCapabilities: keepCapabilities)
        case .capabilities(let sets): try apply(sets)
        case .boundingSet(let set): try limitBoundingSet(to: set)
        case .seccomp(let filter): try install(filter)
        case .workingDirectory(let path): try enterWorkingDirectory(path)
        default: throw RuntimeError(.system, "nobody performs this step")
        }
    }

    /// Sets resource limits; what this process may not set is the launcher's business, with all the rest of them.
    private func set(_ limits: [ResourceLimit]) throws(RuntimeError) {
        do throws(SystemError) {
            for limit in limits {
                try Scheduling.setLimit(
                    limit.resource, of: 0, soft: limit.soft, hard: limit.hard, subject: limit.name)
            }
        } catch {
            try awaitLauncher(.limitsDue)
        }
    }

    private func set(_ attributes: SchedulerAttributes) throws(RuntimeError) {
        do {
            try Scheduling.setAttributes(
                policy: attributes.policy, flags: attributes.flags, nice: attributes.nice,
                priority: attributes.priority, runtime: attributes.runtime, deadline: attributes.deadline,
                period: attributes.period)
        } catch {
            let isRealTime = attributes.policy == 1 || attributes.policy == 2
            throw RuntimeError(
                error,
                hint: isRealTime && error.errno == .notPermitted
                    ? "in a v1 cpu cgroup a real-time policy needs linux.resources.cpu.realtimeRuntime" : nil
            ).during("process.scheduler")
        }
    }

    /// Tells the launcher that something of its own is due, and waits until that is done.
    private func awaitLauncher(_ message: StageMessage) throws(RuntimeError) {
        try send(message)
        switch try receive() {
        case .goOn(let pid): hostPID = pid
        case .end: endWithoutLauncher()
        default: throw RuntimeError(.system, "a message of mvrun came out of turn")
        }
    }
}

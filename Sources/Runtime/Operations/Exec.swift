import Cgroups
package import Diagnostics
import JSON
package import OCI
import Planning
import Plans
import Sandbox
import Syscalls

/// What is asked of another program in a container.
package struct ExecRequest: Sendable {
    /// The container.
    package var id: String
    /// The whole process; nil takes the container's own, changed by what follows.
    package var process: Spec.Process?
    /// What changes in the container's own process.
    package var changes = ProcessChanges()
    /// Return as soon as the program runs.
    package var detach = false
    /// Also in a paused container.
    package var ignorePaused = false
    /// Cgroups below the container's, as in "[CONTROLLER:]PATH".
    package var cgroups: [String] = []
    /// The socket that receives the terminal's main side.
    package var consoleSocket: String?
    /// The file that receives the pid.
    package var pidFile: String?
    /// The socket that receives a pidfd.
    package var pidfdSocket: String?
    /// How many descriptors the program inherits, from 3 on.
    package var preservedDescriptors = 0

    /// Asks for a program in a container.
    package init(id: String) {
        self.id = id
    }
}

/// What the options of `exec` change in a container's process.
package struct ProcessChanges: Sendable {
    /// The argument vector.
    package var arguments: [String] = []
    /// Whether it has a terminal.
    package var terminal = false
    /// The user and the group.
    package var user: (uid: UInt32, gid: UInt32?)?
    /// More supplementary groups.
    package var additionalGroups: [UInt32] = []
    /// The working directory.
    package var workingDirectory: String?
    /// More environment.
    package var environment: [String] = []
    /// More capabilities.
    package var capabilities: [String] = []
    /// Whether no_new_privs is set.
    package var noNewPrivileges: Bool?
    /// The SELinux label.
    package var seLinuxLabel: String?
    /// The AppArmor profile.
    package var appArmorProfile: String?

    /// Changes nothing.
    package init() {}

    /// The container's process with these changes.
    func apply(to base: Spec.Process) -> Spec.Process {
        var process = base
        process.args = arguments
        process.terminal = terminal
        if let user {
            process.user.uid = user.uid
            process.user.gid = user.gid ?? process.user.gid
        }
        process.user.additionalGids += additionalGroups
        if let workingDirectory { process.cwd = workingDirectory }
        // A later value of a variable replaces an earlier one.
        process.env += environment
        if !capabilities.isEmpty {
            var sets = process.capabilities ?? Spec.Capabilities()
            sets.bounding += capabilities
            sets.effective += capabilities
            sets.permitted += capabilities
            sets.inheritable += capabilities
            sets.ambient += capabilities
            process.capabilities = sets
        }
        if let noNewPrivileges { process.noNewPrivileges = noNewPrivileges }
        if let seLinuxLabel { process.selinuxLabel = seLinuxLabel }
        if let appArmorProfile { process.apparmorProfile = appArmorProfile }
        return process
    }
}

extension Session {
    /// Runs another program in a container.
    ///
    /// - Returns: how the program ended, as a shell would show it; 0 where it is not waited for.
    package func exec(_ request: ExecRequest) throws(RuntimeError) -> Int32 {
        let handed = try HandedDescriptors(preserved: request.preservedDescriptors)
        let container = try runningContainer(request)
        let spec = try storedSpec(container.directory + "/config.json")
        let process: Spec.Process
        if let whole = request.process {
            process = whole
        } else if let own = spec.process {
            process = request.changes.apply(to: own)
        } else {
            throw RuntimeError(
                .invalidBundle, "the container has no process to take after", hint: "pass --process FILE")
        }
        try checkTerminal(process, request.consoleSocket, detached: request.detach)
        guard !container.record.holdsPod else {
            throw RuntimeError(
                .unsupported,
                "the container holds the namespaces of a pod of virtual machines, and no program runs in it",
                hint: "exec in one of the pod's containers")
        }
        if container.record.isolation == .vm { return try guestExec(request, process, in: container, spec) }
        let plan = try execPlan(process, of: container, spec: spec, handed)
        let session = self
        do {
            let foreground = request.detach ? nil : try Foreground()
            if !request.detach { try ProcessControl.setChildSubreaper() }
            let entrances = try CgroupEntrances(of: try execCgroups(of: container, request.cgroups))
            var launcher = try session.launcher(plan, container, through: entrances)
            // The launcher knows the cgroups by the numbers of descriptors that somebody else keeps open.
            defer { withExtendedLifetime(entrances) {} }
            try launcher.launch()
            do throws(RuntimeError) {
                try session.announce(launcher.pid, request)
                if let socket = request.consoleSocket, let terminal = launcher.terminal.take() {
                    try sendTerminal(terminal, toConsoleSocket: socket)
                }
                TerminalRelay.copySize(toOptional: launcher.terminal)
                try launcher.start()
            } catch {
                launcher.destroy()
                throw error
            }
            guard let foreground else { return 0 }
            return try foreground.wait(for: launcher.pid, terminal: launcher.terminal.take()).shellStatus
        } catch let error as RuntimeError {
            throw error
        } catch {
            throw RuntimeError(.system, "\(error)").during("wait for the program")
        }
    }

    /// The container, if a program can be run in it now.
    private func runningContainer(_ request: ExecRequest) throws(RuntimeError) -> Container {
        let container = try container(request.id)
        switch container.status {
        case .running, .created: return container
        case .paused:
            if request.ignorePaused { return container }
            throw RuntimeError(
                .wrongState, "cannot exec in a paused container", hint: "resume it, or use --ignore-paused")
        case .creating: throw RuntimeError(.wrongState, "the container is still being created")
        case .stopped: throw RuntimeError(.wrongState, "cannot exec in a stopped container: container not running")
        }
    }

    private func launcher(
        _ plan: ContainerPlan, _ container: Container, through entrances: CgroupEntrances
    ) throws(RuntimeError) -> Launcher {
        let log = log
        var surroundings = Launcher.Surroundings(
            initProgram: try openInitProgram(), hooks: { _ in }, warn: { log.warn($0) })
        surroundings.cgroup = entrances.unified
        surroundings.cgroupTasks = entrances.tasks
        do {
            surroundings.joinedProcess = try container.record.process?.open()
            if surroundings.joinedProcess == nil { throw notRunning() }
        } catch let error as RuntimeError {
            throw error
        } catch {
            throw RuntimeError(.system, "\(error)").during("find the container's process")
        }
        if container.record.resctrlGroup != nil {
            surroundings.afterClone = { pid throws(RuntimeError) in try container.record.enterResctrlGroup(pid) }
        }
        surroundings.takeListener = { listener, pid throws(RuntimeError) in
            try send(listener, of: pid, in: container, status: .running, to: plan.listener)
        }
        return Launcher(plan: plan.sandbox, surroundings: surroundings)
    }

    /// The cgroups that the program enters: the container's, or those below them that were asked for.
    private func execCgroups(of container: Container, _ wanted: [String]) throws(RuntimeError) -> ContainerCgroups {
        var cgroups = container.cgroups
        for entry in wanted {
            let parts = entry.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let path = String(parts.last ?? "")
            let controllers = parts.count == 2 ? parts[0].split(separator: ",").map(String.init) : nil
            if path.pathComponents.contains("..") {
                throw RuntimeError(.usage, "--cgroup: \"\(path)\" leads out of the container's cgroup")
            }
            var found = false
            for index in cgroups.records.indices {
                let record = cgroups.records[index]
                if let controllers, record.version == .v2 || !controllers.allSatisfy(record.controllers.contains) {
                    continue
                }
                found = true
                let below = path.pathComponents.map { "/\($0)" }.joined()
                cgroups.records[index].path = container.cgroups.records[index].path + below
                guard exists(cgroups.records[index].directory) else {
                    throw RuntimeError(
                        .notFound, "--cgroup: \(cgroups.records[index].directory) does not exist",
                        hint: "only a cgroup that the container has made itself can be entered")
                }
            }
            if !found { throw RuntimeError(.usage, "--cgroup: the container has no cgroup for \"\(parts[0])\"") }
        }
        return cgroups
    }

    /// Tells those who wait for the program's process which one it is.
    private func announce(_ pid: Int32, _ request: ExecRequest) throws(RuntimeError) {
        if let socket = request.pidfdSocket { try sendProcess(pid, toPidfdSocket: socket) }
        if let file = request.pidFile { try write(pid: pid, toFile: file) }
    }
}

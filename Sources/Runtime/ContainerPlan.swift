package import Cgroups
package import Diagnostics
import Glibc
import JSON
package import OCI
import Planning
package import Plans
import Sandbox
import Syscalls

/// Everything that makes a container: its sandbox, and its cgroups where it gets any.
package struct ContainerPlan: Sendable {
    /// What the launcher and the stage carry out.
    package var sandbox: SandboxPlan
    /// The cgroups and what is written into them; nil where the container stays in the caller's.
    package var cgroups: CgroupPlan?
    /// The scope in which systemd makes the cgroup; nil where mvrun makes the cgroups itself.
    package var scope: SystemdScope?
    /// The group of resctrl that the container is in; nil where resctrl is left alone.
    var resctrlGroup: ResctrlGroup?
    /// Where the listener of the seccomp filter goes, and what goes with it.
    var listener: (path: String, metadata: String?)?
    /// The virtual machine that the sandbox's program, the monitor, runs; nil for a container of the host's kernel.
    package var machine: MachinePlan?
    /// Whether it only holds the namespaces of a pod whose containers are virtual machines.
    var holdsPod = false
    /// The kernel that the machine is to boot; nil for the one that this host has for any.
    var kernel: String?
    /// The networks that plugins put the container into; nil for none.
    var networks: ContainerNetworks?
    /// How calls are answered that mvrun itself is asked about.
    var answers: SeccompSupervisor.Answers?
}

extension Session {
    /// What every plan of a request depends on, whatever the bundle becomes.
    func planOptions(_ bundle: Bundle, _ request: CreateRequest, _ networks: ContainerNetworks?) -> PlanOptions {
        var options = PlanOptions(id: request.id, isPrivileged: isPrivileged)
        options.noPivot = request.noPivot
        options.noNewKeyring = request.noNewKeyring
        options.awaitsNetworks = networks != nil
        if !bundle.spec.hooks.isEmpty { options.hookState = hookState(bundle, request.id) }
        return options
    }

    /// Compiles a bundle into what makes a container of it; nothing changes by it.
    package func plan(
        _ bundle: Bundle, _ request: CreateRequest, startsLater: Bool, handed: HandedDescriptors? = nil
    ) throws(RuntimeError) -> ContainerPlan {
        if try isolation(of: bundle.spec, request.isolation) == .vm {
            return try machinePlan(bundle, request, startsLater: startsLater, handed: handed)
        }
        if request.offersVsock {
            throw RuntimeError(
                .usage, "--vsock is for virtual machines, and this is a container",
                hint: "bind a directory with sockets instead: mounts in config.json")
        }
        let resctrlGroup = try resctrlGroup(bundle.spec, id: request.id)
        let networks = try ContainerNetworks(request, isPrivileged: isPrivileged)
        var options = planOptions(bundle, request, networks)
        options.startsLater = startsLater
        options.preservedDescriptors = handed?.count ?? 0
        options.listenDescriptors = handed?.listening
        if NotifyProxy.managerPath != nil {
            options.extraMounts = [NotifyProxy.mount(from: store.directory(of: request.id))]
            options.extraEnvironment = [NotifyProxy.variable]
        }
        let scope = try systemdScope(bundle.spec.linux.cgroupsPath, id: request.id)
        let cgroups = try plannedCgroups(bundle.spec, scope, id: request.id, &options)
        options.cgroups = cgroups
        let seccomp = try compiledSeccomp(bundle.spec)
        options.seccomp = seccomp?.filter
        let answers = try request.seccompInquiry?.ask(bundle.spec, &options.seccomp)
        let sandbox = try ContainerIsolation.plan(bundle, options: options)
        return ContainerPlan(
            sandbox: sandbox, cgroups: cgroups, scope: scope,
            resctrlGroup: resctrlGroup, listener: seccomp?.listenerPath.map { ($0, seccomp?.listenerMetadata) },
            networks: networks, answers: answers)
    }

    private func resctrlGroup(_ spec: Spec, id: String) throws(RuntimeError) -> ResctrlGroup? {
        guard let rdt = spec.linux.intelRdt else { return nil }
        if let resctrl { return try ResctrlGroup(rdt, id: id, in: resctrl) }
        return try ResctrlGroup(rdt, id: id, in: Resctrl.current())
    }

    /// Compiles a process that joins a container.
    func execPlan(
        _ process: Spec.Process, of container: Container, spec: Spec, _ handed: HandedDescriptors
    ) throws(RuntimeError) -> ContainerPlan {
        var options = PlanOptions(id: container.record.id, isPrivileged: isPrivileged)
        options.preservedDescriptors = handed.count
        options.listenDescriptors = handed.listening
        let seccomp = try compiledSeccomp(spec)
        options.seccomp = seccomp?.filter
        let sandbox = try ExecPlanning.plan(process, namespaces: container.record.namespaces, options: options)
        return ContainerPlan(
            sandbox: sandbox, cgroups: nil, listener: seccomp?.listenerPath.map { ($0, seccomp?.listenerMetadata) })
    }

    /// Whether this process is the superuser of the machine, not only of a user namespace.
    var isPrivileged: Bool {
        guard geteuid() == 0 else { return false }
        guard let map = try? readStart("/proc/self/uid_map", count: 256) else { return true }
        return map.split(whereSeparator: { $0 == " " || $0 == "\n" }) == ["0", "0", "4294967295"]
    }

    func plannedCgroups(
        _ spec: Spec, _ scope: SystemdScope?, id: String, _ options: inout PlanOptions
    ) throws(RuntimeError) -> CgroupPlan? {
        guard cgroupManager != .disabled else { return nil }
        let layout = try CgroupLayout.current()
        options.layout = layout
        let path: CgroupsPath
        if let scope {
            path = try cgroupsPath(of: scope, on: layout)
        } else {
            path = try CgroupsPath(spec.linux.cgroupsPath, id: id)
        }
        return try CgroupPlan(
            for: spec.linux.resources ?? Spec.Resources(), at: path, on: layout,
            unprivileged: toleratesCgroups ?? !options.isPrivileged)
    }

    func compiledSeccomp(_ spec: Spec) throws(RuntimeError) -> CompiledSeccomp? {
        guard let section = spec.linux.seccomp else { return nil }
        guard let cache = SeccompCache.standard(rootless: !isPrivileged) else {
            return try SeccompCompiler.compile(section.parsed())
        }
        let log = log
        return try cache.compiled(section) { log.warn($0) }
    }

    /// The state that hooks of the stage get, without what only the stage knows: status, pid, and the closing brace.
    func hookState(_ bundle: Bundle, _ id: String) -> String {
        var writer = JSONWriter(.compact)
        writer.object { object in
            object.member("ociVersion", Spec.Version.implemented.text)
            object.member("id", id)
            object.member("bundle", bundle.path)
            if !bundle.spec.annotations.isEmpty {
                object.member("annotations", bundle.spec.annotations.map { ($0.key, $0.value) })
            }
        }
        return String(writer.text.dropLast())
    }

    /// Where mvrun-init is.
    func initProgramPath() throws(RuntimeError) -> String { try programPath("mvrun-init") }

    /// mvrun-init as an open file.
    func openInitProgram() throws(RuntimeError) -> OwnedDescriptor {
        let places = try programPlaces("mvrun-init")
        do {
            return try InitProgram.open(places.beside)
        } catch {
            guard error.errno == .noEntry else { throw error }
            return try InitProgram.open(places.installed)
        }
    }

    /// Where a program that only mvrun starts is: beside this one, or where it is installed.
    func programPath(_ name: String) throws(RuntimeError) -> String {
        let places = try programPlaces(name)
        return exists(places.beside) ? places.beside : places.installed
    }

    private func programPlaces(_ name: String) throws(RuntimeError) -> (beside: String, installed: String) {
        let own: String
        do {
            own = try linkTarget("/proc/self/exe")
        } catch {
            throw RuntimeError(error).during("find \(name)")
        }
        let directory = own.lastIndex(of: "/").map { String(own[..<$0]) } ?? ""
        return ("\(directory)/\(name)", "\(directory)/../libexec/mvrun/\(name)")
    }
}

import Cgroups
import Diagnostics
import GuestImage
import OCI
import Planning
import Plans
import Syscalls

extension Session {
    /// Compiles a bundle into what makes a virtual machine of it; nothing changes by it.
    ///
    /// A pod's own container becomes none: there is nothing in it to run.
    func machinePlan(
        _ bundle: Bundle, _ request: CreateRequest, startsLater: Bool, handed: HandedDescriptors?
    ) throws(RuntimeError) -> ContainerPlan {
        try refuseWhatStaysOutside(request, handed)
        if MicroVMIsolation.holdsPod(bundle.spec.annotations) {
            return try podPlan(bundle, request, startsLater: startsLater)
        }
        let bundle = try withParametersOfJoined(bundle)
        if bundle.spec.vm?.image?.path == nil { try requireRoot(bundle.rootPath) }
        try refuseOwnNetwork(bundle.spec)
        for warning in MicroVMFindings(of: bundle.spec).warnings {
            log.warn("config.json: \(warning.path): \(warning.message)")
        }
        let networks = try ContainerNetworks(request, isPrivileged: isPrivileged)
        var options = planOptions(bundle, request, networks)
        let seccomp = try compiledSeccomp(bundle.spec)
        if seccomp?.listenerPath != nil || seccomp?.filter.notifies ?? false {
            throw RuntimeError(
                .unsupported,
                "config.json: linux.seccomp.listenerPath: nobody on the host can listen to a guest's filter",
                hint: "remove the rules with SCMP_ACT_NOTIFY, or run the bundle as a container")
        }
        options.seccomp = seccomp?.filter
        let own = store.directory(of: request.id)
        var machineOptions = MicroVMIsolation.Options(
            container: options, monitor: try monitorPath(), coveredDirectory: own)
        machineOptions.descriptorLimit = descriptorLimit(most: machineOptions.descriptorLimit)
        machineOptions.reportsForbiddenCalls = log.writes(.debug)
        let defaults = try machineDefaults()
        machineOptions.defaults = defaults
        if request.offersVsock { machineOptions.vsockDirectory = "\(own)/\(MachineFile.vsock)" }
        let plan = try MicroVMIsolation.plan(bundle, options: machineOptions)
        let scope = try systemdScope(bundle.spec.linux.cgroupsPath, id: request.id)
        var spec = bundle.spec
        spec.linux.resources = (spec.linux.resources ?? Spec.Resources()).forMonitor(memoryMiB: plan.machine.memoryMiB)
        let cgroups = try plannedCgroups(spec, scope, id: request.id, &options)
        return ContainerPlan(
            sandbox: plan.sandbox, cgroups: cgroups, scope: scope, machine: plan.machine,
            kernel: request.kernel ?? bundle.spec.vm?.kernel?.path ?? defaults?.kernel?.path, networks: networks)
    }

    /// As many files as a monitor wants to have open, where a process here may have so many.
    func descriptorLimit(most: UInt64) -> UInt64 {
        let openFiles: Int32 = 7
        return min(most, (try? Scheduling.limit(openFiles, of: 0))?.hard ?? most)
    }

    private func refuseWhatStaysOutside(
        _ request: CreateRequest, _ handed: HandedDescriptors?
    ) throws(RuntimeError) {
        if request.preservedDescriptors > 0 {
            throw RuntimeError(
                .unsupported, "--preserve-fds: a descriptor of the host has no meaning in a virtual machine",
                hint: "leave --preserve-fds out, or run the bundle as a container")
        }
        if request.networks.contains(.host) {
            throw RuntimeError(
                .unsupported, "--network host: a virtual machine has a network of its own",
                hint: "use --network cni:NAME or ns:PATH, or run the bundle as a container")
        }
        if handed?.listening != nil {
            throw RuntimeError(
                .unsupported, "LISTEN_FDS: a socket of the host has no meaning in a virtual machine")
        }
        if request.seccompInquiry != nil {
            throw RuntimeError(
                .usage, "system calls of a virtual machine's program are out of sight",
                hint: "use --isolation container with --explain-seccomp and --record-seccomp")
        }
        if NotifyProxy.managerPath != nil {
            log.warn("NOTIFY_SOCKET is not there for the program: it runs in a virtual machine")
        }
    }

    /// Refuses this process's own network namespace by whatever path, as docker has one for `--network host`: its links are
    /// not to be tied to a machine.
    private func refuseOwnNetwork(_ spec: Spec) throws(RuntimeError) {
        // What is not there fails where it is joined.
        guard let path = spec.networkNamespacePath, let named = try? fileIdentity(of: path),
            let own = try? fileIdentity(of: "/proc/self/ns/net"), named == own
        else { return }
        throw RuntimeError(
            .unsupported, "linux.namespaces: \(path) is the host's network, and a guest cannot use it",
            hint: "give it another network, or run the bundle as a container")
    }

    /// Refuses a root file system that is not there, before something else is said to fail for it.
    private func requireRoot(_ path: String) throws(RuntimeError) {
        do throws(SystemError) {
            guard try status(of: path).kind == .directory else { throw SystemError("open", path, .notDirectory) }
        } catch let error where error.errno == .noEntry {
            throw RuntimeError(.notFound, "root.path: \(path) does not exist (no such file or directory)")
        } catch {
            throw RuntimeError(error).during("root.path")
        }
    }

    /// Refuses a host on which no kernel boots, at once and with the reason.
    func requireMachine() throws(RuntimeError) {
        if let fault = machineFault() { throw fault }
    }

    /// The kernel that a machine boots.
    ///
    /// - Parameter path: the one that was asked for; nil for the one that this host has for any.
    func kernelChoice(_ path: String?) throws(RuntimeError) -> KernelChoice {
        try KernelChoice.choose(
            requested: path, in: KernelChoice.Places.standard(program: try? linkTarget("/proc/self/exe")))
    }

    /// What the guest boots.
    ///
    /// - Parameter kernel: as for `kernelChoice`.
    func machineImages(kernel: String?) throws(RuntimeError) -> GuestImage {
        let log = log
        return try GuestImage.prepare(
            kernel: try kernelChoice(kernel), initProgram: try initProgramPath(),
            cache: ImageCache.standard(rootless: !isPrivileged), warn: { log.warn($0) })
    }
}

package import Diagnostics
package import OCI
package import Plans

/// Compiles a bundle into the plan of a virtual machine: a sandbox for its monitor, and inside it the machine, whose guest
/// makes of the bundle what `ContainerIsolation` makes of it on the host.
///
/// Nothing on the host changes by it.
package enum MicroVMIsolation {
    /// What a plan depends on beside the bundle.
    package struct Options: Sendable {
        /// What a container's plan depends on; the compiled seccomp profile goes to the guest.
        package var container: PlanOptions
        /// Where mvrun-vmm is.
        package var monitor: String
        /// A directory that the monitor's root, which is in memory, covers.
        package var coveredDirectory: String
        /// The directory for sockets of the host's programs and the guest's; nil for none.
        package var vsockDirectory: String?
        /// How many files the monitor may have open.
        package var descriptorLimit = Options.mostDescriptors
        /// Whether a system call that the monitor's filters forbid is named on its stderr.
        package var reportsForbiddenCalls = false
        /// Twice what the file server takes at most; the rest is for connections and streams.
        package static let mostDescriptors: UInt64 = 32768
        /// What the host's file says for bundles that leave it open; nil without one.
        package var defaults: Spec.VM?

        /// Describes what the plan depends on.
        package init(container: PlanOptions, monitor: String, coveredDirectory: String) {
            self.container = container
            self.monitor = monitor
            self.coveredDirectory = coveredDirectory
        }
    }

    /// The two halves of a plan.
    package struct Plan: Equatable, Sendable {
        /// The sandbox of the monitor.
        package var sandbox: SandboxPlan
        /// What the monitor runs.
        package var machine: MachinePlan
    }

    /// The plan for a bundle.
    ///
    /// - Parameters:
    ///   - bundle: the bundle, whose configuration was validated.
    ///   - options: what else the plan depends on.
    /// - Throws: a field that cannot be honoured, by its JSON path.
    package static func plan(_ bundle: Bundle, options: Options) throws(RuntimeError) -> Plan {
        let spec = bundle.spec
        guard let process = spec.process else {
            throw RuntimeError(.invalidBundle, "config.json: process is missing, and a container needs one")
        }
        try refuseWhatCannotBe(spec)
        let shares = try MicroVMShares(bundle)
        let size = try MachineSize(spec, defaults: options.defaults?.hwConfig)
        let guest = try GuestPlanning(bundle: bundle, shares: shares, options: options.container).plan()
        var machine = MachinePlan(
            id: options.container.id, virtualCPUs: size.virtualCPUs, memoryMiB: size.memoryMiB,
            kernelParameters: kernelParameters(spec, options.defaults), shares: shares.machineShares,
            cacheMode: try cacheMode(spec), terminal: process.terminal, guest: guest)
        machine.fileWindowMiB = try fileWindowMiB(spec)
        machine.guest.hasFileWindow = machine.fileWindowMiB > 0
        machine.disk = spec.rootDisk
        machine.reportsForbiddenCalls = options.reportsForbiddenCalls
        machine.offersVsock = options.vsockDirectory != nil
        machine.awaitsNetwork =
            takesLinks(spec.annotations)
            && (options.container.awaitsNetworks || canHaveLinks(spec))
        let jail = JailPlanning(
            bundle: bundle, process: process, content: .monitor(shares), options: options)
        return Plan(sandbox: try jail.plan(), machine: machine)
    }

    private static func refuseWhatCannotBe(_ spec: Spec) throws(RuntimeError) {
        guard let refusal = MicroVMFindings(of: spec).errors.first else { return }
        throw RuntimeError(.unsupported, "config.json: \(refusal.path): \(refusal.message)", hint: refusal.hint)
    }

    /// The bundle's words for its kernel, or the host's where it has none.
    private static func kernelParameters(_ spec: Spec, _ defaults: Spec.VM?) -> [String] {
        let own = spec.vm?.kernel?.parameters ?? []
        return own.isEmpty ? defaults?.kernel?.parameters ?? [] : own
    }

    /// The plan for a container that only holds the namespaces of a pod whose containers are machines.
    ///
    /// Nothing of its image runs: the namespaces are held by a program of mvrun's own. So a bundle that says that it is such a
    /// container, and is none, gets less than a machine and nothing of the host.
    ///
    /// - Parameters:
    ///   - bundle: the bundle, whose configuration was validated.
    ///   - options: what else the plan depends on.
    /// - Throws: a field that would have to run something.
    package static func podPlan(_ bundle: Bundle, options: Options) throws(RuntimeError) -> SandboxPlan {
        guard let process = bundle.spec.process else {
            throw RuntimeError(.invalidBundle, "config.json: process is missing, and a container needs one")
        }
        try refuseWhatCannotBe(bundle.spec)
        guard bundle.spec.hooks[.startContainer].isEmpty else {
            throw RuntimeError(
                .unsupported,
                "config.json: hooks.startContainer: a pod's own container runs nothing where the others are virtual machines",
                hint: "give the hook to the pod's containers")
        }
        let jail = JailPlanning(bundle: bundle, process: process, content: .pod, options: options)
        return try jail.plan()
    }

    /// The annotation that says which container of a pod has the pod's network, by its name; the others have none.
    package static let networkAnnotation = "dev.mvrun.vm.network"
    /// By which containerd and CRI-O give a container's name in its pod.
    private static let nameAnnotations = ["io.kubernetes.cri.container-name", "io.kubernetes.container.name"]

    /// Whether a machine takes the links that it finds in its network namespace.
    ///
    /// One machine can have them, so that of several in a pod only one is to.
    package static func takesLinks(_ annotations: [Entry<String>]) -> Bool {
        func value(_ key: String) -> String? { annotations.first { $0.key == key }?.value }
        guard let holder = value(networkAnnotation) else { return true }
        return nameAnnotations.contains { value($0) == holder }
    }

    /// Whether a container only holds the namespaces of a pod.
    package static func holdsPod(_ annotations: [Entry<String>]) -> Bool {
        annotations.contains { podAnnotations.contains($0.key) && $0.value == "sandbox" }
    }

    /// By which containerd and CRI-O tell the container that holds a pod's namespaces.
    private static let podAnnotations: Set<String> = [
        "io.kubernetes.cri.container-type", "io.kubernetes.cri-o.ContainerType",
    ]

    /// Whether anybody can have brought links before the machine runs: a new namespace has none of itself.
    private static func canHaveLinks(_ spec: Spec) -> Bool {
        let early: [Spec.Hooks.Point] = [.prestart, .createRuntime, .createContainer]
        return !(spec.linux.namespace(.network)?.path ?? "").isEmpty || !spec.linux.netDevices.isEmpty
            || early.contains { !spec.hooks[$0].isEmpty }
    }

    /// The memory of a machine whose program may use so many bytes.
    package static func memoryMiB(forLimit bytes: UInt64) -> UInt32 {
        MachineSize.memoryMiB(forLimit: bytes)
    }

    /// The annotation that says how long the guest may cache what it reads.
    package static let cacheAnnotation = "dev.mvrun.vm.fs.cache"

    /// The annotation that asks for a window of so many MiB, in which the guest reads and writes the shares' files (DAX).
    package static let windowAnnotation = "dev.mvrun.vm.fs.dax"
    /// The largest window; the guest's kernel spends a 64th of it on its page structures.
    private static let mostWindowMiB: UInt32 = 64 << 10

    private static func fileWindowMiB(_ spec: Spec) throws(RuntimeError) -> UInt32 {
        guard let text = spec.annotation(windowAnnotation) else { return 0 }
        guard let size = UInt32(text), size.isMultiple(of: 2), size <= mostWindowMiB else {
            throw RuntimeError(
                .invalidBundle,
                "config.json: annotations.\(windowAnnotation): \"\(text)\" is not an even number of MiB up to \(mostWindowMiB)"
            )
        }
        return size
    }

    private static func cacheMode(_ spec: Spec) throws(RuntimeError) -> FileCacheMode {
        switch spec.annotation(cacheAnnotation) {
        case nil, "auto": return .auto
        case "never": return .never
        case "always": return .always
        case .some(let other):
            throw RuntimeError(
                .invalidBundle,
                "config.json: annotations.\(cacheAnnotation): \"\(other)\" is none of never, auto, always")
        }
    }
}

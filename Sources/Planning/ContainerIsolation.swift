package import Diagnostics
package import OCI
package import Plans
import Syscalls

/// Compiles a bundle into the plan of a namespace and cgroup container.
///
/// Nothing on the host changes by it.
package enum ContainerIsolation {
    /// The plan for a bundle.
    ///
    /// - Parameters:
    ///   - bundle: the bundle, whose configuration was validated.
    ///   - options: what else the plan depends on.
    /// - Throws: a field that cannot be honoured, by its JSON path.
    package static func plan(_ bundle: Bundle, options: PlanOptions) throws(RuntimeError) -> SandboxPlan {
        let spec = bundle.spec
        guard let process = spec.process else {
            throw RuntimeError(.invalidBundle, "config.json: process is missing, and a container needs one")
        }
        try bundle.requireHostUnchanged()
        if let label = spec.linux.mountLabel, !label.isEmpty, !exists("/sys/fs/selinux/enforce") {
            throw RuntimeError(
                .unsupported, "config.json: linux.mountLabel: this host has no SELinux (nothing at /sys/fs/selinux)")
        }
        let namespaces = NamespacePlan(spec.linux)
        try requireMountNamespace(spec, namespaces)
        var launch = LaunchPlan()
        namespaces.fill(&launch, spec.linux)
        process.fill(&launch)
        launch.runtimeHooks = spec.hooks.steps(.prestart) + spec.hooks.steps(.createRuntime)
        launch.networkDevices = spec.linux.networkDeviceMoves
        var mounts = MountPlanning(bundle: bundle, namespaces: namespaces, options: options)
        let mountSteps = try mounts.steps()
        launch.trees = mounts.trees

        var stage = StagePlan(id: options.id, steps: [], program: process.program(options))
        stage.waitsOnSocket = options.startsLater
        stage.startHooks = spec.hooks.steps(.startContainer)
        stage.hookState = options.hookState
        let order = StepOrder(
            spec: spec, process: process, namespaces: namespaces, mounts: mountSteps, rootPath: bundle.rootPath,
            options: options)
        stage.steps = try order.steps()
        stage.finalSteps = order.identity.afterStart
        return SandboxPlan(launch: launch, stage: stage)
    }

    private static func requireMountNamespace(_ spec: Spec, _ namespaces: NamespacePlan) throws(RuntimeError) {
        guard !namespaces.has(.mount) else { return }
        let field: String? =
            if !spec.mounts.isEmpty {
                "mounts"
            } else if !spec.linux.maskedPaths.isEmpty {
                "linux.maskedPaths"
            } else if !spec.linux.readonlyPaths.isEmpty {
                "linux.readonlyPaths"
            } else if spec.root.readonly {
                "root.readonly"
            } else {
                nil
            }
        guard let field else { return }
        throw RuntimeError(
            .invalidBundle, "config.json: \(field): without a mount namespace this would change the host's mounts",
            hint: "add {\"type\": \"mount\"} to linux.namespaces")
    }
}

extension Spec.Linux {
    /// `netDevices` as the launcher moves them.
    var networkDeviceMoves: [NetworkDeviceMove] {
        netDevices.map { entry in
            NetworkDeviceMove(hostName: entry.key, containerName: entry.value.name ?? entry.key)
        }
    }
}

extension Spec.Hooks {
    /// The hooks of a list, as steps.
    func steps(_ point: Point) -> [HookStep] {
        self[point].enumerated().map { index, hook in
            HookStep(
                list: point.rawValue, index: index, path: hook.path, arguments: hook.args,
                environment: hook.env, timeoutSeconds: hook.timeout)
        }
    }
}

package import Diagnostics
package import OCI
package import Plans

/// Compiles a process that joins a running container.
package enum ExecPlanning {
    /// The plan for a process.
    ///
    /// - Parameters:
    ///   - process: the process.
    ///   - namespaces: the kinds of namespaces to enter, CLONE_NEW* flags.
    ///   - options: what else the plan depends on.
    /// - Throws: a field that cannot be honoured, by its JSON path.
    package static func plan(
        _ process: Spec.Process, namespaces: UInt64, options: PlanOptions
    ) throws(RuntimeError) -> SandboxPlan {
        var launch = LaunchPlan()
        launch.namespacesByStage = true
        process.fill(&launch)
        launch.initialAffinity = try affinity(process.execCPUAffinity?.initial, "initial")
        let identity = IdentitySteps(process, seccomp: options.seccomp)
        // The pid namespace takes children only, so the program is a child of whoever joins.
        var steps: [SetupStep] = [.joinProcess(kinds: namespaces), .fork(namespaces: 0, mapped: false), .newSession]
        if !options.noNewKeyring { steps.append(.newKeyring(name: "_ses.\(options.id)")) }
        if process.terminal {
            steps.append(
                .terminal(
                    rows: process.consoleSize?.height ?? 0, columns: process.consoleSize?.width ?? 0,
                    bindConsole: false))
        }
        steps += process.prioritySteps
        if let mask = try affinity(process.execCPUAffinity?.final, "final") { steps.append(.affinity(mask)) }
        if let profile = process.apparmorProfile, !profile.isEmpty {
            steps.append(.securityLabel(.appArmor(profile)))
        }
        if let label = process.selinuxLabel, !label.isEmpty { steps.append(.securityLabel(.seLinux(label))) }
        steps.append(.workingDirectory(process.cwd))
        steps += identity.beforeStart
        var stage = StagePlan(id: options.id, steps: steps, program: process.program(options))
        stage.finalSteps = identity.afterStart
        return SandboxPlan(launch: launch, stage: stage)
    }

    private static func affinity(_ list: String?, _ name: String) throws(RuntimeError) -> [UInt8]? {
        guard let list, !list.isEmpty else { return nil }
        guard let numbers = NumberList(list) else {
            throw RuntimeError(
                .invalidBundle, "process.execCPUAffinity.\(name): \"\(list)\" is not a list of CPUs")
        }
        return numbers.mask
    }
}

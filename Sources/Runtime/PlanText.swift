import CNI
import Cgroups
import JSON
import Plans

/// A container's plan in words: what would be done, in order, and by whom.
package struct PlanText: Sendable {
    /// Who does something.
    package enum Actor: String, Sendable {
        /// mvrun, and systemd for it, where the container's limits are.
        case cgroups
        /// mvrun, from outside of the sandbox.
        case launcher
        /// mvrun-init, inside, until the container is created.
        case stage
        /// mvrun-init, inside, when the container is started.
        case start
        /// The monitor of a virtual machine.
        case machine
        /// mvrun-init in the guest.
        case guest
    }

    /// One thing that is done.
    package struct Step: Sendable, Equatable {
        /// Who does it.
        package let actor: Actor
        /// What it is.
        package let text: String
    }

    /// Everything that is done, in order.
    package let steps: [Step]

    /// Describes a plan.
    package init(_ plan: ContainerPlan) {
        var steps = Self.beginning(of: plan.sandbox.launch).map { Step(actor: .launcher, text: $0) }
        // A process is born in a cgroup of ours, but a scope is made around one that is there.
        let place = plan.scope == nil ? 0 : plan.sandbox.launch.trees.count + 1
        steps.insert(contentsOf: Self.cgroups(of: plan).map { Step(actor: .cgroups, text: $0) }, at: place)
        let stage = plan.sandbox.stage
        // The launcher runs the hooks when the stage waits for them, and sets limits when it is done.
        for step in stage.steps {
            steps.append(Step(actor: .stage, text: step.description))
            if case .awaitHooks = step {
                let links = plan.networks?.attachments ?? []
                steps += links.map { Step(actor: .launcher, text: "add the link \($0.description)") }
                steps += Self.middle(of: plan.sandbox.launch).map { Step(actor: .launcher, text: $0) }
            }
        }
        steps += Self.end(of: plan.sandbox.launch).map { Step(actor: .launcher, text: $0) }
        steps += stage.startHooks.map { Step(actor: .start, text: Self.text(of: $0)) }
        steps += stage.finalSteps.map { Step(actor: .start, text: $0.description) }
        let words = stage.program.arguments.map { $0.contains(" ") || $0.isEmpty ? JSONWriter.quoted($0) : $0 }
        steps.append(Step(actor: .start, text: "execute \(words.joined(separator: " "))"))
        if let machine = plan.machine { steps += Self.steps(of: machine) }
        self.steps = steps
    }

    /// What the monitor and, inside the guest, the agent do.
    private static func steps(of machine: MachinePlan) -> [Step] {
        var steps = [
            Step(
                actor: .machine,
                text: "boot a machine of \(machine.virtualCPUs) virtual CPUs and \(machine.memoryMiB) MiB")
        ]
        if let disk = machine.disk {
            let access = disk.readOnly ? "read-only" : "read and write"
            steps.append(Step(actor: .machine, text: "give the guest vm.image.path as its disk, \(access)"))
            steps.append(Step(actor: .guest, text: "mount the disk at \(GuestPlan.diskRoot)"))
        }
        for (position, share) in machine.shares.enumerated() {
            let access = share.readOnly ? "read-only" : "read and write"
            steps.append(Step(actor: .machine, text: "share \(share.path) as \(position), \(access)"))
        }
        if machine.offersVsock {
            steps.append(
                Step(actor: .machine, text: "listen at \(MachinePlan.vsockDirectory)/\(MachinePlan.vsockName)"))
        }
        if machine.awaitsNetwork {
            steps.insert(
                Step(
                    actor: .launcher,
                    text: "tie each Ethernet link of the network namespace that is up to a tap for the machine"), at: 0)
            steps.append(Step(actor: .guest, text: "set the network interfaces up as those links are"))
        }
        if let limit = machine.guest.memoryLimit {
            steps.append(Step(actor: .guest, text: "limit the memory to \(limit) bytes"))
        }
        if let limit = machine.guest.processLimit {
            steps.append(Step(actor: .guest, text: "limit the processes to \(limit)"))
        }
        return steps
            + PlanText(ContainerPlan(sandbox: machine.guest.sandbox)).steps.map { step in
                Step(actor: .guest, text: step.text)
            }
    }

    private static func cgroups(of plan: ContainerPlan) -> [String] {
        var texts: [String] = []
        for membership in plan.cgroups?.memberships ?? [] {
            let maker = plan.scope.map { "have systemd make \($0.unit) in \($0.slice), " } ?? "make "
            texts.append(maker + "\(membership)")
            texts += membership.settings.map { "write \($0)" }
            if let program = membership.deviceProgram { texts.append("attach \(program)") }
        }
        return texts
    }

    private static func beginning(of launch: LaunchPlan) -> [String] {
        var texts = launch.trees.map { tree in
            "open the tree \(tree.path) for \(tree.field)"
                + (tree.userMappings.isEmpty && !tree.mapsAsContainer ? "" : ", mapped to other ids")
        }
        let kinds = NamespaceKind.allCases.filter { launch.namespaces & $0.cloneFlag != 0 }.map(\.name)
        texts.append(
            launch.namespacesByStage || kinds.isEmpty
                ? "start mvrun-init" : "start mvrun-init in new namespaces: \(kinds.joined(separator: ", "))")
        if !launch.userMappings.isEmpty {
            texts.append("map users \(text(of: launch.userMappings)) and groups \(text(of: launch.groupMappings))")
        }
        return texts
    }

    private static func middle(of launch: LaunchPlan) -> [String] {
        launch.networkDevices.map { "move the network device \($0.hostName) into the container as \($0.containerName)" }
            + launch.runtimeHooks.map(text(of:))
    }

    private static func end(of launch: LaunchPlan) -> [String] {
        var texts: [String] = []
        if let adjustment = launch.oomScoreAdjustment { texts.append("set oom_score_adj to \(adjustment)") }
        texts += launch.resourceLimits.map { limit in
            "set \(limit.name) to \(text(of: limit.soft)), at most \(text(of: limit.hard)) (\(limit.field))"
        }
        return texts
    }

    private static func text(of hook: HookStep) -> String {
        "run hooks.\(hook.list)[\(hook.index)]: \(hook.path)"
    }

    private static func text(of limit: UInt64) -> String {
        limit == .max ? "unlimited" : "\(limit)"
    }

    private static func text(of mappings: [IDMapping]) -> String {
        mappings.map { "\($0.containerID)+\($0.size) to \($0.hostID)" }.joined(separator: ", ")
    }
}

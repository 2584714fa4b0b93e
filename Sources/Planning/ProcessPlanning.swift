import OCI
import Plans

/// The steps that turn the stage into the program's user, split where the stage waits for its start.
///
/// A seccomp filter belongs as close to the exec as possible. With no_new_privs anybody may install it, so it comes last.
/// Without, installing it takes CAP_SYS_ADMIN: then user and capabilities change behind it, and so behind the start. A
/// filter with a listener is installed before the stage waits, since only then somebody is there to take the listener.
struct IdentitySteps {
    /// Before the stage is ready.
    let beforeStart: [SetupStep]
    /// Behind the start.
    let afterStart: [SetupStep]

    init(_ process: Spec.Process, seccomp: SeccompFilter?) {
        let sets = process.capabilitySets
        let user = process.user
        let become: [SetupStep] = [
            .identity(
                Identity(
                    userID: user.uid, groupID: user.gid, additionalGroups: user.additionalGids, umask: user.umask),
                keepCapabilities: sets.permitted != 0),
            .capabilities(sets),
        ]
        let noPrivileges: [SetupStep] = process.noNewPrivileges ? [.noNewPrivileges] : []
        // The bounding set goes first: dropping from it takes a capability itself.
        // The limits come after everything that could stumble over them.
        let first: [SetupStep] = [.boundingSet(sets.bounding)]
        let limits: [SetupStep] = process.rlimits.isEmpty ? [] : [.limits(process.resourceLimits)]
        guard let seccomp else {
            beforeStart = first + limits + become + noPrivileges + [.findProgram]
            afterStart = []
            return
        }
        switch (process.noNewPrivileges, seccomp.notifies) {
        case (true, false):
            beforeStart = first + limits + become + noPrivileges + [.findProgram]
            afterStart = [.seccomp(seccomp)]
        case (true, true):
            beforeStart = first + limits + become + noPrivileges + [.findProgram, .seccomp(seccomp)]
            afterStart = []
        case (false, false):
            beforeStart = first + [.findProgram] + limits
            afterStart = [.seccomp(seccomp)] + become
        case (false, true):
            beforeStart = first + limits + [.findProgram, .seccomp(seccomp)] + become
            afterStart = []
        }
    }
}

extension Spec.Process {
    /// The program.
    func program(_ options: PlanOptions) -> Program {
        Program(
            arguments: args, environment: deduplicated(env + options.extraEnvironment), workingDirectory: cwd,
            preservedDescriptors: options.preservedDescriptors, listenDescriptors: options.listenDescriptors)
    }

    /// The last value of each variable, at the place of the first.
    private func deduplicated(_ entries: [String]) -> [String] {
        var places: [Substring: Int] = [:]
        var result: [String] = []
        for entry in entries {
            let name = entry.prefix { $0 != "=" }
            if let place = places[name] {
                result[place] = entry
            } else {
                places[name] = result.count
                result.append(entry)
            }
        }
        return result
    }

    /// Limits and the OOM score, which are set from outside.
    func fill(_ launch: inout LaunchPlan) {
        launch.resourceLimits = resourceLimits
        launch.oomScoreAdjustment = oomScoreAdj.map(Int.init)
    }

    /// The limits as prlimit(2) takes them.
    var resourceLimits: [ResourceLimit] {
        rlimits.enumerated().map { index, limit in
            ResourceLimit(
                name: limit.type.rawValue, resource: limit.type.number, soft: limit.soft, hard: limit.hard,
                field: "process.rlimits[\(index)]")
        }
    }

    /// Scheduling and I/O priority.
    var prioritySteps: [SetupStep] {
        var steps: [SetupStep] = []
        if let ioPriority { steps.append(.ioPriority(ioPriority.mask)) }
        if let scheduler {
            steps.append(
                .scheduler(
                    SchedulerAttributes(
                        policy: scheduler.policy.number, flags: scheduler.flags.reduce(0) { $0 | $1.bit },
                        nice: scheduler.nice, priority: UInt32(bitPattern: scheduler.priority),
                        runtime: scheduler.runtime, deadline: scheduler.deadline, period: scheduler.period)))
        }
        return steps
    }

    /// The five sets as bits; without the section all are empty.
    ///
    /// Unknown names were reported by validation.
    var capabilitySets: CapabilitySets {
        func bits(_ names: [String]) -> UInt64 {
            names.reduce(0) { $0 | (Capability(name: $1)?.bit ?? 0) }
        }
        let sets = capabilities ?? Spec.Capabilities()
        return CapabilitySets(
            bounding: bits(sets.bounding), effective: bits(sets.effective), inheritable: bits(sets.inheritable),
            permitted: bits(sets.permitted), ambient: bits(sets.ambient))
    }
}

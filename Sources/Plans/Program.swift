/// The program a sandbox is made for, and as whom it runs.
package struct Program: Equatable, Sendable {
    /// argv.
    package var arguments: [String]
    /// The environment, NAME=value each.
    package var environment: [String]
    /// Where it starts, absolute inside the root.
    package var workingDirectory: String
    /// Descriptors 3 to 2+n that it inherits.
    package var preservedDescriptors: Int
    /// LISTEN_FDS of sd_listen_fds(3); nil where the caller had none.
    package var listenDescriptors: Int?
    /// How many files of the launcher's it finds from descriptor 3 on; then it inherits none of the caller's.
    package var handedFiles: Int

    /// Describes a program.
    package init(
        arguments: [String], environment: [String], workingDirectory: String, preservedDescriptors: Int = 0,
        listenDescriptors: Int? = nil, handedFiles: Int = 0
    ) {
        self.arguments = arguments
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.preservedDescriptors = preservedDescriptors
        self.listenDescriptors = listenDescriptors
        self.handedFiles = handedFiles
    }
}

/// User, groups and umask, runtime-spec, config.md, "User".
package struct Identity: Equatable, Sendable {
    /// The user id inside.
    package var userID: UInt32
    /// The group id inside.
    package var groupID: UInt32
    /// Supplementary groups; nil where setgroups(2) is denied and nothing was asked for.
    package var additionalGroups: [UInt32]?
    /// The umask; nil for the usual 022.
    package var umask: UInt32?

    /// Names a user.
    package init(userID: UInt32, groupID: UInt32, additionalGroups: [UInt32]?, umask: UInt32?) {
        self.userID = userID
        self.groupID = groupID
        self.additionalGroups = additionalGroups
        self.umask = umask
    }
}

/// The five sets of capabilities(7), a bit for each capability.
package struct CapabilitySets: Equatable, Sendable {
    /// What can ever be gained.
    package var bounding: UInt64
    /// What the kernel checks.
    package var effective: UInt64
    /// What an exec of a file with inheritable capabilities keeps.
    package var inheritable: UInt64
    /// What can be made effective.
    package var permitted: UInt64
    /// What any exec keeps.
    package var ambient: UInt64

    /// Makes five sets.
    package init(bounding: UInt64, effective: UInt64, inheritable: UInt64, permitted: UInt64, ambient: UInt64) {
        self.bounding = bounding
        self.effective = effective
        self.inheritable = inheritable
        self.permitted = permitted
        self.ambient = ambient
    }
}

/// A limit for prlimit(2).
package struct ResourceLimit: Equatable, Sendable {
    /// The name, as in RLIMIT_NOFILE.
    package var name: String
    /// The number of the resource.
    package var resource: Int32
    /// The limit in force; UInt64.max is none.
    package var soft: UInt64
    /// How far it can be raised.
    package var hard: UInt64
    /// The JSON path, for errors.
    package var field: String

    /// Makes a limit.
    package init(name: String, resource: Int32, soft: UInt64, hard: UInt64, field: String) {
        self.name = name
        self.resource = resource
        self.soft = soft
        self.hard = hard
        self.field = field
    }
}

/// How the scheduler treats the program, sched_setattr(2).
package struct SchedulerAttributes: Equatable, Sendable {
    /// SCHED_*.
    package var policy: UInt32
    /// SCHED_FLAG_*.
    package var flags: UInt64
    /// The nice value.
    package var nice: Int32
    /// The static priority.
    package var priority: UInt32
    /// Nanoseconds, SCHED_DEADLINE.
    package var runtime: UInt64
    /// Nanoseconds, SCHED_DEADLINE.
    package var deadline: UInt64
    /// Nanoseconds, SCHED_DEADLINE.
    package var period: UInt64

    /// Makes attributes.
    package init(
        policy: UInt32, flags: UInt64, nice: Int32, priority: UInt32, runtime: UInt64, deadline: UInt64, period: UInt64
    ) {
        self.policy = policy
        self.flags = flags
        self.nice = nice
        self.priority = priority
        self.runtime = runtime
        self.deadline = deadline
        self.period = period
    }
}

/// A seccomp filter as bytes; the profile was compiled by the planner.
package struct SeccompFilter: Equatable, Sendable {
    /// Classic BPF instructions, 8 bytes each.
    package var instructions: [UInt8]
    /// SECCOMP_FILTER_FLAG_*.
    package var flags: UInt32
    /// Whether the filter has a listener, whose descriptor goes to the launcher.
    package var notifies: Bool

    /// Wraps a filter.
    package init(instructions: [UInt8], flags: UInt32, notifies: Bool) {
        self.instructions = instructions
        self.flags = flags
        self.notifies = notifies
    }
}

/// A hook, runtime-spec, config.md, "POSIX-platform Hooks".
package struct HookStep: Equatable, Sendable {
    /// The list it stands in, as in "createRuntime".
    package var list: String
    /// Its position there.
    package var index: Int
    /// The executable, absolute.
    package var path: String
    /// argv; empty for just the path.
    package var arguments: [String]
    /// The whole environment; nil inherits the runtime's.
    package var environment: [String]?
    /// Seconds until it is killed; nil for none.
    package var timeoutSeconds: Int?

    /// Describes a hook.
    package init(
        list: String, index: Int, path: String, arguments: [String], environment: [String]?, timeoutSeconds: Int?
    ) {
        self.list = list
        self.index = index
        self.path = path
        self.arguments = arguments
        self.environment = environment
        self.timeoutSeconds = timeoutSeconds
    }
}

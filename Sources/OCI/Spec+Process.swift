package import Diagnostics

extension Spec {
    /// `process`: the container's process, or one that `exec` adds; runtime-spec, config.md.
    package struct Process: Sendable, Equatable {
        /// Whether the process gets a terminal.
        package var terminal: Bool
        /// The terminal's size in characters.
        package var consoleSize: ConsoleSize?
        /// The user and groups.
        package var user: User
        /// The argument vector; the first word names the program as execvp(3) takes it.
        package var args: [String]
        /// The environment.
        package var env: [String]
        /// The working directory, an absolute path.
        package var cwd: String
        /// The capability sets; nil where the section is absent.
        package var capabilities: Capabilities?
        /// The resource limits.
        package var rlimits: [ResourceLimit]
        /// Whether the process and its children can gain no privileges.
        package var noNewPrivileges: Bool
        /// The AppArmor profile.
        package var apparmorProfile: String?
        /// What goes into /proc/self/oom_score_adj.
        package var oomScoreAdj: Int32?
        /// The scheduling policy.
        package var scheduler: Scheduler?
        /// The SELinux label.
        package var selinuxLabel: String?
        /// The I/O priority.
        package var ioPriority: IOPriority?
        /// On which CPUs a process that `exec` adds runs.
        package var execCPUAffinity: ExecCPUAffinity?

        /// Reads `process`, or a process.json.
        package init(_ reader: ObjectReader) throws(RuntimeError) {
            terminal = try reader.boolean("terminal") ?? false
            consoleSize = try reader.object("consoleSize", ConsoleSize.init)
            user = try reader.object("user", User.init) ?? User()
            args = try reader.strings("args") ?? []
            env = try reader.strings("env") ?? []
            cwd = try reader.requiredString("cwd")
            capabilities = try reader.object("capabilities", Capabilities.init)
            rlimits = try reader.objects("rlimits", ResourceLimit.init) ?? []
            noNewPrivileges = try reader.boolean("noNewPrivileges") ?? false
            apparmorProfile = try reader.string("apparmorProfile")
            oomScoreAdj = try reader.integer("oomScoreAdj")
            scheduler = try reader.object("scheduler", Scheduler.init)
            selinuxLabel = try reader.string("selinuxLabel")
            ioPriority = try reader.object("ioPriority", IOPriority.init)
            execCPUAffinity = try reader.object("execCPUAffinity", ExecCPUAffinity.init)
            reader.skip("commandLine")
        }
    }

    /// `process.consoleSize`, in characters.
    package struct ConsoleSize: Sendable, Equatable {
        /// Lines.
        package var height: UInt16
        /// Columns.
        package var width: UInt16

        /// Makes a size.
        package init(height: UInt16, width: UInt16) {
            self.height = height
            self.width = width
        }

        init(_ reader: ObjectReader) throws(RuntimeError) {
            height = try reader.requiredInteger("height")
            width = try reader.requiredInteger("width")
        }
    }

    /// `process.user`, in the container's user namespace.
    package struct User: Sendable, Equatable {
        /// The user id.
        package var uid: UInt32 = 0
        /// The group id.
        package var gid: UInt32 = 0
        /// The umask; the runtime's own where it is unset.
        package var umask: UInt32?
        /// Supplementary groups.
        package var additionalGids: [UInt32] = []

        /// The superuser.
        package init() {}

        init(_ reader: ObjectReader) throws(RuntimeError) {
            uid = try reader.integer("uid") ?? 0
            gid = try reader.integer("gid") ?? 0
            umask = try reader.integer("umask")
            additionalGids = try reader.integers("additionalGids") ?? []
            reader.skip("username")
        }
    }

    /// `process.capabilities`: five sets of names of capabilities(7), as written; `Capability` knows their numbers.
    package struct Capabilities: Sendable, Equatable {
        /// What the process can gain by executing files.
        package var bounding: [String] = []
        /// What the kernel checks against.
        package var effective: [String] = []
        /// What survives an exec, with the file's own inheritable set.
        package var inheritable: [String] = []
        /// What the process can make effective.
        package var permitted: [String] = []
        /// What survives an exec of an ordinary file.
        package var ambient: [String] = []

        /// Five empty sets.
        package init() {}

        init(_ reader: ObjectReader) throws(RuntimeError) {
            bounding = try reader.strings("bounding") ?? []
            effective = try reader.strings("effective") ?? []
            inheritable = try reader.strings("inheritable") ?? []
            permitted = try reader.strings("permitted") ?? []
            ambient = try reader.strings("ambient") ?? []
        }
    }

    /// An entry of `process.rlimits`, setrlimit(2).
    package struct ResourceLimit: Sendable, Equatable {
        /// What is limited.
        package var type: Kind
        /// The limit that is enforced.
        package var soft: UInt64
        /// How far an unprivileged process can raise it.
        package var hard: UInt64

        /// Makes a limit.
        package init(_ type: Kind, soft: UInt64, hard: UInt64) {
            self.type = type
            self.soft = soft
            self.hard = hard
        }

        init(_ reader: ObjectReader) throws(RuntimeError) {
            type = try reader.requiredName("type")
            soft = try reader.requiredInteger("soft")
            hard = try reader.requiredInteger("hard")
        }
    }

    /// `process.scheduler`, sched_setattr(2).
    package struct Scheduler: Sendable, Equatable {
        /// The policy.
        package var policy: Policy
        /// The nice value, for SCHED_OTHER and SCHED_BATCH.
        package var nice: Int32
        /// The static priority, for SCHED_FIFO and SCHED_RR.
        package var priority: Int32
        /// Flags.
        package var flags: [Flag]
        /// Nanoseconds a period, for SCHED_DEADLINE.
        package var runtime: UInt64
        /// Nanoseconds after the start of a period, for SCHED_DEADLINE.
        package var deadline: UInt64
        /// Nanoseconds, for SCHED_DEADLINE.
        package var period: UInt64

        init(_ reader: ObjectReader) throws(RuntimeError) {
            policy = try reader.requiredName("policy")
            nice = try reader.integer("nice") ?? 0
            priority = try reader.integer("priority") ?? 0
            flags = try reader.names("flags") ?? []
            runtime = try reader.integer("runtime") ?? 0
            deadline = try reader.integer("deadline") ?? 0
            period = try reader.integer("period") ?? 0
        }
    }

    /// `process.ioPriority`, ioprio_set(2).
    package struct IOPriority: Sendable, Equatable {
        /// The class.
        package var `class`: Class
        /// The level in the class: 0 is the highest, 7 the lowest.
        package var priority: Int32

        init(_ reader: ObjectReader) throws(RuntimeError) {
            `class` = try reader.requiredName("class")
            priority = try reader.requiredInteger("priority")
        }
    }

    /// `process.execCPUAffinity`: lists of CPUs as in "0-3,7".
    package struct ExecCPUAffinity: Sendable, Equatable {
        /// Where the runtime's own process runs before it enters the container's cgroup.
        package var initial: String?
        /// Where the process runs after that.
        package var final: String?

        init(_ reader: ObjectReader) throws(RuntimeError) {
            initial = try reader.string("initial")
            final = try reader.string("final")
        }
    }
}

/// Every option of mvrun.
///
/// Parser, help and completions read this table, and nothing else knows an option's spelling.
///
/// The names are runc's; where crun has another name or letter for the same thing, both rows have the same key.
package enum OptionTable {
    /// All rows.
    package static let all: [OptionDefinition] = global + making + images + process + queries + resources + checkpoints

    /// The long name of an option, for errors.
    package static func name(of key: OptionKey) -> String {
        all.first { $0.key == key }?.name ?? ""
    }

    private static let global: [OptionDefinition] = [
        OptionDefinition(.root, "root", nil, .directory, for: .global, "where the states of containers are kept"),
        OptionDefinition(.log, "log", nil, .file, for: .global, "the file to log to (default: stderr)"),
        OptionDefinition(
            .logFormat, "log-format", nil, .choice(["text", "json"]), for: .global, "how lines of the log look"),
        OptionDefinition(
            .logLevel, "log-level", nil, .choice(["error", "warning", "info", "debug"]), for: .global,
            "the least urgent lines to log (default: warning)"),
        OptionDefinition(.debug, "debug", for: .global, "log each step"),
        OptionDefinition(.systemdCgroup, "systemd-cgroup", for: .global, "let systemd make the cgroups"),
        OptionDefinition(
            .cgroupManager, "cgroup-manager", nil, .choice(["cgroupfs", "systemd", "disabled"]), for: .global,
            "who makes the cgroups"),
        OptionDefinition(
            .rootless, "rootless", nil, .choice(["true", "false", "auto"]), for: .global,
            "go on where cgroups may not be changed"),
        OptionDefinition(.criu, "criu", nil, .file, for: .global, "the criu program for checkpoint and restore"),
        OptionDefinition(.help, "help", "h", for: .global, "print help"),
        OptionDefinition(.version, "version", "v", for: .global, "print the version"),
    ]

    private static let making: [OptionDefinition] = [
        OptionDefinition(
            .bundle, "bundle", "b", .directory, for: VerbSet(.run, .create, .spec, .restore, .plan, .check),
            "the bundle (default: the current directory)"),
        OptionDefinition(
            .config, "config", "f", .file, for: VerbSet(.run, .create, .plan, .check),
            "read this file instead of the bundle's config.json"),
        OptionDefinition(
            .consoleSocket, "console-socket", nil, .file, for: VerbSet(.run, .create, .exec, .restore),
            "the unix socket that receives the terminal's master"),
        OptionDefinition(
            .pidFile, "pid-file", nil, .file, for: VerbSet(.run, .create, .exec, .restore),
            "write the process id to this file"),
        OptionDefinition(
            .pidfdSocket, "pidfd-socket", nil, .file, for: VerbSet(.run, .create, .exec),
            "the unix socket that receives a pidfd of the process"),
        OptionDefinition(
            .isolation, "isolation", nil, .choice(["container", "vm", "auto"]),
            for: VerbSet(.run, .create, .plan, .check, .spec, .bundle),
            "what keeps the container apart (default: what the bundle asks for)"),
        OptionDefinition(
            .kernel, "kernel", nil, .file, for: VerbSet(.run, .create, .plan, .check),
            "the kernel of a virtual machine (default: the bundle's, or one of this host)"),
        OptionDefinition(
            .vsock, "vsock", for: VerbSet(.run, .create, .plan),
            "let programs of the host and of a virtual machine connect, by sockets in its state directory"),
        OptionDefinition(
            .network, "network", nil, .word("MODE"), for: VerbSet(.run, .create, .plan),
            "none, host, ns:PATH or cni:NAME in place of the bundle's network"),
        OptionDefinition(
            .publish, "publish", "p", .word("PORTS"), for: VerbSet(.run, .create, .plan),
            "lead [ADDRESS:]HOST:CONTAINER[/PROTOCOL] to the container, by a plugin of the CNI network"),
        OptionDefinition(
            .noPivot, "no-pivot", for: VerbSet(.run, .create, .restore, .plan),
            "enter the root without pivot_root(2), as a root on a ramdisk needs it"),
        OptionDefinition(
            .noNewKeyring, "no-new-keyring", for: VerbSet(.run, .create, .plan), "keep the caller's session keyring"),
        OptionDefinition(
            .preserveFds, "preserve-fds", nil, .word("N"), for: VerbSet(.run, .create, .exec),
            "pass descriptors 3 to 2+N on to the program"),
        OptionDefinition(
            // In front of the command too: podman's --runtime-flag comes there.
            .clampRlimits, "clamp-rlimits", for: VerbSet(.run, .create).union(.global),
            "lower limits that this host cannot grant, with a warning"),
        OptionDefinition(
            .explainSeccomp, "explain-seccomp", for: VerbSet(.run), "say which system calls the profile blocks"),
        OptionDefinition(
            .recordSeccomp, "record-seccomp", nil, .file, for: VerbSet(.run),
            "allow every system call, and write a profile that would have sufficed"),
        OptionDefinition(.detach, "detach", "d", for: VerbSet(.run, .exec, .restore), "do not wait for the program"),
        OptionDefinition(.keep, "keep", for: VerbSet(.run), "do not delete the container at its end"),
        OptionDefinition(
            .noSubreaper, "no-subreaper", for: VerbSet(.run, .create, .restore),
            "do not adopt orphaned processes of the container"),
    ]

    private static let images: [OptionDefinition] = [
        OptionDefinition(
            .image, "image", nil, .word("IMAGE"), for: VerbSet(.run),
            "run an image: [CONTAINER] [-- COMMAND]; an OCI layout, an archive, or docker://NAME"),
        OptionDefinition(
            .tag, "tag", nil, .word("TAG"), for: VerbSet(.run, .bundle), "which image of a layout or an archive"),
        OptionDefinition(
            .imageCache, "image-cache", nil, .directory, for: VerbSet(.run, .bundle, .gc),
            "where unpacked images are kept (default: /var/cache/mvrun/images)"),
    ]

    private static let process: [OptionDefinition] = [
        OptionDefinition(.process, "process", "p", .file, for: VerbSet(.exec), "the process as a JSON file"),
        OptionDefinition(.tty, "tty", "t", for: VerbSet(.exec), "give the program a terminal"),
        OptionDefinition(.user, "user", "u", .word("UID[:GID]"), for: VerbSet(.exec), "the user to run as"),
        OptionDefinition(
            .additionalGids, "additional-gids", "g", .word("GID"), for: VerbSet(.exec), "one more supplementary group"),
        OptionDefinition(
            .cwd, "cwd", nil, .word("PATH"), for: VerbSet(.exec), "the working directory in the container"),
        OptionDefinition(.env, "env", "e", .word("NAME=VALUE"), for: VerbSet(.exec), "one more environment variable"),
        OptionDefinition(.cap, "cap", "c", .word("CAP_NAME"), for: VerbSet(.exec), "one more capability"),
        OptionDefinition(
            .cgroup, "cgroup", nil, .word("[CONTROLLER:]PATH"), for: VerbSet(.exec),
            "the cgroup below the container's to run in"),
        OptionDefinition(.ignorePaused, "ignore-paused", for: VerbSet(.exec), "also in a paused container"),
        OptionDefinition(
            .processLabel, "process-label", nil, .word("LABEL"), for: VerbSet(.exec), "the SELinux label to run with"),
        OptionDefinition(
            .appArmor, "apparmor", nil, .word("PROFILE"), for: VerbSet(.exec), "the AppArmor profile to run with"),
        OptionDefinition(.noNewPrivs, "no-new-privs", for: VerbSet(.exec), "set the no_new_privs bit"),
    ]

    private static let queries: [OptionDefinition] = [
        OptionDefinition(.all, "all", "a", for: VerbSet(.kill), "signal every process of the container"),
        OptionDefinition(.force, "force", "f", for: VerbSet(.delete), "kill it first; no error if it does not exist"),
        OptionDefinition(
            .regex, "regex", "r", for: VerbSet(.kill, .delete),
            "all containers whose id matches this extended regular expression"),
        OptionDefinition(
            .format, "format", "f", .choice(["table", "json"]), for: VerbSet(.list, .ps),
            "how to print (default: table)"),
        OptionDefinition(
            .format, "format", nil, .choice(["text", "json"]), for: VerbSet(.plan, .check, .doctor),
            "how to print (default: text)"),
        OptionDefinition(.quiet, "quiet", "q", for: VerbSet(.list), "print ids only"),
        OptionDefinition(
            .interval, "interval", nil, .word("TIME"), for: VerbSet(.events), "time between statistics (default: 5s)"),
        OptionDefinition(.stats, "stats", for: VerbSet(.events), "print the statistics once"),
        OptionDefinition(
            .forRootless, "rootless", for: VerbSet(.spec, .bundle), "a container that an ordinary user can run"),
        OptionDefinition(
            .file, "file", "f", .file, for: VerbSet(.spec), "the file to write (default: config.json in the bundle)"),
    ]

    private static let resources: [OptionDefinition] = [
        OptionDefinition(
            .resources, "resources", "r", .file, for: VerbSet(.update),
            "the limits as a JSON file; - for standard input"),
        update(.blockIOWeight, "blkio-weight", "N", "weight of block I/O, 10 to 1000"),
        update(.cpuPeriod, "cpu-period", "USEC", "period of the CPU quota"),
        update(.cpuQuota, "cpu-quota", "USEC", "CPU time in each period; -1 for no limit"),
        update(.cpuBurst, "cpu-burst", "USEC", "CPU time that may be saved up"),
        update(.cpuShares, "cpu-share", "N", "share of CPU time against other containers"),
        update(.cpuRealtimePeriod, "cpu-rt-period", "USEC", "period of the realtime quota"),
        update(.cpuRealtimeRuntime, "cpu-rt-runtime", "USEC", "realtime CPU time in each period"),
        update(.cpuIdle, "cpu-idle", "0|1", "whether the container runs only when nothing else does"),
        update(.cpusetCPUs, "cpuset-cpus", "LIST", "the CPUs it may run on"),
        update(.cpusetMems, "cpuset-mems", "LIST", "the memory nodes it may use"),
        update(.memory, "memory", "BYTES", "limit of memory; -1 for none"),
        update(.memoryReservation, "memory-reservation", "BYTES", "memory it keeps under pressure"),
        update(.memorySwap, "memory-swap", "BYTES", "limit of memory and swap together; -1 for none"),
        update(.kernelMemory, "kernel-memory", "BYTES", "ignored: kernels since 5.16 do not have this limit"),
        update(.kernelMemoryTCP, "kernel-memory-tcp", "BYTES", "ignored: kernels since 5.16 do not have this limit"),
        update(.pidsLimit, "pids-limit", "N", "the most processes; -1 for no limit"),
        update(.l3CacheSchema, "l3-cache-schema", "SCHEMA", "Intel RDT: schema of the L3 cache"),
        update(.memoryBandwidthSchema, "mem-bw-schema", "SCHEMA", "Intel RDT: schema of memory bandwidth"),
    ]

    private static func update(
        _ key: OptionKey, _ name: String, _ placeholder: String, _ help: String
    ) -> OptionDefinition {
        OptionDefinition(key, name, nil, .word(placeholder), for: VerbSet(.update), help)
    }

    private static let both: VerbSet = VerbSet(.checkpoint, .restore)

    private static let checkpoints: [OptionDefinition] = [
        OptionDefinition(
            .imagePath, "image-path", nil, .directory, for: both, "where the images are (default: ./checkpoint)"),
        OptionDefinition(.workPath, "work-path", nil, .directory, for: both, "where criu keeps its log"),
        OptionDefinition(
            .parentPath, "parent-path", nil, .directory, for: VerbSet(.checkpoint), "the images of an earlier pre-dump"),
        OptionDefinition(.leaveRunning, "leave-running", for: VerbSet(.checkpoint), "let the container go on"),
        OptionDefinition(.tcpEstablished, "tcp-established", for: both, "save open TCP connections"),
        OptionDefinition(.externalUnixSockets, "ext-unix-sk", for: both, "allow unix sockets to the outside"),
        OptionDefinition(.shellJob, "shell-job", for: both, "allow a terminal of the outside"),
        OptionDefinition(.lazyPages, "lazy-pages", for: both, "bring memory pages later, by userfaultfd"),
        OptionDefinition(
            .statusFd, "status-fd", nil, .word("FD"), for: VerbSet(.checkpoint), "criu says here that it serves pages"),
        OptionDefinition(
            .pageServer, "page-server", nil, .word("ADDRESS:PORT"), for: VerbSet(.checkpoint), "send memory pages there"
        ),
        OptionDefinition(.fileLocks, "file-locks", for: both, "save file locks"),
        OptionDefinition(
            .preDump, "pre-dump", for: VerbSet(.checkpoint), "save the memory only, and let the container go on"),
        OptionDefinition(
            .manageCgroupsMode, "manage-cgroups-mode", nil, .choice(["soft", "full", "strict", "ignore"]), for: both,
            "what criu does about cgroups (default: soft)"),
        OptionDefinition(
            .emptyNamespace, "empty-ns", nil, .choice(["network"]), for: both, "do not save what is in this namespace"),
        OptionDefinition(
            .autoDeduplicate, "auto-dedup", for: both, "drop pages of earlier images that are saved again"),
        OptionDefinition(
            .lsmProfile, "lsm-profile", nil, .word("TYPE:NAME"), for: VerbSet(.restore),
            "the security profile to restore with"),
        OptionDefinition(
            .lsmMountContext, "lsm-mount-context", nil, .word("CONTEXT"), for: VerbSet(.restore),
            "the SELinux context to mount with"),
    ]
}

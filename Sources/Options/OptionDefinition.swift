/// What an option means to the program; its spelling is the table's business.
package enum OptionKey: UInt8, Sendable {
    // Global.
    case root, log, logFormat, logLevel, debug, systemdCgroup, rootless, cgroupManager, criu, help, version
    // Making containers.
    case bundle, config, consoleSocket, pidFile, pidfdSocket, noPivot, noNewKeyring, preserveFds, detach, keep,
        noSubreaper
    // exec.
    case clampRlimits, explainSeccomp, recordSeccomp, isolation, kernel, vsock, network, publish
    case process, tty, user, additionalGids, cwd, env, cap, cgroup, ignorePaused, processLabel, appArmor, noNewPrivs
    // Queries and signals.
    case all, force, regex, format, quiet, interval, stats
    // update.
    case resources, blockIOWeight, cpuPeriod, cpuQuota, cpuBurst, cpuShares, cpuRealtimePeriod, cpuRealtimeRuntime
    case cpuIdle, cpusetCPUs, cpusetMems, memory, memoryReservation, memorySwap, kernelMemory, kernelMemoryTCP
    case pidsLimit, l3CacheSchema, memoryBandwidthSchema
    // spec.
    case forRootless, file
    // Images.
    case image, tag, imageCache
    // checkpoint and restore.
    case imagePath, workPath, parentPath, leaveRunning, tcpEstablished, externalUnixSockets, shellJob, lazyPages
    case statusFd, pageServer, fileLocks, preDump, manageCgroupsMode, emptyNamespace, autoDeduplicate, lsmProfile
    case lsmMountContext
}

/// One row of the table of options.
package struct OptionDefinition: Sendable {
    /// What follows an option's name.
    package enum Value: Sendable {
        /// Nothing, or `=true` or `=false`.
        case none
        /// A word, named as in the help.
        case word(String)
        /// A file's path.
        case file
        /// A directory's path.
        case directory
        /// One of these.
        case choice([String])
    }

    /// What the option means.
    package let key: OptionKey
    /// The long name, without its dashes.
    package let name: String
    /// The one-letter name.
    package let short: Unicode.Scalar?
    /// What follows the name.
    package let value: Value
    /// What it does, in a few words.
    package let help: String
    /// The verbs that have it.
    package let verbs: VerbSet

    init(
        _ key: OptionKey, _ name: String, _ short: Unicode.Scalar? = nil, _ value: Value = .none, for verbs: VerbSet,
        _ help: String
    ) {
        self.key = key
        self.name = name
        self.short = short
        self.value = value
        self.help = help
        self.verbs = verbs
    }

    /// Whether a value must follow.
    var takesValue: Bool {
        if case .none = value { false } else { true }
    }

    /// What stands for the value in the help, as in "FILE".
    var placeholder: String {
        switch value {
        case .none: ""
        case .word(let name): name
        case .file: "FILE"
        case .directory: "DIR"
        case .choice(let words): words.joined(separator: "|")
        }
    }

    /// Whether the option may stand behind this verb; before the verb where it is nil.
    func belongs(to verb: Verb?) -> Bool {
        verb.map { verbs.contains($0) } ?? verbs.contains(.global)
    }
}

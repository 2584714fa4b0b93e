/// What checkpoint and restore are asked for alike; the names are those of the command line.
package struct CriuOptions: Sendable {
    /// Where the images are.
    package var imagePath = "checkpoint"
    /// Where criu keeps its log; nil for beside the images.
    package var workPath: String?
    /// Save open TCP connections.
    package var tcpEstablished = false
    /// Allow unix sockets to the outside.
    package var externalUnixSockets = false
    /// Allow a terminal of the outside.
    package var shellJob = false
    /// Save file locks.
    package var fileLocks = false
    /// Bring memory pages later.
    package var lazyPages = false
    /// Drop pages of earlier images that are saved again.
    package var autoDeduplicate = false
    /// Do not save what is in the network namespace.
    package var emptyNetwork = false
    /// What criu does about cgroups: soft, full, strict or ignore.
    package var cgroupsMode = "soft"
    /// The images of an earlier pre-dump, relative to the new ones.
    package var parentPath: String?
    /// Let the container go on.
    package var leaveRunning = false
    /// Save the memory only, and let the container go on.
    package var preDump = false
    /// The server that takes the memory pages.
    package var pageServer: (address: String, port: Int)?
    /// The descriptor that is told when pages are served.
    package var statusDescriptor: Int32?
    /// The security profile to restore with.
    package var lsmProfile: String?
    /// The SELinux context to mount with.
    package var lsmMountContext: String?

    /// Asks for nothing special.
    package init() {}

    /// Writes what dump and restore have in common, `criu_opts` of images/rpc.proto.
    func write(into opts: inout CriuMessageWriter, logFile: String) {
        opts.flag(4, externalUnixSockets)
        opts.flag(5, tcpEstablished)
        opts.flag(7, shellJob)
        opts.flag(8, fileLocks)
        opts.integer(9, 4)
        opts.text(10, logFile)
        opts.flag(12, true)  // notify_scripts: criu tells what it has come to
        opts.flag(16, autoDeduplicate)
        opts.flag(24, true)
        opts.integer(34, ["ignore": 0, "soft": 3, "full": 4, "strict": 5][cgroupsMode] ?? 3)
        if emptyNetwork { opts.integer(38, 0x4000_0000) }
        opts.flag(48, lazyPages)
        // The network is shut while it is saved: by iptables, which criu prefers, or else by nftables.
        if pathOfProgram("ip6tables-restore") == nil { opts.integer(64, 2) }
        opts.flag(50, true)  // orphan_pts_master: the container's terminal is given to us
    }
}

import Diagnostics
import Options
import Runtime

/// `mvrun checkpoint CONTAINER`: saves a running container to disk.
enum CheckpointCommand {
    static func run(_ invocation: Invocation, _ session: Session) throws(RuntimeError) {
        try session.checkpoint(invocation.container, try CriuOptions(invocation))
    }
}

extension CriuOptions {
    /// What the options of `checkpoint` and `restore` ask for.
    init(_ invocation: Invocation) throws(RuntimeError) {
        self.init()
        imagePath = invocation.path(.imagePath) ?? imagePath
        workPath = invocation.path(.workPath)
        parentPath = invocation.path(.parentPath)
        tcpEstablished = invocation.has(.tcpEstablished)
        externalUnixSockets = invocation.has(.externalUnixSockets)
        shellJob = invocation.has(.shellJob)
        fileLocks = invocation.has(.fileLocks)
        lazyPages = invocation.has(.lazyPages)
        autoDeduplicate = invocation.has(.autoDeduplicate)
        leaveRunning = invocation.has(.leaveRunning)
        preDump = invocation.has(.preDump)
        statusDescriptor = try invocation.integer(.statusFd, as: Int32.self)
        lsmProfile = invocation.path(.lsmProfile)
        lsmMountContext = invocation.path(.lsmMountContext)
        cgroupsMode = invocation.path(.manageCgroupsMode) ?? cgroupsMode
        guard ["soft", "full", "strict", "ignore"].contains(cgroupsMode) else {
            throw RuntimeError(
                .usage, "--manage-cgroups-mode: \"\(cgroupsMode)\" is none of soft, full, strict and ignore")
        }
        for name in invocation.values(.emptyNamespace) where !name.isEmpty {
            guard name == "network" else {
                throw RuntimeError(.usage, "--empty-ns: \"\(name)\" cannot be left empty; only network can")
            }
            emptyNetwork = true
        }
        if let text = invocation.path(.pageServer) {
            let colon = text.lastIndex(of: ":") ?? text.endIndex
            guard colon != text.endIndex, let port = UInt16(text[text.index(after: colon)...]) else {
                throw RuntimeError(.usage, "--page-server: \"\(text)\" is not of the form ADDRESS:PORT")
            }
            pageServer = (String(text[..<colon]), Int(port))
        }
        // runc refuses the same: a pre-dump is the first step towards a dump of what has changed since.
        if preDump, let parentPath, parentPath.hasPrefix("/") {
            throw RuntimeError(.usage, "--parent-path: \(parentPath) is not relative to the directory of the images")
        }
    }
}

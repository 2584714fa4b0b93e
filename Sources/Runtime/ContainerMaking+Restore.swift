import Cgroups
import Diagnostics
import Glibc
import OCI
import Plans
import Syscalls

extension ContainerMaking {
    /// Makes everything out of the images of a checkpoint; the program goes on where it stood.
    func restore(_ options: CriuOptions, _ program: borrowing CriuProgram) throws(RuntimeError) {
        isRestored = true
        do throws(RuntimeError) {
            try directory?.makeNotifyDirectory()
            try makeGroups()
            let replacements = try openReplacements(options)
            var opts = try restoreOptions(options, replacements)
            var started = try startInside(program, replacements)
            opts.integer(1, started.images)
            opts.integer(17, started.work)
            do throws(RuntimeError) {
                // BEFORE the request: what is restored is born where criu is.
                let restored = try started.criu.ask(.restore, opts) { notice throws(RuntimeError) in try take(notice) }
                started.criu.finish()
                if pid == 0 { pid = restored }
            } catch {
                // Without its channel it takes what it has restored along.
                started.criu.finish()
                throw program.explain(error)
            }
            try noteNamespaces()
            try register(pid)
            if let socket = request.consoleSocket, let terminal = takeTerminal() {
                try sendTerminal(terminal, toConsoleSocket: socket)
            }
        } catch {
            undo()
            throw error
        }
        letGo()
    }

    private func take(_ notice: consuming Criu.Notice) throws(RuntimeError) {
        var notice = notice
        switch notice.name {
        case "setup-namespaces": if let pid = notice.pid { try runHooks(pid) }
        case "post-restore": pid = notice.pid ?? 0
        case "orphan-pts-master": restoredTerminal = notice.passed.take()
        default: return
        }
    }

    /// CRIU restores into a time namespace where the kernel has them, so that clocks go on.
    private func noteNamespaces() throws(RuntimeError) {
        let own = try? linkTarget("/proc/self/ns/time")
        guard let theirs = try? linkTarget("/proc/\(pid)/ns/time"), theirs != own else { return }
        record.namespaces |= NamespaceKind.time.cloneFlag
    }

    /// What takes the place of what the container had from outside, by the names that the dump gave it.
    private func openReplacements(_ options: CriuOptions) throws(RuntimeError) -> [(name: String, number: Int32)] {
        let streams = try StandardStreams(besideImages: absolutePath(options.imagePath) + "/descriptors.json")
        // All stay open to criu's start: it takes them by their numbers.
        var opened = streams.replacements(
            null: try during("open the null device") { try OwnedDescriptor.open("/dev/null", .readWrite).release() })
        for (kind, name) in ExternalNamespace.all {
            guard let path = bundle.spec.linux.namespace(kind)?.path else { continue }
            do {
                opened.append((name, try OwnedDescriptor.open(path).release()))
            } catch {
                throw RuntimeError(error).during("linux.namespaces: open the \(kind.rawValue) namespace")
            }
        }
        return opened
    }

    private func restoreOptions(
        _ options: CriuOptions, _ replacements: [(name: String, number: Int32)]
    ) throws(RuntimeError) -> CriuMessageWriter {
        var opts = CriuMessageWriter()
        opts.flag(6, true)  // evasive_devices: a device file may have another path by now
        opts.text(13, try realRoot())
        opts.flag(26, true)  // rst_sibling: the program becomes a child of this process
        options.write(into: &opts, logFile: "restore.log")
        if let profile = options.lsmProfile { opts.text(53, profile) }
        if let context = options.lsmMountContext { opts.text(63, context) }
        let notify = session.store.directory(of: record.id) + "/notify"
        for mount in ExternalMounts.sources(bundle.spec, notify: notify) {
            opts.message(23) { message in
                message.text(1, mount.name)
                message.text(2, mount.source.hasPrefix("/") ? mount.source : "\(bundle.path)/\(mount.source)")
            }
        }
        for cgroup in record.cgroups {
            opts.message(25) { message in
                if cgroup.version == .v1 { message.text(1, cgroup.controllers.joined(separator: ",")) }
                message.text(2, cgroup.path)
            }
        }
        for (name, number) in replacements {
            opts.message(27) { message in
                message.text(1, name)
                message.integer(2, Int(number))
            }
        }
        return opts
    }

    private func realRoot() throws(RuntimeError) -> String {
        do {
            return try target(of: OwnedDescriptor.open(bundle.rootPath, [.path, .directory]))
        } catch {
            throw RuntimeError(error).during("root.path")
        }
    }

    private func target(of file: borrowing OwnedDescriptor) throws(SystemError) -> String {
        try linkTarget(file.procPath)
    }
}

// MARK: Starting criu where the container is to be

extension ContainerMaking {
    /// Starts criu in the container's cgroups, and in a mount namespace of its own in which the root is a mount point, as
    /// criu wants it; that goes with criu.
    ///
    /// - Returns: criu, and the numbers under which it has its directories.
    private func startInside(
        _ program: borrowing CriuProgram, _ replacements: [(name: String, number: Int32)]
    ) throws(RuntimeError) -> StartedCriu {
        do {
            let root = try realRoot()
            let pair = try PacketSocket.pair()
            let child = try forkProcess(namespaces: NamespaceKind.mount.cloneFlag, asSibling: false)
            if child == 0 {
                let error = becomeCriu(program, root, pair.theirs, replacements)
                try? pair.theirs.send(Array("!\(error)".utf8))
                exitNow(125)
            }
            do {
                try enterGroups(child)
                return try meet(child, over: pair.takeOurs())
            } catch {
                try? sendSignal(9, to: child)
                _ = try? waitForChild(child)
                throw error
            }
        } catch let error as RuntimeError {
            throw error.during("start criu")
        } catch {
            throw RuntimeError(.system, "\(error)").during("start criu")
        }
    }

    private func meet(_ child: Int32, over socket: consuming PacketSocket) throws -> StartedCriu {
        try socket.send([0])
        var answer = try socket.receive()
        let text = String(decoding: answer.bytes, as: UTF8.self)
        let numbers = text.split(separator: ",").compactMap { Int($0) }
        guard numbers.count == 2, let channel = answer.passed.take() else {
            throw RuntimeError(.system, text.isEmpty ? "it ended without a word" : String(text.dropFirst()))
        }
        return StartedCriu(
            criu: Criu(pid: child, channel: PacketSocket(channel)), images: numbers[0], work: numbers[1])
    }

    /// The child's side: this process has one thread, so the child is a whole program too.
    ///
    /// - Returns: why criu cannot be executed.
    private func becomeCriu(
        _ program: borrowing CriuProgram, _ root: String, _ parent: borrowing PacketSocket,
        _ replacements: [(name: String, number: Int32)]
    ) -> String {
        do {
            // criu and what it has restored so far are not to outlive who registers the container.
            try ProcessControl.setParentDeathSignal(SIGKILL)
            guard try !parent.receive().bytes.isEmpty else { return "nobody waits for it" }
            try Mounting.mount(nil, at: "/", type: nil, flags: UInt64(MS_SLAVE | MS_REC))
            try Mounting.mount(root, at: root, type: nil, flags: UInt64(MS_BIND | MS_REC))
            for cgroup in record.cgroups {
                try writeFile("0", to: cgroup.directory + (cgroup.version == .v2 ? "/cgroup.procs" : "/tasks"))
            }
            // It mounts below its directories, so they are of its mount namespace; and it takes their numbers for those of
            // the process that made its socket, which therefore is itself.
            let images = try OwnedDescriptor.open(program.imagePath, [.directory])
            let work = try OwnedDescriptor.open(program.workPath, [.directory])
            let pair = try PacketSocket.pair()
            try parent.send(Array("\(images.number),\(work.number)".utf8), with: pair.ours.descriptor)
            for number in replacements.map(\.number) + [images.number, work.number, pair.theirs.descriptor.number] {
                try keepOpen(number)
            }
            resetSignals()
            let path = environmentVariable("PATH") ?? "/usr/sbin:/usr/bin:/sbin:/bin"
            try execute(
                program.path, arguments: ["criu", "swrk", "\(pair.theirs.descriptor.number)"],
                environment: ["PATH=\(path)"])
        } catch {
            return "\(error)"
        }
    }

    private func keepOpen(_ number: Int32) throws(SystemError) {
        let file = OwnedDescriptor(owning: number)
        try file.setCloseOnExec(false)
        _ = file.release()
    }
}

/// A criu that was started where a container is to be.
private struct StartedCriu: ~Copyable {
    /// The worker.
    var criu: Criu
    /// The number of the images' directory, in it.
    let images: Int
    /// The number of its log's directory, in it.
    let work: Int
}

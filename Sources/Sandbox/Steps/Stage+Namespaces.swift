import Diagnostics
import Plans
import Syscalls

extension Stage {
    /// Enters namespaces that exist.
    ///
    /// Each is opened before any is entered, for the paths are the host's. A user namespace is entered as soon as its
    /// owner's privileges are no longer needed for the others: those that can be entered from here come first, the
    /// others after it (setns(2), ERRORS).
    func join(_ joins: [NamespaceJoin]) throws {
        var opened: [SharedDescriptor] = []
        for join in joins {
            let file = try open(join)
            try check(file.file, is: join)
            opened.append(file)
        }
        let userPosition = joins.firstIndex { $0.kind == .user }
        var left: [Int] = []
        for (position, join) in joins.enumerated() where position != userPosition {
            do {
                try enter(opened[position], join)
            } catch {
                guard userPosition != nil else { throw error }
                left.append(position)
            }
        }
        if let userPosition {
            try enter(opened[userPosition], joins[userPosition])
            // Root of the namespace entered, or the capabilities there are lost at the next change.
            try Credentials.setGroup(0)
            try Credentials.setUser(0)
        }
        for position in left { try enter(opened[position], joins[position]) }
    }

    private func open(_ join: NamespaceJoin) throws(RuntimeError) -> SharedDescriptor {
        do {
            return SharedDescriptor(try OwnedDescriptor.open(join.path))
        } catch {
            let named =
                join.kind == .network ? "\"ip netns add NAME\" makes /run/netns/NAME" : "it ends with its last process"
            let hint = error.errno == .noEntry ? "nobody has that namespace: \(named)" : nil
            throw RuntimeError(error, hint: hint).during(join.field)
        }
    }

    private func enter(_ file: SharedDescriptor, _ join: NamespaceJoin) throws(SystemError) {
        try enterNamespaces(of: file.file, kinds: join.kind.cloneFlag, subject: join.path)
    }

    /// Compares a namespace's kind with the one that config.json names.
    private func check(_ file: borrowing OwnedDescriptor, is join: NamespaceJoin) throws(RuntimeError) {
        let found: UInt64
        do {
            found = try file.namespaceKind(subject: join.path)
        } catch {
            throw RuntimeError(.invalidBundle, "\(join.field): \(join.path) is not a namespace")
        }
        guard found == join.kind.cloneFlag else {
            let name = NamespaceKind.allCases.first { $0.cloneFlag == found }?.name ?? "other"
            throw RuntimeError(
                .invalidBundle, "\(join.field): \(join.path) is a namespace of type \(name), not \(join.kind.name)")
        }
    }

    /// Enters the namespaces of a container's process, all at once: the kernel does it whole or not at all.
    func joinProcess(_ process: Int32, kinds: UInt64) throws {
        let file = OwnedDescriptor(owning: process)
        // The host's procfs, for security labels: afterwards it is out of sight.
        _ = try openHostProcesses()
        try enterNamespaces(of: file, kinds: kinds, subject: "the container")
        if kinds & NamespaceKind.user.cloneFlag != 0 {
            try Credentials.setGroup(0)
            try Credentials.setUser(0)
        }
    }

    /// Goes on in a child: the one way into a pid namespace, and the way to make namespaces below joined ones.
    ///
    /// The child is a sibling of this process, so that whoever waits for the container is its parent.
    func fork(namespaces: UInt64, mapped: Bool) throws {
        let pid = try forkProcess(namespaces: namespaces, asSibling: true)
        if pid != 0 {
            try send(.child(pid: pid))
            exitNow(0)
        }
        guard mapped else { return }
        switch try receive() {
        case .mapped: break
        case .end: endWithoutLauncher()
        default: throw RuntimeError(.system, "a message of mvrun came out of turn")
        }
        try Credentials.setGroup(0)
        try Credentials.setUser(0)
    }

    /// Makes a time namespace and enters it.
    ///
    /// The offsets can be written until the first process enters, so they are written before this one does
    /// (time_namespaces(7)).
    func makeTimeNamespace(_ offsets: [ClockOffset]) throws {
        try unshareNamespaces(NamespaceKind.time.cloneFlag, subject: "time namespace")
        let processes = try openHostProcesses()
        for offset in offsets {
            try during("linux.timeOffsets.\(offset.clock)") {
                try writeFile(
                    "\(offset.clock) \(offset.seconds) \(offset.nanoseconds)", at: processes.file,
                    to: "self/timens_offsets")
            }
        }
        let file = try OwnedDescriptor.open(at: processes.file, "self/ns/time_for_children")
        try enterNamespaces(of: file, kinds: NamespaceKind.time.cloneFlag, subject: "time namespace")
    }

    /// Joins a keyring of the container's own, so that the keys of whoever called mvrun stay out of reach.
    func joinKeyring(_ name: String) throws(SystemError) {
        do {
            try joinSessionKeyring(name)
        } catch let error where error.errno == .noSystemCall {
            // A kernel without keyrings has no keys to protect.
            return
        }
    }

    /// The host's procfs, opened when it is first needed: its `self` is whichever process looks, before a fork and after it.
    func openHostProcesses() throws(SystemError) -> SharedDescriptor {
        if let hostProcesses { return hostProcesses }
        let found = SharedDescriptor(try OwnedDescriptor.open("/proc", [.path, .directory]))
        hostProcesses = found
        return found
    }

    /// Sets kernel parameters through the host's procfs: it shows the namespaces of whoever opens a file, and no mount of
    /// the container can stand in its way.
    func set(_ parameters: [SetupStep.KernelParameter]) throws {
        let directory = SharedDescriptor(try OwnedDescriptor.open("/proc/sys", [.path, .directory]))
        for parameter in parameters {
            try during("linux.sysctl[\"\(parameter.name)\"]") {
                try set(parameter, below: directory)
            }
        }
    }

    private func set(
        _ parameter: SetupStep.KernelParameter, below directory: SharedDescriptor
    ) throws(RuntimeError) {
        do {
            let file = try OwnedDescriptor.open(
                at: directory.file, parameter.path, .writeOnly, resolve: [.beneath, .noSymlinks])
            try file.write(parameter.value, subject: "/proc/sys/\(parameter.path)")
        } catch {
            switch error.errno {
            case .noEntry:
                throw RuntimeError(.unsupported, "this kernel has no such parameter (no such file or directory)")
            case .invalidArgument:
                throw RuntimeError(
                    .invalidBundle, "the kernel refuses the value \"\(parameter.value)\" (invalid argument)")
            default: throw RuntimeError(error)
            }
        }
    }
}

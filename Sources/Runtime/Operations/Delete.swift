import Cgroups
package import Diagnostics
import JSON
import OCI
import Plans
import Sandbox
import Syscalls

extension Session {
    /// Removes what is left of a container.
    ///
    /// - Parameters:
    ///   - id: the container.
    ///   - force: kill it first where it runs; and where it does not exist, or was never finished, that is no error.
    package func delete(_ id: String, force: Bool) throws(RuntimeError) {
        let directory: ContainerDirectory
        do throws(RuntimeError) {
            directory = try store.open(id)
        } catch {
            if force, error.kind == .notFound { return }
            throw error
        }
        let record: ContainerRecord?
        do throws(RuntimeError) {
            record = try directory.record()
        } catch {
            guard force else { throw error }
            // There is nothing to go by, so only the directory can be removed; the user has been told to.
            log.warn("\(error)")
            return try directory.remove()
        }
        guard let record else { return try directory.remove() }
        let container = Container(record, in: store)
        let status = container.status
        if status != .stopped {
            guard force else {
                throw RuntimeError(
                    .wrongState, "the container is \(status.rawValue), not stopped",
                    hint: "stop it with \"mvrun kill \(id)\", or use --force")
            }
            try kill(container)
        }
        try remove(container, in: directory, force: force)
    }

    /// Kills a container's processes and waits for the end of the first one.
    private func kill(_ container: Container) throws(RuntimeError) {
        if !container.record.cgroups.isEmpty { try container.cgroups.kill() }
        guard let process = container.record.process else { return }
        try during("kill process \(process.pid)") {
            guard let target = try process.open() else { return }
            do throws(SystemError) {
                try target.sendSignal(9)
            } catch {
                guard error.errno == .noProcess else { throw error }
            }
            if container.isPaused { try container.cgroups.thaw() }
            var set = PollSet()
            set.add(target, .readable)
            guard try set.wait(timeoutMilliseconds: 10_000) else {
                throw RuntimeError(
                    .system, "it does not end within 10 s", hint: "it may be waiting for a device that does not answer")
            }
        }
    }

    /// Removes everything that was made for a container that has ended, and runs its poststop hooks.
    ///
    /// Order matters: the record goes last, so that whoever is killed on the way leaves something to go by.
    ///
    /// - Parameters:
    ///   - container: the container.
    ///   - directory: its directory.
    ///   - force: go on where others cannot undo what they did for it.
    func remove(
        _ container: Container, in directory: borrowing ContainerDirectory, force: Bool = false
    ) throws(RuntimeError) {
        try directory.beginRemoval()
        do throws(RuntimeError) {
            if container.record.hasNetworks { try leaveNetworks(in: directory.path, force: force) }
            try removeResources(of: container)
            // AFTER the last process of the container, which writes there.
            if let run = container.record.imageRun { try ImageRun.remove(run, rootless: !isPrivileged) }
        } catch {
            directory.cancelRemoval()
            throw error
        }
        if container.record.hasPoststop { runPoststopHooks(of: container, in: directory) }
        try directory.remove()
        log.info("deleted \(container.record.id)")
    }

    private func removeResources(of container: Container) throws(RuntimeError) {
        let record = container.record
        try removeNetwork(of: record)
        if !record.cgroups.isEmpty {
            // Processes that share the pid namespace of somebody else outlive the first one.
            if record.namespaces & NamespaceKind.pid.cloneFlag == 0 { try container.cgroups.kill() }
            try container.cgroups.remove()
        }
        if let unit = record.systemdUnit { try end(unit, of: container) }
        try record.removeResctrlGroups()
    }

    private func end(_ unit: String, of container: Container) throws(RuntimeError) {
        do throws(RuntimeError) {
            try systemd().stop(unit)
        } catch {
            // systemd removes the cgroup with the unit. Without it at most a name is left, of a unit that has failed.
            guard container.record.cgroups.allSatisfy({ !exists($0.directory) }) else { throw error }
            log.warn("\(container.record.id): \(error)")
        }
    }

    /// Runs the hooks behind a container's end.
    ///
    /// One that fails is worth a warning, runtime-spec, runtime.md, "Lifecycle".
    private func runPoststopHooks(of container: Container, in directory: borrowing ContainerDirectory) {
        do throws(RuntimeError) {
            let spec = try storedSpec(directory.config)
            for hook in spec.hooks[.poststop].enumerated().map({ HookStep($1, list: "poststop", index: $0) }) {
                do throws(RuntimeError) {
                    try runHook(hook, state: container.state(.stopped, .compact))
                } catch {
                    log.warn("\(container.record.id): \(error)")
                }
            }
        } catch {
            log.warn("\(container.record.id): the poststop hooks do not run: \(error)")
        }
    }
}

/// The spec that a container was made from, out of the copy in its directory.
func storedSpec(_ path: String) throws(RuntimeError) -> Spec {
    let bytes: [UInt8]
    do {
        bytes = try readFile(path, limit: documentSizeLimit)
    } catch {
        throw RuntimeError(error).during("read the container's config.json")
    }
    return try Spec(config: bytes)
}

extension HookStep {
    /// A hook of the spec at its place.
    init(_ hook: Spec.Hook, list: String, index: Int) {
        self.init(
            list: list, index: index, path: hook.path, arguments: hook.args, environment: hook.env,
            timeoutSeconds: hook.timeout)
    }
}

import Cgroups
package import Diagnostics
import Syscalls

extension Session {
    /// Makes a container and starts its program; in the foreground, waits for its end and deletes the container.
    ///
    /// - Parameters:
    ///   - request: the container.
    ///   - detach: return as soon as the program runs.
    ///   - keep: leave the deletion to `mvrun delete`.
    ///   - adoptsOrphans: become the parent of processes that the container leaves.
    /// - Returns: how the program ended, as a shell would show it; 0 where it is not waited for.
    package func run(
        _ request: CreateRequest, detach: Bool, keep: Bool, adoptsOrphans: Bool
    ) throws(RuntimeError) -> Int32 {
        guard !detach else {
            if request.seccompInquiry != nil {
                throw RuntimeError(
                    .usage, "system calls are looked at in the foreground",
                    hint: "leave --detach out, or --explain-seccomp and --record-seccomp")
            }
            let making = try ContainerMaking(request, in: self, startsLater: false, detached: true, isForeground: false)
            try making.launch()
            try making.start()
            try making.notifications?.waitUntilReady(making.pid)
            log.info("started \(request.id)")
            return 0
        }
        let making: ContainerMaking
        let end: ProcessEnd
        do {
            let foreground = try Foreground()
            if adoptsOrphans { try ProcessControl.setChildSubreaper() }
            making = try ContainerMaking(request, in: self, startsLater: false, detached: false, isForeground: !keep)
            try making.launch()
            let terminal = request.consoleSocket == nil ? making.takeTerminal() : nil
            TerminalRelay.copySize(toOptional: terminal)
            try making.start()
            log.info("started \(request.id)")
            end = try foreground.wait(
                for: making.pid, making.process.take(), terminal: terminal, notifications: making.notifications)
        } catch let error as RuntimeError {
            throw error
        } catch {
            throw RuntimeError(.system, "\(error)").during("wait for the program")
        }
        if end.shellStatus == 137, wasOutOfMemory(making.container) {
            log.warn(
                "\(request.id): the kernel killed a process of it for lack of memory (linux.resources.memory.limit)")
        }
        if making.container.record.isolation == .vm, case .signalled(31) = end {
            log.warn(
                "\(request.id): the monitor was ended by its own filter, for a system call that is not its to make; "
                    + "the kernel's audit log says which, and so does --debug")
        }
        let inquiry = Result { () throws(RuntimeError) in try making.finishInquiry() }
        if !keep { try deleteEnded(making.container) }
        try inquiry.get()
        return end.shellStatus
    }

    /// Whether the kernel, the host's or a guest's, has killed one of its processes for lack of memory.
    private func wasOutOfMemory(_ container: Container) -> Bool {
        if let kills = container.cgroups.outOfMemoryKills, kills > 0 { return true }
        return container.record.isolation == .vm && hasRunOutOfMemory(container)
    }

    /// Deletes a container that this process has seen end; somebody else may have done so meanwhile.
    func deleteEnded(_ container: Container) throws(RuntimeError) {
        do throws(RuntimeError) {
            try remove(container, in: try store.open(container.record.id))
        } catch {
            if error.kind != .notFound { throw error }
        }
    }
}

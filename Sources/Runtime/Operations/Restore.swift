package import Diagnostics
import Syscalls

extension Session {
    /// Makes a container out of a checkpoint, all of it or nothing; in the foreground, waits for its end and deletes it.
    ///
    /// - Parameters:
    ///   - request: the container.
    ///   - options: where the images are, and how they are restored.
    ///   - detach: return as soon as the program goes on.
    ///   - adoptsOrphans: become the parent of processes that the container leaves.
    /// - Returns: how the program ended, as a shell would show it; 0 where it is not waited for.
    package func restore(
        _ request: CreateRequest, _ options: CriuOptions, detach: Bool, adoptsOrphans: Bool
    ) throws(RuntimeError) -> Int32 {
        let making: ContainerMaking
        let end: ProcessEnd
        do {
            let program = try CriuProgram(options, logFile: "restore.log", makesImages: false, in: self)
            let foreground = detach ? nil : try Foreground()
            if !detach, adoptsOrphans { try ProcessControl.setChildSubreaper() }
            making = try ContainerMaking(
                request, in: self, startsLater: false, detached: detach, isForeground: !detach)
            try making.restore(options, program)
            log.info("restored \(request.id)")
            guard let foreground else { return 0 }
            let terminal = making.takeTerminal()
            TerminalRelay.copySize(toOptional: terminal)
            end = try foreground.wait(for: making.pid, terminal: terminal)
        } catch let error as RuntimeError {
            throw error
        } catch {
            throw RuntimeError(.system, "\(error)").during("wait for the program")
        }
        try deleteEnded(making.container)
        return end.shellStatus
    }
}

import Diagnostics
import OCI
import Options
import Runtime
import Syscalls

/// `mvrun exec CONTAINER COMMAND…`: runs another program in a container.
enum ExecCommand {
    static func run(_ invocation: Invocation, _ session: Session) throws(RuntimeError) -> Int32 {
        var request = ExecRequest(id: invocation.container)
        if let path = invocation.path(.process) {
            request.process = try readProcess(path)
        } else {
            request.changes = try changes(invocation)
        }
        // runc takes the terminal from either.
        if invocation.has(.tty) { request.process?.terminal = true }
        request.detach = invocation.has(.detach)
        request.ignorePaused = invocation.has(.ignorePaused)
        request.cgroups = invocation.values(.cgroup)
        request.consoleSocket = invocation.path(.consoleSocket)
        request.pidFile = invocation.path(.pidFile)
        request.pidfdSocket = invocation.path(.pidfdSocket)
        request.preservedDescriptors = try invocation.integer(.preserveFds, as: Int.self) ?? 0
        return try session.exec(request)
    }

    private static func readProcess(_ path: String) throws(RuntimeError) -> Spec.Process {
        let bytes: [UInt8]
        do {
            bytes = try readFile(path, limit: documentSizeLimit)
        } catch {
            throw RuntimeError(error).during("read the process")
        }
        return try Spec.Process(bytes, named: path)
    }

    private static func changes(_ invocation: Invocation) throws(RuntimeError) -> ProcessChanges {
        var changes = ProcessChanges()
        changes.arguments = Array(invocation.arguments.dropFirst())
        if changes.arguments.isEmpty {
            throw RuntimeError(
                .usage, "the command is missing", hint: "name it behind the container, or pass --process FILE")
        }
        changes.terminal = invocation.has(.tty)
        changes.user = try user(invocation.value(.user))
        for text in invocation.values(.additionalGids) {
            guard let group = UInt32(text) else {
                throw RuntimeError(.usage, "--additional-gids: \"\(text)\" is not a group's number")
            }
            changes.additionalGroups.append(group)
        }
        changes.workingDirectory = invocation.path(.cwd)
        changes.environment = invocation.values(.env)
        changes.capabilities = invocation.values(.cap)
        if invocation.has(.noNewPrivs) { changes.noNewPrivileges = true }
        changes.seLinuxLabel = invocation.path(.processLabel)
        changes.appArmorProfile = invocation.path(.appArmor)
        return changes
    }

    private static func user(_ text: String?) throws(RuntimeError) -> (uid: UInt32, gid: UInt32?)? {
        guard let text, !text.isEmpty else { return nil }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let group = parts.count == 2 ? UInt32(parts[1]) : nil
        guard let user = UInt32(parts[0]), parts.count == 1 || group != nil else {
            throw RuntimeError(.usage, "--user: \"\(text)\" is not of the form UID[:GID]")
        }
        return (user, group)
    }
}

package import Diagnostics
package import Syscalls

/// A sandbox that was made earlier, by another process, and waits on its start socket.
package struct CreatedSandbox: ~Copyable {
    private let channel: PacketSocket

    /// Connects to a sandbox.
    ///
    /// - Parameter path: its start socket.
    /// - Throws: ECONNREFUSED where nobody waits any more.
    package init(waitingAt path: String) throws(SystemError) {
        channel = PacketSocket(try UnixSocket.connect(to: path, .packets))
    }

    /// Starts the program.
    ///
    /// - Parameters:
    ///   - pid: the sandbox's process.
    ///   - warn: told what the stage warns of.
    ///   - takeListener: given the listener of the seccomp filter as soon as there is one, since the filter may keep even
    ///     the exec waiting for whoever listens.
    /// - Throws: why the program could not be executed. The sandbox's process is gone then.
    package borrowing func start(
        _ pid: Int32, warn: (String) -> Void, takeListener: (consuming OwnedDescriptor) throws(RuntimeError) -> Void
    ) throws(RuntimeError) {
        do {
            try channel.send(LauncherMessage.start(pid: pid).packet)
            while true {
                let received = try channel.receive()
                switch try StageMessage(packet: received.bytes) {
                // The connection closes on exec: the program runs.
                case .end: return
                case .failure(let error): throw error
                case .warning(let text): warn(text)
                case .seccompListener(let number):
                    try takeListener(try openProcess(pid).copyDescriptor(number))
                    try channel.send(LauncherMessage.goOn(pid: pid).packet)
                default: throw RuntimeError(.system, "a message of mvrun-init came out of turn")
                }
            }
        } catch let error as RuntimeError {
            throw error
        } catch let error as SystemError {
            throw RuntimeError(error).during("talk to mvrun-init")
        } catch {
            throw RuntimeError(.system, "a message of mvrun-init is malformed")
        }
    }
}

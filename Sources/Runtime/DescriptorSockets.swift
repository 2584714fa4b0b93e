import Diagnostics
import Syscalls

/// Sends a terminal's main side to whoever asked for it with `--console-socket`.
///
/// With it goes a name, as runc sends it; engines show it and nothing else.
func sendTerminal(_ terminal: borrowing OwnedDescriptor, toConsoleSocket path: String) throws(RuntimeError) {
    do {
        try PacketSocket(try UnixSocket.connect(to: path, .stream)).send(Array("/dev/ptmx".utf8), with: terminal)
    } catch {
        throw RuntimeError(error).during("send the terminal to the console socket")
    }
}

/// Sends a pidfd to whoever asked for it with `--pidfd-socket`.
func sendProcess(_ pid: Int32, toPidfdSocket path: String) throws(RuntimeError) {
    do {
        let process = try openProcess(pid)
        try PacketSocket(try UnixSocket.connect(to: path, .stream)).send(Array("pidfd".utf8), with: process)
    } catch {
        throw RuntimeError(error).during("send the pidfd to the pidfd socket")
    }
}

/// Writes a pid file: whoever waits for it finds the whole number as soon as the file is there.
///
/// What is there and is no file (/dev/stdout, a FIFO) is written to, not replaced.
func write(pid: Int32, toFile path: String) throws(RuntimeError) {
    do {
        let bytes = Array("\(pid)".utf8)
        if let kind = try? status(of: path).kind, kind != .regular, kind != .directory {
            return try OwnedDescriptor.open(path, [.writeOnly]).writeAll(bytes, subject: path)
        }
        try writeFileAtomically(bytes, to: path, mode: 0o644)
    } catch {
        throw RuntimeError(error).during("write the pid file")
    }
}

/// The descriptors that the caller hands on to a program: 3 and those behind it.
package struct HandedDescriptors: Sendable {
    /// How many there are.
    let count: Int
    /// How many by socket activation, sd_listen_fds(3); nil without it.
    let listening: Int?

    /// Looks at what the caller has handed over, before this process opens anything under those numbers.
    ///
    /// - Parameter preserved: the value of `--preserve-fds`.
    init(preserved: Int) throws(RuntimeError) {
        listening = environmentVariable("LISTEN_FDS").flatMap(Int.init).flatMap { $0 > 0 ? $0 : nil }
        // The two add up, as runc has it: the sockets come first.
        count = preserved + (listening ?? 0)
        guard preserved >= 0, count < 1 << 16 else {
            throw RuntimeError(.usage, "--preserve-fds: \(preserved) is not a number of descriptors")
        }
        for number in 3..<3 + Int32(count) where !isOpen(number) {
            throw RuntimeError(
                .usage, "descriptor \(number) is to be handed on, and is not open",
                hint: "--preserve-fds and LISTEN_FDS count descriptors from 3 on")
        }
        do {
            try closeOnExec(from: 3 + Int32(count))
        } catch {
            throw RuntimeError(error)
        }
    }
}

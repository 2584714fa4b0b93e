import AgentProtocol
package import Diagnostics
import OCI
import Syscalls

/// A connection to a machine's monitor, for one request.
struct MachineControl: ~Copyable {
    let channel: PacketSocket

    /// Connects to a container's monitor.
    ///
    /// - Parameter directory: the container's directory.
    init(of directory: String) throws(RuntimeError) {
        do {
            // A path of a socket is short, and that of a store may be long.
            let opened = try OwnedDescriptor.open(directory, [.path, .directory])
            channel = PacketSocket(try UnixSocket.connect(to: opened.procPath + "/" + MachineFile.control, .packets))
        } catch {
            guard [.noEntry, .connectionRefused].contains(error.errno) else {
                throw RuntimeError(error).during("reach the virtual machine")
            }
            throw notRunning()
        }
    }

    /// Asks for something.
    ///
    /// - Parameters:
    ///   - request: what.
    ///   - descriptors: the numbers of open files that come with it.
    func ask(_ request: ControlRequest, with descriptors: [Int32] = []) throws(RuntimeError) {
        do {
            try channel.send(request.packet, withAll: descriptors)
        } catch {
            throw RuntimeError(error).during("ask the virtual machine")
        }
    }

    /// The next answer that is no warning.
    ///
    /// - Parameters:
    ///   - timeoutMilliseconds: how long to wait for each; nil for ever.
    ///   - warn: told of warnings.
    func answer(timeoutMilliseconds: Int? = nil, warn: (String) -> Void) throws(RuntimeError) -> ControlReply {
        do {
            while true {
                if let timeoutMilliseconds {
                    var set = PollSet()
                    set.add(channel.descriptor, .readable)
                    guard try set.wait(timeoutMilliseconds: timeoutMilliseconds) else {
                        throw RuntimeError(.guest, "no answer within \(timeoutMilliseconds / 1000) s")
                    }
                }
                let reply = try ControlReply(packet: try channel.receive(limit: ControlRequest.packetLimit).bytes)
                guard case .warning(let text) = reply else { return reply }
                warn(text)
            }
        } catch let error as RuntimeError {
            throw error
        } catch let error as SystemError {
            throw RuntimeError(error).during("hear from the virtual machine")
        } catch {
            throw RuntimeError(.guest, "the virtual machine's monitor sent what is no answer")
        }
    }
}

extension Session {
    /// Asks a container's monitor for something, and takes its answer.
    ///
    /// - Throws: also what the monitor says went wrong.
    func ask(
        _ container: Container, _ request: ControlRequest, with descriptors: [Int32] = [],
        timeoutMilliseconds: Int = 30_000
    ) throws(RuntimeError) -> ControlReply {
        let control = try MachineControl(of: container.directory)
        try control.ask(request, with: descriptors)
        let log = log
        switch try control.answer(timeoutMilliseconds: timeoutMilliseconds, warn: { log.warn($0) }) {
        case .failure(let error): throw error
        case .end:
            awaitEnd(of: container)
            throw RuntimeError(.guest, "the virtual machine has ended")
        case let reply: return reply
        }
    }

    /// Gives a monitor that is about to end the time to say why, on standard error: whoever hears of its end may kill it.
    private func awaitEnd(of container: Container) {
        guard let monitor = try? container.record.process?.open() else { return }
        var set = PollSet()
        set.add(monitor, .readable)
        _ = try? set.wait(timeoutMilliseconds: 2000)
    }

    /// Waits until the guest waits for its start, or has done something else for which it has to boot first.
    ///
    /// - Parameters:
    ///   - container: the machine's.
    ///   - request: what is asked for.
    ///   - descriptors: the numbers of open files that come with it.
    /// - Throws: what failed in the guest, or that nothing came of it, with the last that its kernel said.
    func awaitGuest(
        _ container: Container, _ request: ControlRequest = .awaitReady, with descriptors: [Int32] = []
    ) throws(RuntimeError) {
        do throws(RuntimeError) {
            _ = try ask(container, request, with: descriptors, timeoutMilliseconds: Self.bootMilliseconds)
        } catch {
            // An error out of the guest's sandbox, or with a hint of its own, says it all; where the guest itself failed, its
            // kernel knows more.
            guard error.hint == nil, [.guest, .wrongState, .system].contains(error.kind) else { throw error }
            let tail = consoleTail(container, lines: 5)
            var failure = RuntimeError(
                error.kind == .wrongState ? .guest : error.kind, error.description, errno: error.errno,
                hint: tail.isEmpty ? "\"mvrun doctor\" says what this host can run" : "its kernel said: \(tail)")
            failure.context = ["boot the virtual machine"]
            throw failure
        }
    }

    /// How long a guest may take until it waits for its start.
    ///
    /// The monitor gives up on it before, and says why.
    private static var bootMilliseconds: Int { Meeting.helloMilliseconds + 60_000 }

    /// The guest kernel's log.
    package func console(of id: String) throws(RuntimeError) -> [UInt8] {
        let container = try machine(id)
        do {
            return try readFile(container.directory + "/" + MachineFile.console, limit: 1 << 20)
        } catch {
            throw RuntimeError(error).during("read the guest's console")
        }
    }

    /// What the guest's kernel remembers of its log; where nobody can ask it, what it has printed.
    package func kernelLog(of id: String) throws(RuntimeError) -> String {
        let container = try machine(id)
        guard [.created, .running].contains(container.status), case .log(let text) = try ask(container, .log) else {
            return String(decoding: try console(of: id), as: UTF8.self)
        }
        // Each line begins with its level, <6>, which dmesg(1) does not print either.
        return text.split(separator: "\n", omittingEmptySubsequences: true).map { line in
            let rest = line.drop { $0 != ">" }.dropFirst()
            return (line.hasPrefix("<") && !rest.isEmpty ? rest : line) + "\n"
        }.joined()
    }

    /// Whether a machine's monitor has said that its guest ran out of memory.
    func hasRunOutOfMemory(_ container: Container) -> Bool {
        consoleText(container).split(separator: "\n").last.map(String.init) == MonitorRemark.outOfMemory
    }

    /// What the guest's kernel has printed; empty where it cannot be read.
    private func consoleText(_ container: Container) -> String {
        (try? readText(container.directory + "/" + MachineFile.console)) ?? ""
    }

    private func consoleTail(_ container: Container, lines: Int) -> String {
        consoleText(container).split(whereSeparator: \.isNewline).suffix(lines).map { line in
            String(line.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7f }.map(Character.init))
        }.joined(separator: " | ")
    }

    /// A container that is a virtual machine.
    func machine(_ id: String) throws(RuntimeError) -> Container {
        let container = try container(id)
        guard container.record.isolation == .vm else {
            throw RuntimeError(.wrongState, "the container is no virtual machine, and has no console")
        }
        return container
    }

    /// The processes of a guest.
    package func guestProcesses(of container: Container) throws(RuntimeError) -> [GuestProcessLine] {
        guard case .processes(let list, let complete) = try ask(container, .processes) else {
            throw RuntimeError(.guest, "the virtual machine's monitor gave another answer than was asked for")
        }
        if !complete { log.warn("the guest has more processes than are listed") }
        return list.map { GuestProcessLine(pid: $0.pid, parent: $0.parent, user: $0.user, command: $0.command) }
    }
}

/// A process of a guest, as its kernel numbers it.
package struct GuestProcessLine: Sendable, Equatable {
    /// Its id in the guest.
    package let pid: Int32
    /// Its parent's.
    package let parent: Int32
    /// Its effective user.
    package let user: UInt32
    /// Its command line.
    package let command: String
}

package import Diagnostics
package import Plans

/// What mvrun asks of a machine's monitor: one packet on a connection of its own to the container's start socket.
///
/// `start` and the answers to it are, byte for byte, what a container's stage understands, so that whoever starts a
/// container need not know what it runs in: `StartSocketMark`.
package enum ControlRequest: Equatable, Sendable {
    /// Start the program. The connection closes without a word when it runs; `warning` and `failure` may come before.
    case start(pid: Int32)
    /// Wait until the guest has made its sandbox. Answered by `done`, perhaps behind `warning`s, or by `failure`.
    case awaitReady
    /// Run another program. Answered by `started`, then by `exited`; meanwhile `signal` and `resize` on this connection
    /// mean that program. It goes on should the connection close.
    ///
    /// `ControlDescriptors` come with it.
    case exec(terminal: Bool)
    /// Signal the workload's first process, or all of the workload. Answered by `done`.
    case signal(number: Int32, all: Bool)
    /// The terminal has a new size. Answered by `done`.
    case resize(TerminalSize)
    /// Answered by `statistics`.
    case statistics
    /// Answered by `processes`.
    case processes
    /// What the guest's kernel has logged. Answered by `log`.
    case log
    /// Change limits inside. Answered by `done`.
    case update(GuestLimits)
    /// Stop the processors. Answered by `done` when none is in the guest any more.
    case pause
    /// Let the processors run again. Answered by `done`.
    case resume
    /// Have so many pages of 4 KiB in the balloon. Answered by `figures` when they are there, or when they have not come
    /// for a while.
    case balloon(targetPages: UInt32)
    /// Answered by `figures`.
    case figures
    /// Give the guest network interfaces, for each of which a tap device comes along, in their order, and behind these, for a
    /// resolver on a loopback address of the network namespace, sockets that lead to it. Answered by `done`.
    /// A machine whose plan awaits its network makes nothing of the bundle before.
    case connect([NetworkInterface], resolver: InternetAddress?)

    /// The most bytes that a packet may have, in either direction.
    package static let packetLimit = 65536
}

/// The descriptors that come with `ControlRequest.exec`, in this order.
package enum ControlDescriptors {
    /// A file that holds the program's `SandboxPlan` in its wire form, from its start.
    package static let plan = 0
    /// What the program reads; with a terminal, what is typed.
    package static let input = 1
    /// Where its output goes; with a terminal, what is shown.
    package static let output = 2
    /// Where its errors go; not used with a terminal.
    package static let errors = 3
    /// How many they are.
    package static let count = 4
    /// The most bytes that the plan may have.
    package static let planLimit = FrameLimit.plan - 16
}

/// What a machine's monitor answers.
package enum ControlReply: Equatable, Sendable {
    /// What was asked failed.
    case failure(RuntimeError)
    /// Something that the user should know.
    case warning(String)
    /// The program runs.
    case started
    /// It ended, and all that it wrote was written.
    case exited(ProcessExit)
    /// What was asked is done.
    case done
    /// The workload's cgroup.
    case statistics([StatisticsFile])
    /// The workload's processes; not complete where there are very many.
    case processes([GuestProcess], complete: Bool)
    /// The end of what the guest's kernel has logged.
    case log(String)
    /// The machine, seen from outside.
    case figures(MachineFigures)
    /// Nothing: the connection is closed. To a start, that it succeeded.
    case end
}

private enum Mark {
    static let awaitReady = UInt8(ascii: "R")
    static let exec = UInt8(ascii: "X")
    static let signal = UInt8(ascii: "K")
    static let resize = UInt8(ascii: "Z")
    static let statistics = UInt8(ascii: "A")
    static let processes = UInt8(ascii: "P")
    static let update = UInt8(ascii: "U")
    static let log = UInt8(ascii: "L")
    static let pause = UInt8(ascii: "H")
    static let resume = UInt8(ascii: "G")
    static let balloon = UInt8(ascii: "M")
    static let figures = UInt8(ascii: "F")
    static let connect = UInt8(ascii: "N")
    static let started = UInt8(ascii: "B")
    static let exited = UInt8(ascii: "Q")
    static let done = UInt8(ascii: "D")
}

extension ControlRequest {
    /// The packet.
    package var packet: [UInt8] {
        var writer = PlanWriter()
        switch self {
        case .start(let pid):
            writer.write(StartSocketMark.start)
            writer.write(pid)
        case .awaitReady: writer.write(Mark.awaitReady)
        case .exec(let terminal):
            writer.write(Mark.exec)
            writer.write(terminal)
        case .signal(let number, let all):
            writer.write(Mark.signal)
            writer.write(number)
            writer.write(all)
        case .resize(let size):
            writer.write(Mark.resize)
            writer.write(size)
        case .statistics: writer.write(Mark.statistics)
        case .processes: writer.write(Mark.processes)
        case .log: writer.write(Mark.log)
        case .update(let limits):
            writer.write(Mark.update)
            writer.write(limits)
        case .pause: writer.write(Mark.pause)
        case .resume: writer.write(Mark.resume)
        case .balloon(let pages):
            writer.write(Mark.balloon)
            writer.write(pages)
        case .figures: writer.write(Mark.figures)
        case .connect(let interfaces, let resolver):
            writer.write(Mark.connect)
            writer.write(interfaces)
            writer.write(optional: resolver) { $0.write($1) }
        }
        return writer.bytes
    }

    /// Reads a packet.
    package init(packet: [UInt8]) throws(PlanFault) {
        var reader = PlanReader(packet)
        switch try reader.number(UInt8.self) {
        case StartSocketMark.start: self = .start(pid: try reader.number())
        case Mark.awaitReady: self = .awaitReady
        case Mark.exec: self = .exec(terminal: try reader.flag())
        case Mark.signal: self = .signal(number: try reader.number(), all: try reader.flag())
        case Mark.resize: self = .resize(try TerminalSize(from: &reader))
        case Mark.statistics: self = .statistics
        case Mark.processes: self = .processes
        case Mark.log: self = .log
        case Mark.update: self = .update(try GuestLimits(from: &reader))
        case Mark.pause: self = .pause
        case Mark.resume: self = .resume
        case Mark.balloon: self = .balloon(targetPages: try reader.number())
        case Mark.figures: self = .figures
        case Mark.connect:
            let interfaces: [NetworkInterface] = try reader.list()
            self = .connect(
                interfaces,
                resolver: try reader.optional { reader throws(PlanFault) in try InternetAddress(from: &reader) })
        default: throw .malformed
        }
        guard reader.remaining == 0 else { throw .malformed }
    }
}

extension ControlReply {
    /// The packet.
    package var packet: [UInt8] {
        var writer = PlanWriter()
        switch self {
        case .failure(let error):
            writer.write(StartSocketMark.failure)
            writer.write(error)
        case .warning(let text):
            writer.write(StartSocketMark.warning)
            writer.write(text)
        case .started: writer.write(Mark.started)
        case .exited(let exit):
            writer.write(Mark.exited)
            writer.write(exit)
        case .done: writer.write(Mark.done)
        case .statistics(let files):
            writer.write(Mark.statistics)
            writer.write(files)
        case .processes(let list, let complete):
            writer.write(Mark.processes)
            writer.write(list)
            writer.write(complete)
        case .log(let text):
            writer.write(Mark.log)
            writer.write(text)
        case .figures(let figures):
            writer.write(Mark.figures)
            writer.write(figures)
        case .end: break
        }
        return writer.bytes
    }

    /// Reads a packet; an empty one is the connection's end.
    package init(packet: [UInt8]) throws(PlanFault) {
        guard !packet.isEmpty else {
            self = .end
            return
        }
        var reader = PlanReader(packet)
        switch try reader.number(UInt8.self) {
        case StartSocketMark.failure: self = .failure(try RuntimeError(from: &reader))
        case StartSocketMark.warning: self = .warning(try reader.text())
        case Mark.started: self = .started
        case Mark.exited: self = .exited(try ProcessExit(from: &reader))
        case Mark.done: self = .done
        case Mark.statistics: self = .statistics(try reader.list())
        case Mark.processes: self = .processes(try reader.list(), complete: try reader.flag())
        case Mark.log: self = .log(try reader.text())
        case Mark.figures: self = .figures(try MachineFigures(from: &reader))
        default: throw .malformed
        }
        guard reader.remaining == 0 else { throw .malformed }
    }
}

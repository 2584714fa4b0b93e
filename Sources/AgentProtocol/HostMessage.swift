package import Plans

/// What the host says to the agent.
package enum HostMessage: Equatable, Sendable {
    /// Make this sandbox; answered by `ready` or `failed`.
    case setup(GuestPlan)
    /// Start its program; answered by `started` or `failed`.
    case start
    /// Run another program, which joins the workload; answered by `started` or `failed`.
    case exec(process: UInt32, plan: SandboxPlan, terminal: Bool)
    /// Send a signal to a process, or to all of the workload; answered by `done` or `failed`.
    case signal(process: UInt32, number: Int32, all: Bool)
    /// A process's terminal has a new size; answered by `done` or `failed`.
    case resize(process: UInt32, TerminalSize)
    /// Answered by `statistics`.
    case readStatistics
    /// Answered by `processes`.
    case listProcesses
    /// Answered by `log`.
    case readLog
    /// Change limits; answered by `done` or `failed`.
    case update(GuestLimits)
    /// Set network interfaces up, whose devices are plugged in, and answer for a resolver that listens on a loopback address
    /// of the host's network namespace; answered by `done` or `failed`.
    case connect([PluggedInterface], resolver: InternetAddress?)
    /// End the machine: kill what runs, and reboot.
    case shutdown
}

extension HostMessage: FrameMessage {
    /// The types on the wire.
    package enum Kind: UInt8, FrameKind {
        /// See `HostMessage`.
        case setup = 1
        /// See `HostMessage`.
        case start
        /// See `HostMessage`.
        case exec
        /// See `HostMessage`.
        case signal
        /// See `HostMessage`.
        case resize
        /// See `HostMessage`.
        case readStatistics
        /// See `HostMessage`.
        case listProcesses
        /// See `HostMessage`.
        case update
        /// See `HostMessage`.
        case shutdown
        /// See `HostMessage`.
        case connect
        /// See `HostMessage`.
        case readLog

        package var limit: Int {
            switch self {
            case .setup, .exec, .connect: FrameLimit.plan
            default: FrameLimit.ordinary
            }
        }
    }

    package var type: Kind {
        switch self {
        case .setup: .setup
        case .start: .start
        case .exec: .exec
        case .signal: .signal
        case .resize: .resize
        case .readStatistics: .readStatistics
        case .listProcesses: .listProcesses
        case .readLog: .readLog
        case .update: .update
        case .connect: .connect
        case .shutdown: .shutdown
        }
    }

    package func writePayload(to writer: inout PlanWriter) {
        switch self {
        case .setup(let plan): writer.write(plan)
        case .exec(let process, let plan, let terminal):
            writer.write(process)
            writer.write(terminal)
            writer.write(plan)
        case .signal(let process, let number, let all):
            writer.write(process)
            writer.write(number)
            writer.write(all)
        case .resize(let process, let size):
            writer.write(process)
            writer.write(size)
        case .update(let limits): writer.write(limits)
        case .connect(let interfaces, let resolver):
            writer.write(interfaces)
            writer.write(optional: resolver) { $0.write($1) }
        case .start, .readStatistics, .listProcesses, .readLog, .shutdown: break
        }
    }

    package init(_ type: Kind, from reader: inout PlanReader) throws(PlanFault) {
        switch type {
        case .setup: self = .setup(try GuestPlan(from: &reader))
        case .start: self = .start
        case .exec:
            let process: UInt32 = try reader.number()
            let terminal = try reader.flag()
            self = .exec(process: process, plan: try SandboxPlan(from: &reader), terminal: terminal)
        case .signal:
            self = .signal(process: try reader.number(), number: try reader.number(), all: try reader.flag())
        case .resize: self = .resize(process: try reader.number(), try TerminalSize(from: &reader))
        case .readStatistics: self = .readStatistics
        case .listProcesses: self = .listProcesses
        case .readLog: self = .readLog
        case .update: self = .update(try GuestLimits(from: &reader))
        case .connect:
            let interfaces: [PluggedInterface] = try reader.list()
            self = .connect(
                interfaces,
                resolver: try reader.optional { reader throws(PlanFault) in try InternetAddress(from: &reader) })
        case .shutdown: self = .shutdown
        }
    }
}

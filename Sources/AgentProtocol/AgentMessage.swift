package import Diagnostics
package import Plans

/// What the agent in the guest says to the host.
package enum AgentMessage: Equatable, Sendable {
    /// The agent runs, so many microseconds after the guest's kernel.
    case hello(version: UInt32, uptimeMicroseconds: UInt64)
    /// The sandbox is made and waits for its start.
    case ready
    /// The request failed; as the answer to nothing, the agent itself failed and the machine ends.
    case failed(RuntimeError)
    /// Something that the user should know.
    case warning(String)
    /// The program runs.
    case started
    /// A process ended, and all it wrote went before this.
    case exited(process: UInt32, ProcessExit)
    /// What was asked is done.
    case done
    /// The workload's cgroup.
    case statistics([StatisticsFile])
    /// The workload's processes; not complete where there are very many.
    case processes([GuestProcess], complete: Bool)
    /// The end of what the guest's kernel has logged, at most `FrameLimit.part` bytes.
    case log(String)
}

extension AgentMessage: FrameMessage {
    /// The types on the wire.
    package enum Kind: UInt8, FrameKind {
        /// See `AgentMessage`.
        case hello = 65
        /// See `AgentMessage`.
        case ready
        /// See `AgentMessage`.
        case failed
        /// See `AgentMessage`.
        case warning
        /// See `AgentMessage`.
        case started
        /// See `AgentMessage`.
        case exited
        /// See `AgentMessage`.
        case done
        /// See `AgentMessage`.
        case statistics
        /// See `AgentMessage`.
        case processes
        /// See `AgentMessage`.
        case log

        package var limit: Int { FrameLimit.ordinary }
    }

    package var type: Kind {
        switch self {
        case .hello: .hello
        case .ready: .ready
        case .failed: .failed
        case .warning: .warning
        case .started: .started
        case .exited: .exited
        case .done: .done
        case .statistics: .statistics
        case .processes: .processes
        case .log: .log
        }
    }

    package func writePayload(to writer: inout PlanWriter) {
        switch self {
        case .hello(let version, let uptime):
            writer.write(version)
            writer.write(uptime)
        case .failed(let error): writer.write(error)
        case .warning(let text), .log(let text): writer.write(text)
        case .exited(let process, let exit):
            writer.write(process)
            writer.write(exit)
        case .statistics(let files): writer.write(files)
        case .processes(let list, let complete):
            writer.write(list)
            writer.write(complete)
        case .ready, .started, .done: break
        }
    }

    package init(_ type: Kind, from reader: inout PlanReader) throws(PlanFault) {
        switch type {
        case .hello: self = .hello(version: try reader.number(), uptimeMicroseconds: try reader.number())
        case .ready: self = .ready
        case .failed: self = .failed(try RuntimeError(from: &reader))
        case .warning: self = .warning(try reader.text())
        case .started: self = .started
        case .exited: self = .exited(process: try reader.number(), try ProcessExit(from: &reader))
        case .done: self = .done
        case .statistics: self = .statistics(try reader.list())
        case .processes: self = .processes(try reader.list(), complete: try reader.flag())
        case .log: self = .log(try reader.text())
        }
    }
}

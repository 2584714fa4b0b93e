package import Plans
package import Syscalls

/// How a process in the guest ended.
package struct ProcessExit: Equatable, Sendable {
    /// How it ended.
    package var end: ProcessEnd
    /// Whether the kernel has killed a process of the workload for lack of memory.
    package var outOfMemory: Bool

    /// Describes an end.
    package init(_ end: ProcessEnd, outOfMemory: Bool = false) {
        self.end = end
        self.outOfMemory = outOfMemory
    }
}

/// A process of the workload, as the guest's kernel numbers it.
package struct GuestProcess: Equatable, Sendable {
    /// Its id in the guest.
    package var pid: Int32
    /// Its parent's.
    package var parent: Int32
    /// Its effective user id.
    package var user: UInt32
    /// Its command line, cut off where it is long.
    package var command: String

    /// Describes a process.
    package init(pid: Int32, parent: Int32, user: UInt32, command: String) {
        self.pid = pid
        self.parent = parent
        self.user = user
        self.command = command
    }
}

/// A file of the workload's cgroup (v2), as the guest's kernel wrote it: who asks knows best what he wants from it.
package struct StatisticsFile: Equatable, Sendable {
    /// Its name, as in "memory.current".
    package var name: String
    /// Its text.
    package var text: String

    /// Names a file.
    package init(name: String, text: String) {
        self.name = name
        self.text = text
    }
}

/// What changes in the limits inside a guest; nil leaves a limit, a negative number takes it away.
package struct GuestLimits: Equatable, Sendable {
    /// Bytes of memory.
    package var memory: Int64?
    /// Processes.
    package var processes: Int64?

    /// Changes limits.
    package init(memory: Int64? = nil, processes: Int64? = nil) {
        self.memory = memory
        self.processes = processes
    }
}

/// Rows and columns of a terminal.
package struct TerminalSize: Equatable, Sendable {
    /// The height.
    package var rows: UInt16
    /// The width.
    package var columns: UInt16

    /// Makes a size.
    package init(rows: UInt16, columns: UInt16) {
        self.rows = rows
        self.columns = columns
    }
}

extension ProcessExit: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        switch end {
        case .exited(let status):
            writer.write(0 as UInt8)
            writer.write(status)
        case .signalled(let signal):
            writer.write(1 as UInt8)
            writer.write(signal)
        }
        writer.write(outOfMemory)
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        let isSignal = try reader.flag()
        let number: Int32 = try reader.number()
        // What a caller adds to the number, as the shell does, must not overflow.
        guard (0...255).contains(number) else { throw .malformed }
        self.init(isSignal ? .signalled(number) : .exited(number), outOfMemory: try reader.flag())
    }
}

extension GuestProcess: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(pid)
        writer.write(parent)
        writer.write(user)
        writer.write(command)
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(
            pid: try reader.number(), parent: try reader.number(), user: try reader.number(),
            command: try reader.text())
    }
}

extension StatisticsFile: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(name)
        writer.write(text)
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(name: try reader.text(), text: try reader.text())
    }
}

extension GuestLimits: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(optional: memory) { $0.write($1) }
        writer.write(optional: processes) { $0.write($1) }
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(
            memory: try reader.optional { reader throws(PlanFault) in try reader.number() },
            processes: try reader.optional { reader throws(PlanFault) in try reader.number() })
    }
}

extension TerminalSize: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(rows)
        writer.write(columns)
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(rows: try reader.number(), columns: try reader.number())
    }
}

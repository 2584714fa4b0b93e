package import Syscalls

/// One process and no other: a pid together with the time at which it started, since pids are used again.
package struct ProcessIdentity: Equatable, Sendable {
    /// The pid, as this pid namespace numbers it.
    package var pid: Int32
    /// When it started, in clock ticks since the boot: field 22 of proc_pid_stat(5).
    package var startTime: UInt64

    /// Names a process that was seen before.
    package init(pid: Int32, startTime: UInt64) {
        self.pid = pid
        self.startTime = startTime
    }

    /// Names a process that exists.
    package init(of pid: Int32) throws(SystemError) {
        self.init(pid: pid, startTime: try ProcessStatus(of: pid).startTime)
    }

    /// Whether the process exists and has not ended; a zombie has.
    package var isAlive: Bool {
        guard let status = try? ProcessStatus(of: pid) else { return false }
        return status.startTime == startTime && !status.hasEnded
    }

    /// A descriptor of exactly this process; nil where it has ended and was waited for.
    package func open() throws(SystemError) -> OwnedDescriptor? {
        let process: OwnedDescriptor
        do {
            process = try openProcess(pid)
        } catch {
            guard error.errno == .noProcess else { throw error }
            return nil
        }
        // Only now: whoever has this pid from here on is the one behind the descriptor.
        guard let status = try? ProcessStatus(of: pid), status.startTime == startTime else { return nil }
        return process
    }
}

/// What /proc/PID/stat says, as far as mvrun asks.
struct ProcessStatus {
    /// Whether the process is a zombie or being reaped.
    let hasEnded: Bool
    /// When it started, in clock ticks since the boot.
    let startTime: UInt64
    /// The signals 1 to 31 that it ignores, a bit each, the lowest for signal 1.
    let ignoredSignals: UInt32

    init(of pid: Int32) throws(SystemError) {
        let path = "/proc/\(pid)/stat"
        let file = try OwnedDescriptor.open(path)
        var bytes = [UInt8](repeating: 0, count: 1024)
        let count = try file.read(into: &bytes, subject: path)
        guard let status = ProcessStatus(parsing: bytes.prefix(count)) else {
            throw SystemError("read", path, .badMessage)
        }
        self = status
    }

    /// Reads the line; the program's name in it may hold anything, so fields are counted behind its last parenthesis.
    init?(parsing line: ArraySlice<UInt8>) {
        guard let name = line.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = line[(name + 1)...].split(separator: UInt8(ascii: " "), maxSplits: 31)
        guard fields.count > 30, let state = fields[0].first,
            let start = UInt64(String(decoding: fields[19], as: UTF8.self)),
            let ignored = UInt32(String(decoding: fields[30], as: UTF8.self))
        else { return nil }
        hasEnded = state == UInt8(ascii: "Z") || state == UInt8(ascii: "X")
        startTime = start
        ignoredSignals = ignored
    }
}

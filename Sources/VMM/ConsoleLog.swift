import Synchronization
package import Syscalls

/// The guest kernel's log on its way into a file, which stays within a limit: when it is full, its older half goes.
///
/// The guest writes at will, so nothing here grows with what it writes.
package final class ConsoleLog: Sendable {
    /// How long the file may become.
    package static let fileLimit = 256 << 10
    /// How much of the end is kept for an error.
    package static let tailLimit = 4096
    private static let lineLimit = 1024

    private struct Lines {
        /// What has not been written yet.
        var pending: [UInt8] = []
        /// The last bytes of all.
        var tail: [UInt8] = []
        /// How long the file is.
        var length = 0
    }

    private let lines: Mutex<Lines>
    private let file: OwnedDescriptor
    private let limit: Int?

    /// Takes a file.
    ///
    /// - Parameters:
    ///   - file: where the log goes, from its current end on.
    ///   - limit: how long it may become; nil for a stream, as a terminal is.
    package init(_ file: consuming OwnedDescriptor, limit: Int? = ConsoleLog.fileLimit) {
        let length = limit == nil ? 0 : Int(clamping: (try? file.fileSize()) ?? 0)
        self.file = file
        self.limit = limit
        lines = Mutex(Lines(length: length))
    }

    /// Takes a byte of the console's.
    package func append(_ byte: UInt8) {
        lines.withLock { lines in
            lines.pending.append(byte)
            if byte == UInt8(ascii: "\n") || lines.pending.count >= Self.lineLimit { write(&lines) }
        }
    }

    /// Adds a line of the monitor's own behind what the guest has written.
    package func append(line: String) {
        flush()
        for byte in "\(line)\n".utf8 { append(byte) }
    }

    /// Writes what is there of a line that has not ended.
    package func flush() {
        lines.withLock { write(&$0) }
    }

    /// The end of what the guest wrote, as text: what is not printable becomes a space.
    package var tail: String {
        let bytes = lines.withLock { $0.tail + $0.pending }
        let text = bytes.map { $0 == UInt8(ascii: "\n") || (0x20..<0x7F).contains($0) ? $0 : UInt8(ascii: " ") }
        return String(decoding: text, as: UTF8.self)
    }

    // A log that cannot be written is no reason to end a machine.
    private func write(_ lines: inout Lines) {
        if lines.pending.isEmpty { return }
        if let limit, lines.length + lines.pending.count > limit { makeRoom(&lines, limit) }
        try? file.writeAll(lines.pending, subject: "the console's log")
        lines.length += lines.pending.count
        lines.tail += lines.pending
        if lines.tail.count > Self.tailLimit { lines.tail.removeFirst(lines.tail.count - Self.tailLimit) }
        lines.pending.removeAll(keepingCapacity: true)
    }

    private func makeRoom(_ lines: inout Lines, _ limit: Int) {
        let kept = min(lines.length, limit / 2)
        let newer = (try? file.read(at: UInt64(lines.length - kept), count: kept)) ?? []
        // Where the file cannot be read, the log starts anew.
        guard (try? file.truncate(to: 0)) != nil else { return }
        try? file.writeAll(newer, subject: "the console's log")
        lines.length = newer.count
    }
}

import Glibc
package import Syscalls

/// Where mvrun reports what it does: a file in one of runc's two formats, which engines read, and stderr, which people read.
///
/// The file is opened when the first line is due, so that a run without anything to say does not touch it. An error is
/// written by `report`, once, at the end of the command that failed; nothing is both logged and thrown.
package final class Log {
    /// What a line is for its reader.
    package enum Level: UInt8, Comparable, Sendable {
        /// What was asked for did not happen.
        case error
        /// Something that was asked for is not honoured, or something strange was seen.
        case warning
        /// One line for each change in a container's life.
        case info
        /// One line for each step.
        case debug

        /// The level's name, as logs spell it.
        package var name: String {
            switch self {
            case .error: "error"
            case .warning: "warning"
            case .info: "info"
            case .debug: "debug"
            }
        }

        /// The level of a name; nil of another one.
        ///
        /// runc's and crun's other names are taken for the nearest level.
        package init?(name: String) {
            switch name {
            case "error", "fatal", "panic": self = .error
            case "warning", "warn": self = .warning
            case "info": self = .info
            case "debug", "trace": self = .debug
            default: return nil
            }
        }

        /// Whether `left` is the more urgent of two.
        package static func < (left: Level, right: Level) -> Bool {
            left.rawValue < right.rawValue
        }
    }

    /// How lines in the file look.
    package enum Format: String, Sendable {
        /// `time="2026-11-23T12:53:54Z" level=error msg="…"`.
        case text
        /// `{"level":"error","msg":"…","time":"2026-11-23T12:53:54Z"}`.
        case json
    }

    private let path: String?
    private let format: Format
    private let level: Level
    private var file: OwnedDescriptor?

    /// Makes a log; nothing is opened yet.
    ///
    /// - Parameters:
    ///   - path: the file to append to; nil for stderr.
    ///   - format: how lines in the file look.
    ///   - level: the least urgent level that is written.
    package init(path: String? = nil, format: Format = .text, level: Level = .warning) {
        self.path = path
        self.format = format
        self.level = level
    }

    /// Whether a line of this level would be written: asked before an expensive message is made.
    package func writes(_ level: Level) -> Bool {
        level <= self.level
    }

    /// Says that something is not honoured; on stderr, too.
    package func warn(_ message: @autoclosure () -> String) {
        guard writes(.warning) else { return }
        let message = message()
        writeStandardError("mvrun: warning: \(message)\n")
        if path != nil { append(.warning, message) }
    }

    /// Says that a container's life changed.
    package func info(_ message: @autoclosure () -> String) {
        if writes(.info) { append(.info, message()) }
    }

    /// Says what is being done.
    package func debug(_ message: @autoclosure () -> String) {
        if writes(.debug) { append(.debug, message()) }
    }

    /// Reports why the command failed: the line that engines show, and for people the hint under it.
    package func report(_ error: RuntimeError) {
        let message = error.description
        var text = "mvrun: \(message)\n"
        if let hint = error.hint { text += "  hint: \(hint)\n" }
        writeStandardError(text)
        if path != nil { append(.error, message) }
    }

    private func append(_ level: Level, _ message: String) {
        let line = line(level, message, at: .now)
        guard let path else { return writeStandardError(line) }
        do {
            if file == nil { file = try OwnedDescriptor.open(path, [.writeOnly, .create, .append], mode: 0o644) }
            try file?.writeAll(Array(line.utf8), subject: path)
        } catch {
            writeStandardError("mvrun: warning: write the log: \(error)\n")
        }
    }

    func line(_ level: Level, _ message: String, at time: Timestamp) -> String {
        switch format {
        case .text: "time=\"\(time.text)\" level=\(level.name) msg=\(quoted(message))\n"
        case .json: "{\"level\":\"\(level.name)\",\"msg\":\(quoted(message)),\"time\":\"\(time.text)\"}\n"
        }
    }
}

/// A text in quotation marks, its control characters escaped as JSON and logfmt both understand them.
private func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\n": result += "\\n"
        case "\r": result += "\\r"
        case "\t": result += "\\t"
        case "\u{0}"..<"\u{20}":
            result += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}

/// Writes a text to a standard stream, all of it as far as the other side takes it.
///
/// - Parameters:
///   - text: what to write.
///   - descriptor: 1 or 2.
/// - Throws: why the rest was not taken, as in "write(standard output): no space left on device".
package func writeStandard(_ text: String, to descriptor: Int32) throws(SystemError) {
    let bytes = Array(text.utf8)
    var done = 0
    while done < bytes.count {
        let start = done
        done += try syscall("write", on: descriptor == 1 ? "standard output" : "standard error") {
            // SAFETY: `start` is below the array's count, and the kernel only reads.
            unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.write(descriptor, buffer.baseAddress.map { unsafe $0 + start }, buffer.count - start)
            }
        }
    }
}

/// Writes to stderr; where that is closed or full there is nobody left to tell.
private func writeStandardError(_ text: String) {
    try? writeStandard(text, to: 2)
}

import CTestSupport
import Foundation
import Glibc
import Testing

/// How a process ended.
package enum ExitStatus: Equatable, Sendable, CustomStringConvertible {
    /// It exited.
    case exited(Int32)
    /// A signal ended it.
    case signaled(Int32)
    /// It did not end in time and was killed.
    case timedOut

    package var description: String {
        switch self {
        case .exited(let code): "exited with \(code)"
        case .signaled(let number): "was killed by signal \(number)"
        case .timedOut: "did not end in time"
        }
    }
}

/// What a process left behind.
package struct Outcome: Sendable, CustomStringConvertible {
    /// How it ended.
    package let status: ExitStatus
    /// What it wrote to its standard output.
    package let outputBytes: [UInt8]
    /// What it wrote to its standard error.
    package let errors: String

    /// Standard output as text.
    package var output: String { String(decoding: outputBytes, as: UTF8.self) }
    /// Standard output without the newline at its end.
    package var line: String { output.trimmingCharacters(in: .newlines) }
    /// Whether it exited with 0.
    package var succeeded: Bool { status == .exited(0) }
    /// Its exit status; -1 unless it exited.
    package var code: Int32 {
        guard case .exited(let code) = status else { return -1 }
        return code
    }
    package var description: String { "\(status); stdout: \(output.prefix(2000)); stderr: \(errors.prefix(2000))" }
}

/// What went wrong in the test's own machinery.
package struct TestSupportError: Error, CustomStringConvertible {
    package let description: String
    /// An error with a reason.
    package init(_ description: String) { self.description = description }
}

/// A process that a test drives by its standard streams, and that never outlives its time limit.
///
/// Spawned with posix_spawn(3), every descriptor but the standard three closed in the child, so that parallel tests do
/// not hold each other's pipes open.
package final class ChildProcess {
    /// Its process ID, which is its process group as well.
    package let pid: pid_t
    private var input: Int32
    private var streams: [(descriptor: Int32, bytes: [UInt8])]
    private let pidfd: Int32
    private var status: ExitStatus?
    private var consumed = [0, 0]

    /// Starts a command found in PATH.
    ///
    /// - Parameters:
    ///   - environment: The whole environment; nil: this process' own.
    ///   - inputDescriptor: Where its standard input comes from; nil: a pipe that `write(_:)` fills.
    ///   - outputDescriptor: Where its standard output goes; nil: a pipe.
    package init(
        _ command: [String], environment: [String: String]? = nil, directory: String? = nil,
        inputDescriptor: Int32? = nil, outputDescriptor: Int32? = nil
    ) throws {
        let inputPipe = try inputDescriptor == nil ? Self.pipe() : nil
        let outputPipe = try outputDescriptor == nil ? Self.pipe() : nil
        let errorPipe = try Self.pipe()
        let standard = [
            inputDescriptor ?? inputPipe?.reading ?? 0, outputDescriptor ?? outputPipe?.writing ?? 1, errorPipe.writing,
        ]
        let words = command.map { strdup($0) } + [nil]
        let variables = (environment ?? ProcessInfo.processInfo.environment).map { strdup("\($0)=\($1)") } + [nil]
        var child: pid_t = 0
        let failure = cts_spawn(&child, words, variables, directory, standard)
        words.forEach { free($0) }
        variables.forEach { free($0) }
        for end in [inputPipe?.reading, outputPipe?.writing, errorPipe.writing] { end.map { _ = close($0) } }
        input = inputPipe?.writing ?? -1
        streams = [(outputPipe?.reading ?? -1, []), (errorPipe.reading, [])]
        pid = child
        pidfd = failure == 0 ? cts_pidfd_open(child) : -1
        guard failure == 0 else {
            // There is nothing to kill: `kill(-0)` would be this process' own group.
            status = .exited(127)
            throw TestSupportError("spawn \(command): \(String(cString: strerror(failure)))")
        }
    }

    deinit {
        // What could not be spawned has no process; its number would stand for the group of this one.
        if status == nil, pid > 0 {
            kill(-pid, SIGKILL)
            reap(block: true)
        }
        for descriptor in [input, pidfd] + streams.map(\.descriptor) where descriptor >= 0 { close(descriptor) }
    }

    private static func pipe() throws -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [-1, -1]
        guard cts_pipe(&ends) == 0 else { throw TestSupportError("pipe: \(String(cString: strerror(errno)))") }
        return (ends[0], ends[1])
    }

    /// Runs a command to its end.
    package static func run(
        _ command: [String], input: [UInt8] = [], environment: [String: String]? = nil, directory: String? = nil,
        timeout: TimeInterval = 60
    ) throws -> Outcome {
        let child = try ChildProcess(command, environment: environment, directory: directory)
        return child.finish(input: input, timeout: timeout)
    }

    /// Writes to its standard input, all of it.
    package func write(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(input, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    /// Closes its standard input.
    package func closeInput() {
        if input >= 0 { close(input) }
        input = -1
    }

    /// Sends it a signal.
    package func send(_ number: Int32) { kill(pid, number) }

    /// Feeds it `input`, gathers its output and waits for its end.
    package func finish(input bytes: [UInt8] = [], timeout: TimeInterval = 60) -> Outcome {
        let deadline = Date().addingTimeInterval(timeout * RuntimeUnderTest.patience)
        var rest = bytes[...]
        if input >= 0 { _ = fcntl(input, F_SETFL, O_NONBLOCK) }
        while status == nil {
            if rest.isEmpty { closeInput() }
            guard let ready = poll(until: deadline) else {
                kill(-pid, SIGKILL)
                reap(block: true)
                status = .timedOut
                break
            }
            if ready.input {
                let count = rest.withUnsafeBytes { Glibc.write(input, $0.baseAddress, $0.count) }
                if count < 0, errno != EAGAIN { rest = [] } else { rest = rest.dropFirst(max(0, count)) }
            }
        }
        drain()
        return Outcome(
            status: status ?? .timedOut, outputBytes: streams[0].bytes,
            errors: String(decoding: streams[1].bytes, as: UTF8.self))
    }

    /// Waits for its end and leaves its streams open: they may be those of a container that lives on.
    package func finishKeepingStreams(timeout: TimeInterval) -> ExitStatus {
        let deadline = Date().addingTimeInterval(timeout * RuntimeUnderTest.patience)
        while status == nil {
            guard poll(until: deadline, writing: false) != nil else {
                kill(-pid, SIGKILL)
                reap(block: true)
                status = .timedOut
                break
            }
        }
        return status ?? .timedOut
    }

    /// What it has said so far, for the message of a failure.
    package var explanation: Comment {
        drain()
        let texts = streams.map { String(decoding: $0.bytes, as: UTF8.self) }
        return "\(status?.description ?? "runs"); stdout: \(texts[0]); stderr: \(texts[1])"
    }

    /// Waits until its standard output (`stream` 0) or standard error (1), from where the last call for it ended, holds
    /// `text`, and returns everything up to and with it; nil after the time limit.
    package func read(until text: String, stream: Int = 0, timeout: TimeInterval = 30) -> String? {
        let deadline = Date().addingTimeInterval(timeout * RuntimeUnderTest.patience)
        while true {
            let seen = String(decoding: streams[stream].bytes.dropFirst(consumed[stream]), as: UTF8.self)
            if let range = seen.range(of: text) {
                let part = String(seen[..<range.upperBound])
                consumed[stream] += part.utf8.count
                return part
            }
            let before = streams[stream].bytes.count
            if status == nil {
                guard poll(until: deadline, writing: false) != nil else { return nil }
            } else {
                // A runtime that has exited may have left a container that holds the pipe's other end.
                guard Date() < deadline else { return nil }
                drain()
                if streams[stream].bytes.count == before {
                    if streams[stream].descriptor < 0 { return nil }
                    usleep(5000)
                }
            }
        }
    }

    /// One wait for whatever comes first; nil when the time is over.
    private func poll(until deadline: Date, writing: Bool = true) -> (input: Bool, Void)? {
        var entries = [pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)]
        entries.append(pollfd(fd: writing ? input : -1, events: Int16(POLLOUT), revents: 0))
        entries += streams.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        let left = deadline.timeIntervalSinceNow
        guard left > 0 else { return nil }
        _ = Glibc.poll(&entries, nfds_t(entries.count), Int32(left * 1000) + 1)
        for index in streams.indices where entries[2 + index].revents != 0 { readOnce(index) }
        if entries[0].revents != 0 { reap(block: false) }
        return (entries[1].revents != 0, ())
    }

    private func readOnce(_ index: Int) {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        let count = Glibc.read(streams[index].descriptor, &buffer, buffer.count)
        if count > 0 {
            streams[index].bytes += buffer[..<count]
        } else {
            close(streams[index].descriptor)
            streams[index].descriptor = -1
        }
    }

    /// Reads what the pipes hold without waiting for more.
    private func drain() {
        for index in streams.indices {
            while streams[index].descriptor >= 0 {
                var entry = pollfd(fd: streams[index].descriptor, events: Int16(POLLIN), revents: 0)
                guard Glibc.poll(&entry, 1, 0) > 0 else { break }
                readOnce(index)
            }
        }
    }

    private func reap(block: Bool) {
        var code: Int32 = 0
        var signal: Int32 = 0
        guard cts_wait(pid, block ? 1 : 0, &code, &signal) == pid else { return }
        status = signal == 0 ? .exited(code) : .signaled(signal)
    }
}

/// Runs a script on the host, which must succeed.
///
/// - Returns: what it prints.
@discardableResult
package func onHost(_ script: String) throws -> String {
    let outcome = try ChildProcess.run(["sh", "-ec", script], timeout: 60)
    guard outcome.succeeded else { throw TestSupportError("\(script): \(outcome)") }
    return outcome.output
}

import Foundation

/// What one measurement found.
struct Measurement {
    let wallMilliseconds: Double
    let processorMilliseconds: Double
    let peakMiB: Double
}

/// Starts programs, measured and not.
struct Command {
    /// Where files of no lasting use go.
    let scratch: String
    /// The program of Timer/timer.c.
    let timer: String

    /// Runs a command and returns what it wrote to standard output.
    @discardableResult
    func run(_ command: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: command[0])
        process.arguments = Array(command.dropFirst())
        process.standardInput = FileHandle.nullDevice
        // Into files: a container that stays would keep the end of a pipe open.
        let output = try emptyFile("output")
        let errors = try emptyFile("errors")
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            let text = (try? String(contentsOfFile: "\(scratch)/errors", encoding: .utf8)) ?? ""
            throw Failure("\(command.joined(separator: " ")): status \(process.terminationStatus): \(text)")
        }
        return try String(contentsOfFile: "\(scratch)/output", encoding: .utf8)
    }

    /// Runs commands one after another and measures them together.
    func measure(_ commands: [[String]]) throws -> Measurement {
        let result = "\(scratch)/measurement"
        try run([timer, result] + commands.joined(separator: [";"]))
        let numbers = try String(contentsOfFile: result, encoding: .utf8).split { $0.isWhitespace }.compactMap {
            Double($0)
        }
        guard numbers.count == 4 else { throw Failure("\(timer): no result") }
        return Measurement(
            wallMilliseconds: numbers[0] / 1e6, processorMilliseconds: (numbers[1] + numbers[2]) / 1e3,
            peakMiB: numbers[3] / 1024)
    }

    /// How many system calls a command and all its children make.
    func countSystemCalls(of command: [String]) throws -> Int {
        let summary = "\(scratch)/strace"
        try run(["/usr/bin/strace", "-f", "-c", "-o", summary] + command)
        // "% time, seconds, usecs/call, calls, errors (perhaps), total"
        let lines = try String(contentsOfFile: summary, encoding: .utf8).split(separator: "\n")
        guard let fields = lines.last(where: { $0.hasSuffix(" total") })?.split(separator: " "), fields.count > 4,
            let calls = Int(fields[3])
        else { throw Failure("strace: no total in its summary") }
        return calls
    }

    private func emptyFile(_ name: String) throws -> FileHandle {
        let path = "\(scratch)/\(name)"
        guard FileManager.default.createFile(atPath: path, contents: nil), let file = FileHandle(forWritingAtPath: path)
        else {
            throw Failure("\(path): cannot be written")
        }
        return file
    }
}

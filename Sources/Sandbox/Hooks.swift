package import Diagnostics
package import Plans
import Syscalls

/// Runs hooks one after the other, runtime-spec, config.md, "POSIX-platform Hooks".
///
/// - Parameters:
///   - hooks: the hooks, in order.
///   - state: the container's state, which each of them finds on its standard input.
/// - Throws: why the first one that failed did: its list and position, its path, its status, signal or time-out, and the
///   last lines it wrote. Those behind it do not run.
package func runHooks(_ hooks: [HookStep], state: String) throws(RuntimeError) {
    for hook in hooks { try runHook(hook, state: state) }
}

/// Runs one hook.
///
/// - Parameters:
///   - hook: the hook.
///   - state: the container's state, which it finds on its standard input.
/// - Throws: why it failed.
package func runHook(_ hook: HookStep, state: String) throws(RuntimeError) {
    try during("hooks.\(hook.list)[\(hook.index)]") {
        var run = try HookRun(hook, state: state)
        let end = try run.wait()
        let reason: String
        switch end {
        case .ended(.exited(0)): return
        case .ended(.exited(let status)): reason = "exited with status \(status)"
        case .ended(.signalled(let signal)): reason = "was killed by signal \(signal)"
        case .tookTooLong(let seconds): reason = "did not end within \(seconds) s and was killed"
        }
        let words = run.lastLines.isEmpty ? "without a word" : "its last words: \(run.lastLines)"
        throw RuntimeError(.system, "\(hook.path) \(reason), \(words)")
    }
}

/// A hook that runs.
private struct HookRun: ~Copyable {
    enum End {
        case ended(ProcessEnd)
        case tookTooLong(seconds: Int)
    }

    private let timeoutSeconds: Int?
    private let pid: Int32
    private let process: OwnedDescriptor
    private let output: OwnedDescriptor
    private var tail: [UInt8] = []

    /// How much of what a hook wrote is kept, from the end.
    private static let tailLimit = 1024

    init(_ hook: HookStep, state: String) throws(SystemError) {
        // Standard output and standard error go the same way: a hook has nobody to print to but this runtime.
        let pipe = try makePipe()
        let input = try OwnedDescriptor.memory(Array(state.utf8), name: "mvrun-state")
        let arguments = hook.arguments.isEmpty ? [hook.path] : hook.arguments
        let pid = try spawnProcess(
            hook.path, arguments: arguments, environment: hook.environment, input: input, output: pipe.writing,
            errors: pipe.writing)
        let process: OwnedDescriptor
        do {
            process = try openProcess(pid)
        } catch {
            // Without a descriptor for it there is no way to wait with a limit; it is not left running either.
            try? sendSignal(9, to: pid)
            _ = try? waitForChild(pid)
            throw error
        }
        try pipe.reading.setNonBlocking(true)
        timeoutSeconds = hook.timeoutSeconds
        self.pid = pid
        self.process = process
        output = pipe.keepReading()
    }

    /// Waits for the end, with all that the hook writes read meanwhile.
    mutating func wait() throws(SystemError) -> End {
        let deadline = timeoutSeconds.map { monotonicMilliseconds() + $0 * 1000 }
        var ended = false
        var outputEnded = false
        while !ended {
            var set = PollSet()
            let processPlace = set.add(process, .readable)
            if !outputEnded { set.add(output, .readable) }
            if try !set.wait(timeoutMilliseconds: deadline.map { max(0, $0 - monotonicMilliseconds()) }) {
                try process.sendSignal(9)
                _ = try waitForChild(pid)
                try drain(&outputEnded)
                return .tookTooLong(seconds: timeoutSeconds ?? 0)
            }
            ended = set.isReady(processPlace)
            // A program that the hook left in the background may hold the pipe for ever, so its end is not waited for.
            if !outputEnded { try drain(&outputEnded) }
        }
        guard let found = try waitForChild(pid) else { return .ended(.exited(0)) }
        return .ended(found.end)
    }

    private mutating func drain(_ outputEnded: inout Bool) throws(SystemError) {
        var chunk = [UInt8](repeating: 0, count: 4096)
        // Bounded, so that a hook that writes faster than it is read does not outlive its time-out.
        for _ in 0..<64 {
            do {
                let count = try output.read(into: &chunk, subject: "a hook's output")
                if count == 0 {
                    outputEnded = true
                    return
                }
                tail += chunk.prefix(count)
                if tail.count > HookRun.tailLimit { tail.removeFirst(tail.count - HookRun.tailLimit) }
            } catch let error where error.errno == .wouldBlock {
                return
            }
        }
    }

    /// The last lines that the hook wrote, in one line.
    var lastLines: String {
        Diagnostics.lastLines(5, of: tail)
    }
}

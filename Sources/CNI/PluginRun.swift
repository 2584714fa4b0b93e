import Diagnostics
import Glibc
import JSON
import Syscalls

/// What a plugin is asked to do; CNI spec 1.0.0, section 4.
enum Operation: String {
    /// Put the container into the network.
    case add = "ADD"
    /// Take it out again; everything that can be gone may be gone.
    case delete = "DEL"
    /// Say whether it still is in there.
    case check = "CHECK"
}

/// The variables of an operation that are the same for all plugins of a network; CNI spec 1.0.0, section 2.
struct OperationContext {
    /// CNI_CONTAINERID.
    let container: String
    /// CNI_NETNS; nil where the namespace is gone.
    let namespace: String?
    /// CNI_IFNAME.
    let interface: String
    /// CNI_PATH: where plugins are, the first that has one wins.
    let directories: [String]

    func environment(_ operation: Operation) -> [String] {
        [
            "CNI_COMMAND=\(operation.rawValue)", "CNI_CONTAINERID=\(container)", "CNI_NETNS=\(namespace ?? "")",
            "CNI_IFNAME=\(interface)", "CNI_PATH=\(directories.joined(separator: ":"))",
            // Plugins call iptables, nft and others of their kind.
            "PATH=\(searchPath)",
        ]
    }
}

/// Runs a plugin once.
///
/// Its input and output are files without names: whatever it reads or leaves, nobody waits for somebody else to read.
///
/// - Parameters:
///   - type: its name.
///   - operation: what it is to do.
///   - context: for whom.
///   - configuration: JSON, its standard input.
///   - timeoutSeconds: how long it may take; then it is killed.
/// - Returns: what it printed, JSON or nothing.
/// - Throws: its own error, in its words.
func runPlugin(
    _ type: String, _ operation: Operation, _ context: OperationContext, configuration: [UInt8],
    timeoutSeconds: Int = 90
) throws(RuntimeError) -> [UInt8] {
    try during("\(operation.rawValue) \(type)") {
        guard let path = context.directories.map({ "\($0)/\(type)" }).first(where: isExecutable) else {
            throw RuntimeError(
                .notFound, "executable file not found in \(context.directories.joined(separator: ", "))",
                hint: "install the CNI plugins (Debian: containernetworking-plugins), or name their place in CNI_PATH")
        }
        let input = try OwnedDescriptor.memory(configuration, name: "cni-configuration")
        let output = try OwnedDescriptor.memory([], name: "cni-result")
        let errors = try OwnedDescriptor.memory([], name: "cni-errors")
        let pid = try spawnProcess(
            path, arguments: [path], environment: context.environment(operation), input: input, output: output,
            errors: errors)
        guard let end = try end(of: pid, timeoutSeconds: timeoutSeconds) else {
            throw RuntimeError(.system, "it did not end within \(timeoutSeconds) s and was killed")
        }
        let printed = try content(of: output)
        if case .exited(0) = end { return printed }
        throw failure(end, printed: printed, complained: (try? content(of: errors)) ?? [])
    }
}

/// The most that a plugin may print; what is behind is not looked at.
let outputLimit = 1 << 20

private func content(of file: borrowing OwnedDescriptor) throws(SystemError) -> [UInt8] {
    let size = min(Int(try file.status().size), outputLimit)
    return size == 0 ? [] : try file.bytes(at: 0, count: size, subject: "what the plugin printed")
}

/// Waits for a child; nil for one that took too long, and was killed.
private func end(of pid: Int32, timeoutSeconds: Int) throws(SystemError) -> ProcessEnd? {
    do throws(SystemError) {
        let process = try openProcess(pid)
        var set = PollSet()
        set.add(process, .readable)
        if try set.wait(timeoutMilliseconds: timeoutSeconds * 1000) { return try waitForChild(pid)?.end }
    } catch {
        try? sendSignal(9, to: pid)
        _ = try? waitForChild(pid)
        throw error
    }
    try sendSignal(9, to: pid)
    _ = try waitForChild(pid)
    return nil
}

/// CNI spec 1.0.0, section 5, "Error"; a plugin that dies says nothing of the kind.
private func failure(_ end: ProcessEnd, printed: [UInt8], complained: [UInt8]) -> RuntimeError {
    if let document = try? JSONDocument(reading: printed, limit: outputLimit),
        let message = document.root["msg"]?.string
    {
        let details = document.root["details"]?.string.map { $0.isEmpty ? "" : ": \($0)" } ?? ""
        let code = document.root["code"]?.uint64.map { " (code \($0))" } ?? ""
        return RuntimeError(.system, "\(message)\(details)\(code)")
    }
    let words = lastLines(3, of: (complained.isEmpty ? printed : complained).suffix(1024))
    let said = words.isEmpty ? "without a word" : "its last words: \(words)"
    switch end {
    case .exited(let status): return RuntimeError(.system, "it exited with status \(status), \(said)")
    case .signalled(let signal): return RuntimeError(.system, "it was killed by signal \(signal), \(said)")
    }
}

import Diagnostics
import JSON
import OCI
import Options
import Runtime

/// `mvrun ps CONTAINER`: lists a container's processes, as an array of the host's pids or in the words of its ps(1).
enum PsCommand {
    static func run(_ invocation: Invocation, _ session: Session) throws(RuntimeError) {
        let container = try session.container(invocation.container)
        if container.status == .stopped { throw RuntimeError(.wrongState, "container not running") }
        if invocation.value(.format) == "json" { return try printList(container) }
        if container.record.isolation == .vm { return try printGuest(container, invocation, session) }
        let options = invocation.arguments.dropFirst()
        let text = try hostProcesses(options.isEmpty ? ["-ef"] : Array(options))
        try printOutput(try lines(of: text, about: Set(try container.processes())))
    }

    /// The pids on the host, where engines look them up.
    private static func printList(_ container: Container) throws(RuntimeError) {
        let pids = try container.processes()
        var writer = JSONWriter(.compact)
        writer.array { array in
            for pid in pids { array.value(Int(pid)) }
        }
        try printOutput(writer.text + "\n")
    }

    /// The processes of a virtual machine, which the host's ps(1) does not see: pid and user are the guest's.
    private static func printGuest(
        _ container: Container, _ invocation: Invocation, _ session: Session
    ) throws(RuntimeError) {
        let processes = try session.guestProcesses(of: container)
        if invocation.arguments.count > 1 {
            throw RuntimeError(.unsupported, "options of ps(1) do not reach a virtual machine", hint: "leave them out")
        }
        let rows =
            [("PID", "PPID", "UID", "COMMAND")]
            + processes.map { ("\($0.pid)", "\($0.parent)", "\($0.user)", $0.command) }
        try printOutput(rows.map { aligned($0.0) + aligned($0.1) + aligned($0.2) + $0.3 + "\n" }.joined())
    }

    private static func aligned(_ text: String) -> String {
        String(repeating: " ", count: max(0, 7 - text.utf8.count)) + text + " "
    }

    /// What ps(1) prints, its options being the caller's.
    private static func hostProcesses(_ options: [String]) throws(RuntimeError) -> String {
        let run = try outputOfProgram("ps", options)
        guard run.status == 0 else { throw RuntimeError(.system, "ps ended with status \(run.status): \(run.text)") }
        return run.text
    }

    /// The heading, and the lines of these processes.
    private static func lines(of text: String, about pids: Set<Int32>) throws(RuntimeError) -> String {
        let lines = text.split(separator: "\n")
        let heading = lines.first?.split(separator: " ") ?? []
        guard let first = lines.first, let column = heading.firstIndex(of: "PID") else {
            throw RuntimeError(.usage, "ps prints no column PID with these options")
        }
        let ours = lines.dropFirst().filter { line in
            let fields = line.split(separator: " ")
            return fields.count > column && Int32(fields[column]).map(pids.contains) ?? false
        }
        return ([first] + ours).map { $0 + "\n" }.joined()
    }
}

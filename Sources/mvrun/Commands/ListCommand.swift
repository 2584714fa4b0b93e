import Diagnostics
import JSON
import OCI
import Options
import Runtime

/// `mvrun list`: prints all containers, as a table, as JSON, or their ids.
enum ListCommand {
    static func run(_ invocation: Invocation, _ session: Session) throws(RuntimeError) {
        if invocation.has(.quiet) {
            return try printOutput(try session.store.ids().map { $0 + "\n" }.joined())
        }
        let containers = try session.containers().map { (container: $0, status: $0.status) }
        if invocation.value(.format) == "json" {
            var writer = JSONWriter(.compact)
            writer.array { array in
                for entry in containers { entry.container.write(entry.status, to: &array) }
            }
            return try printOutput(writer.text + "\n")
        }
        let rows = containers.map { container, status in
            let record = container.record
            let pid = status == .stopped ? 0 : record.process?.pid ?? 0
            return [record.id, "\(pid)", status.rawValue, record.bundle, record.created, container.ownerName]
        }
        try printOutput(table([["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]] + rows))
    }
}

/// Lines whose columns stand below each other.
func table(_ rows: [[String]]) -> String {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
        row.enumerated().map { column, text in
            column == columns - 1
                ? text : text + String(repeating: " ", count: max(12, widths[column] + 3) - text.count)
        }.joined() + "\n"
    }.joined()
}

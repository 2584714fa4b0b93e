/// What is wrong with a JSON text, and where.
package struct JSONFault: Error, Equatable, Sendable {
    /// What is wrong: lower case, no full stop, as in "expected a value, found \"}\"".
    package let reason: String
    /// The path of the value that was being read, as in "process.args[2]"; empty for the document itself.
    package let path: String
    /// The line, from 1.
    package let line: Int
    /// The byte in that line, from 1.
    package let column: Int

    /// Makes a fault.
    package init(_ reason: String, path: String, line: Int, column: Int) {
        self.reason = reason
        self.path = path
        self.line = line
        self.column = column
    }
}

extension JSONFault: CustomStringConvertible {
    /// As in "process.args: expected a comma or a bracket, found the end (line 3, column 14)".
    package var description: String {
        (path.isEmpty ? "" : "\(path): ") + "\(reason) (line \(line), column \(column))"
    }
}

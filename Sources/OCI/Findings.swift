package import Diagnostics
package import JSON

/// What checking a document brought to light: errors, and what is worth a warning.
package struct Findings: Sendable, Equatable {
    /// One thing found.
    package struct Finding: Sendable, Equatable {
        /// The path of the field.
        package var path: String
        /// What is wrong with it: lower case, no full stop.
        package var message: String
        /// What the reader may do about it.
        package var hint: String?
    }

    /// What makes the document invalid.
    package private(set) var errors: [Finding] = []
    /// What would change the host, and so is an error for a container, whose kernel is the host's.
    package private(set) var hostErrors: [Finding] = []
    /// What is valid, and probably not what was meant.
    package private(set) var warnings: [Finding] = []

    /// Nothing found yet.
    package init() {}

    mutating func error(_ path: String, _ message: String, hint: String? = nil) {
        errors.append(Finding(path: path, message: message, hint: hint))
    }

    mutating func hostError(_ path: String, _ message: String, hint: String? = nil) {
        hostErrors.append(Finding(path: path, message: message, hint: hint))
    }

    mutating func warning(_ path: String, _ message: String, hint: String? = nil) {
        warnings.append(Finding(path: path, message: message, hint: hint))
    }

    /// Throws the first error, if there is one, with the line of the field or, where it is missing, of what should hold it.
    ///
    /// - Parameter document: the text that the findings are about, where there is one.
    package func throwFirstError(in document: JSONDocument?) throws(RuntimeError) {
        if let first = errors.first { throw Self.refusal(first, in: document) }
    }

    static func refusal(_ first: Finding, in document: JSONDocument?) -> RuntimeError {
        let line = document.map { " (line \($0.nearest(to: first.path).line))" } ?? ""
        return RuntimeError(.invalidBundle, "\(first.path): \(first.message)\(line)", hint: first.hint)
    }
}

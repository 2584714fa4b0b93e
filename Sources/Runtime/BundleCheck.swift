package import Diagnostics
import JSON
import OCI
import Planning
import Syscalls

/// What becomes of each field of a config.json on this host.
package struct BundleCheck: Sendable {
    /// What becomes of a field.
    package enum Verdict: String, Sendable {
        /// It is done.
        case honoured
        /// For a virtual machine: it is done on the host.
        case host
        /// For a virtual machine: it is done in the guest.
        case guest
        /// For a virtual machine: it is done on the host and in the guest.
        case both
        /// It makes no difference, and the reason says why.
        case ignored
        /// The specification does not have it, so it is ignored, and is surely not what was meant.
        case unknown
        /// It keeps the container from being made.
        case error
    }

    /// One field.
    package struct Field: Sendable, Equatable {
        /// Its path; empty for what is wrong with the whole.
        package let path: String
        /// The line it stands on; nil for one that is not there.
        package let line: Int?
        /// What becomes of it.
        package let verdict: Verdict
        /// Why; nil where it is done.
        package let reason: String?
    }

    /// The fields in the order of the text, then what concerns more than one of them.
    package private(set) var fields: [Field] = []

    /// Whether the container can be made, and every field means something.
    package var isGood: Bool { !fields.contains { $0.verdict == .error || $0.verdict == .unknown } }
    /// Whether the container can be made.
    var canBeMade: Bool { !fields.contains { $0.verdict == .error } }

    /// Says nothing yet.
    fileprivate init() {}

    init(_ document: JSONDocument, _ spec: Spec, isolation: Isolation = .container) throws(RuntimeError) {
        let findings = spec.findings
        var open = findings.errors.map { (path: $0.path, message: $0.message, hint: $0.hint) }
        var warnings = findings.warnings.map { (path: $0.path, message: $0.message, hint: $0.hint) }
        if isolation == .container { open += findings.hostErrors.map { ($0.path, $0.message, $0.hint) } }
        if isolation == .vm {
            let machine = MicroVMFindings(of: spec)
            open += machine.errors.map { ($0.path, $0.message, $0.hint) }
            warnings += (machine.warnings + machine.remarks).map { ($0.path, $0.message, $0.hint) }
        }
        for field in try FieldCatalogue(config: document).fields {
            // An error about an object or an array is told at the first field inside.
            if let index = open.firstIndex(where: { field.path == $0.path || field.path.isInside($0.path) }) {
                let finding = open.remove(at: index)
                add(field, .error, finding.message, finding.hint)
            } else if case .unknown(let suggestion) = field.status {
                let hint = suggestion.map { "did you mean \($0)?" }
                add(field, .unknown, "the specification has no such field", hint)
            } else if field.status == .ignored {
                add(field, .ignored, "it is for another platform", nil)
            } else if isolation == .container, field.path.isInside("vm") {
                add(field, .ignored, "it describes a virtual machine, and this is a container", nil)
            } else if let warning = warnings.first(where: {
                field.path == $0.path || (isolation == .vm && field.path.isInside($0.path))
            }) {
                add(field, .ignored, warning.message, warning.hint)
            } else if isolation == .vm {
                let place = FieldPlace.of(field.pattern) ?? .ignored
                add(field, Verdict(rawValue: place.rawValue) ?? .ignored, nil, nil)
            } else {
                add(field, .honoured, nil, nil)
            }
        }
        // The profile is read apart from the rest, since a start seldom needs it read.
        do throws(RuntimeError) {
            _ = try spec.linux.seccomp?.parsed()
        } catch {
            add(error)
        }
        for finding in open {
            fields.append(Field(path: finding.path, line: nil, verdict: .error, reason: finding.message))
        }
    }

    private mutating func add(_ field: FieldCatalogue.Field, _ verdict: Verdict, _ reason: String?, _ hint: String?) {
        let reason = reason.map { text in hint.map { "\(text); \($0)" } ?? text }
        fields.append(Field(path: field.path, line: field.line, verdict: verdict, reason: reason))
    }

    /// Adds what this host cannot do; the error starts with the path of its field, where it is about one.
    mutating func add(_ error: RuntimeError) {
        var text = error.description
        if text.hasPrefix("config.json: ") { text = String(text.dropFirst("config.json: ".utf8.count)) }
        let reason = { (text: String) in error.hint.map { "\(text); \($0)" } ?? text }
        let named = fields.indices.filter { text.hasPrefix(fields[$0].path + ":") }
            .max { fields[$0].path.utf8.count < fields[$1].path.utf8.count }
        guard let named else {
            // The field is not there, or what was in it was taken out to read the rest.
            let path = text.prefix { $0 != ":" && $0 != " " && $0 != "(" }
            let isPath = !path.isEmpty && text.dropFirst(path.count).hasPrefix(": ")
            fields.append(
                Field(
                    path: isPath ? String(path) : "", line: nil, verdict: .error,
                    reason: reason(isPath ? String(text.dropFirst(path.count + 2)) : text)))
            return
        }
        let field = fields[named]
        text = String(text.dropFirst(field.path.utf8.count + 2))
        fields[named] = Field(path: field.path, line: field.line, verdict: .error, reason: reason(text))
    }
}

extension String {
    /// Whether the path leads through another one.
    fileprivate func isInside(_ path: String) -> Bool {
        guard hasPrefix(path) else { return false }
        let next = utf8.dropFirst(path.utf8.count).first
        return next == UInt8(ascii: ".") || next == UInt8(ascii: "[")
    }
}

extension Session {
    /// Says for each field of a bundle's config.json what becomes of it on this host; nothing changes by it.
    ///
    /// - Parameters:
    ///   - bundle: the bundle's directory.
    ///   - config: another file than its config.json.
    ///   - choice: the isolation that is asked for.
    /// - Throws: that there is no config.json, or that it cannot be read as one.
    package func check(
        bundle: String, config: String?, isolation choice: IsolationChoice? = nil
    ) throws(RuntimeError) -> BundleCheck {
        let file = config ?? "\(bundle)/config.json"
        let bytes: [UInt8]
        do {
            bytes = try readFile(file, limit: documentSizeLimit)
        } catch {
            throw RuntimeError(error, hint: "mvrun spec makes a config.json").during("read the bundle's config")
        }
        let readable = try ReadableSpec(bytes)
        guard let spec = readable.spec else {
            var check = BundleCheck()
            for error in readable.errors { check.add(error) }
            return check
        }
        var check = try BundleCheck(
            readable.document, spec, isolation: try isolation(of: spec, choice))
        for error in readable.errors { check.add(error) }
        guard check.canBeMade else { return check }
        do throws(RuntimeError) {
            let opened = try Bundle(at: bundle, config: config)
            // The plan of a machine looks for its root itself.
            if try isolation(of: spec, choice) == .container, !exists(opened.rootPath) {
                check.add(RuntimeError(.notFound, "root.path: \(opened.rootPath) does not exist"))
            }
            var request = CreateRequest(id: "check")
            request.isolation = choice
            _ = try plan(opened, request, startsLater: false)
        } catch {
            check.add(error)
        }
        return check
    }
}

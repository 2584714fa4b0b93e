package import Diagnostics
package import JSON
import Syscalls

/// A bundle: a directory with a config.json, and what that says; runtime-spec, bundle.md.
package struct Bundle: Sendable {
    /// The directory, an absolute path.
    package let path: String
    /// config.json, as it stands.
    package let document: JSONDocument
    /// config.json, understood and valid.
    package let spec: Spec
    /// What config.json may not mean as it is written.
    package let warnings: [Findings.Finding]
    /// What would change the host, if this were a container of the host's kernel.
    package let hostErrors: [Findings.Finding]
    /// The root file system, an absolute path that may be, or lead through, a symbolic link.
    package let rootPath: String

    /// Reads a bundle and checks its config.json.
    ///
    /// - Parameters:
    ///   - path: the directory; relative to the working directory unless it is absolute.
    ///   - config: another file to take for config.json.
    package init(at path: String, config: String? = nil) throws(RuntimeError) {
        let directory = try OCI.named("open the bundle") { () throws(RuntimeError) in try absolute(path) }
        let file = config ?? "\(directory)/config.json"
        let bytes: [UInt8]
        do {
            bytes = try readFile(file, limit: documentSizeLimit)
        } catch {
            let hint =
                error.errno == .noEntry && config == nil
                ? "\(directory) is not a bundle; mvrun spec makes a config.json" : nil
            throw RuntimeError(error, hint: hint).during("read the bundle's config")
        }
        try self.init(at: directory, config: bytes)
    }

    /// Takes a config.json that was read already.
    ///
    /// - Parameters:
    ///   - path: the bundle's directory, absolute.
    ///   - bytes: the text of config.json.
    package init(at path: String, config bytes: [UInt8]) throws(RuntimeError) {
        let document = try JSONDocument(bytes, named: "config.json")
        self.path = path
        self.document = document
        (spec, warnings, hostErrors) = try OCI.named("config.json") { () throws(RuntimeError) in
            let spec = try Spec(document)
            let findings = spec.findings
            try findings.throwFirstError(in: document)
            return (spec, findings.warnings, findings.hostErrors)
        }
        rootPath = Self.hostPath(spec.root.path, in: path)
    }
}

extension Bundle {
    /// A path that config.json names on the host: what is relative is so to the bundle.
    package func hostPath(_ text: String) -> String { Self.hostPath(text, in: path) }

    private static func hostPath(_ text: String, in bundle: String) -> String {
        text.isAbsolutePath ? text : "\(bundle)/\(text)"
    }

    /// Refuses what would change the host, for a container of the host's kernel.
    ///
    /// - Throws: the first such field, by its JSON path and line.
    package func requireHostUnchanged() throws(RuntimeError) {
        guard let first = hostErrors.first else { return }
        throw Findings.refusal(first, in: document).during("config.json")
    }

    /// The bundle with another network than its config.json says, checked as if that stood there.
    ///
    /// - Parameter network: the entry of `linux.namespaces`; nil for the network of whoever makes the container.
    package func replacing(network: Spec.Namespace?) throws(RuntimeError) -> Bundle {
        var spec = spec
        let place = spec.linux.namespaces.firstIndex { $0.type == .network }
        switch (place, network) {
        case (.some(let place), .some(let network)): spec.linux.namespaces[place] = network
        case (.some(let place), nil): spec.linux.namespaces.remove(at: place)
        case (nil, .some(let network)): spec.linux.namespaces.append(network)
        case (nil, nil): break
        }
        let findings = spec.findings
        try OCI.named("config.json") { () throws(RuntimeError) in try findings.throwFirstError(in: document) }
        return Bundle(self, spec: spec, rootPath: rootPath, hostErrors: findings.hostErrors)
    }

    /// The bundle as a guest is to see it, whose kernel is its own.
    ///
    /// - Parameters:
    ///   - spec: what its config.json means there.
    ///   - rootPath: where its root file system is there.
    package func replacing(spec: Spec, rootPath: String) -> Bundle {
        Bundle(self, spec: spec, rootPath: rootPath)
    }

    private init(_ other: Bundle, spec: Spec, rootPath: String, hostErrors: [Findings.Finding] = []) {
        path = other.path
        document = other.document
        warnings = other.warnings
        self.hostErrors = hostErrors
        self.spec = spec
        self.rootPath = rootPath
    }
}

/// The path of a directory as the kernel spells it: absolute, and without symbolic links.
private func absolute(_ path: String) throws(RuntimeError) -> String {
    do {
        return try kernelPath(of: OwnedDescriptor.open(path, [.path, .directory]))
    } catch {
        throw RuntimeError(error)
    }
}

/// The path of an open file; the caller's borrow keeps it open until the kernel has answered.
private func kernelPath(of file: borrowing OwnedDescriptor) throws(SystemError) -> String {
    try linkTarget(file.procPath)
}

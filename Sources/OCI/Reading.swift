package import Diagnostics
package import JSON

/// The most bytes that a file of the spec can have.
///
/// Those of engines have some 30,000; a seccomp profile with a rule for each system call of each architecture stays below a tenth of this.
package let documentSizeLimit = 4 << 20

extension JSONDocument {
    /// Reads a JSON text and names it in the error should that fail.
    ///
    /// - Parameters:
    ///   - bytes: the text.
    ///   - name: what the text is, as in "config.json".
    package convenience init(_ bytes: [UInt8], named name: String) throws(RuntimeError) {
        do throws(JSONFault) {
            try self.init(reading: bytes, limit: documentSizeLimit)
        } catch {
            throw RuntimeError(.invalidBundle, error.description).during(name)
        }
    }
}

extension Spec {
    /// Reads a config.json and checks its types.
    ///
    /// - Parameter bytes: the text.
    package init(config bytes: [UInt8]) throws(RuntimeError) {
        let document = try JSONDocument(bytes, named: "config.json")
        self = try named("config.json") { () throws(RuntimeError) in try Spec(document) }
    }
}

extension Spec.Process {
    /// Reads a process.json, what `exec --process` is given.
    ///
    /// - Parameters:
    ///   - bytes: the text.
    ///   - name: the file's name, for errors.
    package init(_ bytes: [UInt8], named name: String) throws(RuntimeError) {
        let document = try JSONDocument(bytes, named: name)
        self = try OCI.named(name) { () throws(RuntimeError) in
            try Spec.Process(ObjectReader(document.root))
        }
    }
}

extension Spec.Resources {
    /// Reads what `update --resources` is given.
    ///
    /// - Parameters:
    ///   - bytes: the text.
    ///   - name: the file's name, for errors.
    package init(_ bytes: [UInt8], named name: String) throws(RuntimeError) {
        let document = try JSONDocument(bytes, named: name)
        self = try OCI.named(name) { () throws(RuntimeError) in
            try Spec.Resources(ObjectReader(document.root))
        }
    }
}

extension Spec.Seccomp {
    /// Reads a file that holds a seccomp section alone, and checks it.
    ///
    /// - Parameters:
    ///   - bytes: the text.
    ///   - name: the file's name, for errors.
    package init(_ bytes: [UInt8], named name: String) throws(RuntimeError) {
        let document = try JSONDocument(bytes, named: name)
        self = try OCI.named(name) { () throws(RuntimeError) in
            try Spec.Seccomp(ObjectReader(document.root))
        }
    }
}

extension Spec.VM {
    /// Reads a file that holds a vm section alone.
    ///
    /// - Parameters:
    ///   - bytes: the text.
    ///   - name: the file's name, for errors.
    package init(_ bytes: [UInt8], named name: String) throws(RuntimeError) {
        let document = try JSONDocument(bytes, named: name)
        self = try OCI.named(name) { () throws(RuntimeError) in
            let reader = try ObjectReader(document.root)
            // A typing error in a file of a host's would be found by nobody: no other program reads it.
            for (key, _) in document.root.members where !["kernel", "hwConfig", "hwconfig"].contains(key.string) {
                throw RuntimeError(
                    .invalidBundle, "\(key.string ?? ""): unknown here", hint: "the file may have kernel and hwConfig")
            }
            let machine = try Spec.VM(reader)
            if let path = machine.kernel?.path, !path.hasPrefix("/") {
                throw RuntimeError(.invalidBundle, "kernel.path: \"\(path)\" is not an absolute path")
            }
            return machine
        }
    }
}

/// Puts a document's name in front of an error's path.
func named<Value>(_ name: String, _ body: () throws(RuntimeError) -> Value) throws(RuntimeError) -> Value {
    do throws(RuntimeError) {
        return try body()
    } catch {
        throw error.during(name)
    }
}

package import Diagnostics
package import JSON

/// What an image says of the program in it: image-spec, config.md.
package struct ImageConfig: Equatable, Sendable {
    /// A label of an image, or an annotation made of one.
    package struct Label: Equatable, Sendable {
        /// The key.
        package let key: String
        /// The value.
        package let value: String

        /// Makes one.
        package init(_ key: String, _ value: String) {
            self.key = key
            self.value = value
        }
    }

    /// `os` and `architecture`, as `linux/amd64`.
    package let platform: String
    /// `variant`, `author`, `created` and `os.version`, where they are there, as annotations name them.
    package let about: [Label]
    /// `User`: whom the program runs as, in words of the image's own accounts.
    package let user: String?
    /// `ExposedPorts`.
    package let exposedPorts: [String]
    /// `Env`: NAME=value each.
    package let env: [String]
    /// `Entrypoint`.
    package let entrypoint: [String]
    /// `Cmd`.
    package let cmd: [String]
    /// `WorkingDir`.
    package let workingDir: String?
    /// `Labels`.
    package let labels: [Label]
    /// `StopSignal`.
    package let stopSignal: String?

    /// Reads a configuration.
    ///
    /// - Parameter value: the outermost object.
    /// - Throws: what is of another type than it should be, or that the image is for another system.
    package init(_ value: JSONValue) throws(RuntimeError) {
        guard value.kind == .object else { throw RuntimeError(.invalidBundle, "it is not an object") }
        let os = try value.requiredText("os")
        let architecture = try value.requiredText("architecture")
        platform = "\(os)/\(architecture)"
        guard platform == Image.platform else {
            throw RuntimeError(
                .unsupported, "it is for \(JSONWriter.quoted(platform)), and this is \(Image.platform)")
        }
        let prefix = "org.opencontainers.image"
        var about = [Label("\(prefix).os", os), Label("\(prefix).architecture", architecture)]
        for key in ["variant", "os.version", "author", "created"] {
            if let text = try value.text(key) { about.append(Label("\(prefix).\(key)", text)) }
        }
        self.about = about
        let inner = value["config"].flatMap { $0.isNull ? nil : $0 }
        if let inner, inner.kind != .object { throw value.fault("config", "expected an object") }
        user = try inner?.text("User")
        exposedPorts = try inner?.keys("ExposedPorts") ?? []
        env = try inner?.texts("Env") ?? []
        entrypoint = try inner?.texts("Entrypoint") ?? []
        cmd = try inner?.texts("Cmd") ?? []
        workingDir = try inner?.text("WorkingDir")
        labels = try inner?.labels("Labels") ?? []
        stopSignal = try inner?.text("StopSignal")
    }
}

extension JSONValue {
    /// The members of a member that is an object; none where it is absent or null.
    private func entries(_ key: String) throws(RuntimeError) -> [(key: String, value: JSONValue)] {
        guard let member = self[key], !member.isNull else { return [] }
        guard member.kind == .object else { throw fault(key, "expected an object") }
        return member.members.map { ($0.key.string ?? "", $0.value) }
    }

    fileprivate func keys(_ key: String) throws(RuntimeError) -> [String] {
        try entries(key).map(\.key)
    }

    fileprivate func labels(_ key: String) throws(RuntimeError) -> [ImageConfig.Label] {
        var labels: [ImageConfig.Label] = []
        for (name, value) in try entries(key) {
            guard let text = value.string, !text.utf8.contains(0), !name.utf8.contains(0) else {
                throw fault(key, "expected an object of strings without zero bytes")
            }
            labels.append(ImageConfig.Label(name, text))
        }
        return labels
    }
}

package import Diagnostics
import JSON
import Syscalls

/// An image of an OCI layout, its manifest and configuration read and checked: image-spec, image-layout.md.
///
/// Everything in a layout is hostile. What is read is read with a bound, against the digest that leads to it; file names are
/// made of digests alone.
package struct Image: Sendable {
    /// The layout's directory.
    package let layout: String
    /// The manifest.
    package let manifest: ContentDescriptor
    /// The configuration as it stands.
    package let configText: [UInt8]
    /// What that says.
    package let config: ImageConfig

    /// The system that images are run on.
    package static let platform = "linux/amd64"

    /// The most bytes of an index or a manifest: what registries take.
    static let manifestLimit = 4 << 20
    /// The most bytes of a configuration: with what is added to it, it has to fit into a config.json.
    package static let configLimit = 1 << 20
    /// How often an index may lead to another one.
    private static let deepestIndex = 3

    /// Finds an image in a layout.
    ///
    /// - Parameters:
    ///   - tag: its name there; nil for the only one.
    ///   - path: the layout's directory.
    /// - Throws: what is wrong with the layout, by file, JSON path and line; or which names there are.
    package init(_ tag: String?, inLayout path: String) throws(RuntimeError) {
        let directory: OwnedDescriptor
        do {
            directory = try OwnedDescriptor.open(path, [.directory])
        } catch {
            throw RuntimeError(error)
        }
        try Self.checkVersion(directory)
        let index = try Self.document(Self.file("index.json", in: directory), "index.json")
        manifest = try Self.manifest(tag, index, directory)
        let text = try manifest.content(in: directory, limit: Self.manifestLimit)
        let (config, layers) = try inside("the manifest") { () throws(RuntimeError) in
            let root = try Self.document(text, "").root
            guard let config = root["config"] else { throw root.fault("config", "required, and missing") }
            return (try ContentDescriptor(config), try Self.descriptors(root, "layers"))
        }
        for layer in layers { try layer.requirePresent(in: directory) }
        let configText = try config.content(in: directory, limit: Self.configLimit)
        self.config = try inside("the image's configuration") { () throws(RuntimeError) in
            try ImageConfig(Self.document(configText, "").root)
        }
        layout = path
        self.configText = configText
    }

    /// The text of an index that leads to this manifest alone, under one name.
    ///
    /// - Parameter tag: the name.
    package func index(tag: String) -> [UInt8] {
        var writer = JSONWriter(.compact)
        writer.object { index in
            index.member("schemaVersion", 2)
            index.member("manifests") { writer in
                writer.array { writer in
                    writer.object { entry in
                        entry.member("mediaType", manifest.mediaType)
                        entry.member("digest", "sha256:\(manifest.digest)")
                        entry.member("size", Int(manifest.size))
                        entry.member("annotations", [("org.opencontainers.image.ref.name", tag)])
                    }
                }
            }
        }
        return writer.bytes
    }

    /// The text of a layout's oci-layout.
    package static let layoutText = Array(#"{"imageLayoutVersion": "1.0.0"}"#.utf8)

    private static func checkVersion(_ directory: borrowing OwnedDescriptor) throws(RuntimeError) {
        let text: [UInt8]
        do throws(RuntimeError) {
            text = try file("oci-layout", in: directory)
        } catch {
            throw error.hinting("an OCI layout is a directory with the files oci-layout and index.json")
        }
        let version = try document(text, "oci-layout").root["imageLayoutVersion"]?.string
        guard version == "1.0.0" else {
            throw RuntimeError(.unsupported, "oci-layout: the version is not 1.0.0 but \(version ?? "missing")")
        }
    }

    private static func file(
        _ name: String, in directory: borrowing OwnedDescriptor
    ) throws(RuntimeError) -> [UInt8] {
        do throws(SystemError) {
            let file = try OwnedDescriptor.open(
                at: directory, name, [.nonBlocking], resolve: [.beneath, .noMagicLinks])
            return try file.readAll(limit: manifestLimit, subject: name)
        } catch {
            throw RuntimeError(error)
        }
    }

    private static func document(_ bytes: [UInt8], _ name: String) throws(RuntimeError) -> JSONDocument {
        do {
            return try JSONDocument(reading: bytes, limit: manifestLimit)
        } catch {
            throw RuntimeError(.invalidBundle, name.isEmpty ? "\(error)" : "\(name): \(error)")
        }
    }

    private static func descriptors(_ value: JSONValue, _ key: String) throws(RuntimeError) -> [ContentDescriptor] {
        guard let list = value[key], list.kind == .array else { throw value.fault(key, "expected an array") }
        var descriptors: [ContentDescriptor] = []
        for element in list.elements { descriptors.append(try ContentDescriptor(element)) }
        return descriptors
    }

    // MARK: From the index to the manifest

    private static let indexType = "application/vnd.oci.image.index.v1+json"
    private static let manifestType = "application/vnd.oci.image.manifest.v1+json"

    private static func manifest(
        _ tag: String?, _ document: JSONDocument, _ directory: borrowing OwnedDescriptor
    ) throws(RuntimeError) -> ContentDescriptor {
        var entry = try inside("index.json") { () throws(RuntimeError) in
            try tagged(tag, descriptors(document.root, "manifests"))
        }
        for _ in 0..<deepestIndex where entry.mediaType == indexType {
            let text = try entry.content(in: directory, limit: manifestLimit)
            entry = try inside("the image's index") { () throws(RuntimeError) in
                try forThisSystem(descriptors(Self.document(text, "").root, "manifests"))
            }
        }
        guard entry.mediaType == manifestType else {
            throw RuntimeError(
                .unsupported, "\(JSONWriter.quoted(entry.mediaType)) is not the manifest of an OCI image",
                hint: "\"skopeo copy --format oci oci:FROM oci:TO\" makes one of it")
        }
        return entry
    }

    private static func tagged(
        _ tag: String?, _ entries: [ContentDescriptor]
    ) throws(RuntimeError) -> ContentDescriptor {
        let matching = tag.map { tag in entries.filter { $0.tag == tag } } ?? entries
        if matching.count == 1 { return matching[0] }
        let known = entries.compactMap(\.tag)
        let hint = known.isEmpty ? nil : "there are: \(known.prefix(20).joined(separator: ", "))"
        guard matching.isEmpty else {
            // Entries of one name, or of none, for several systems.
            let own = matching.filter { $0.platform == platform }
            if own.count == 1 { return own[0] }
            throw RuntimeError(.usage, "there is more than one image; a tag tells them apart", hint: hint)
        }
        throw RuntimeError(.notFound, tag.map { "there is no image \($0)" } ?? "there is no image", hint: hint)
    }

    private static func forThisSystem(_ entries: [ContentDescriptor]) throws(RuntimeError) -> ContentDescriptor {
        // What does not name a system says so in its configuration.
        guard
            let entry = entries.first(where: { $0.platform == platform })
                ?? (entries.count == 1 && entries[0].platform == nil ? entries.first : nil)
        else {
            let known = entries.compactMap(\.platform).prefix(20).joined(separator: ", ")
            throw RuntimeError(.unsupported, "there is no image for \(platform), only for \(known)")
        }
        return entry
    }
}

/// Names the part of an image that an error is about.
func inside<Value>(_ part: String, _ body: () throws(RuntimeError) -> Value) throws(RuntimeError) -> Value {
    do throws(RuntimeError) {
        return try body()
    } catch {
        throw error.during(part)
    }
}

import Diagnostics
import Digests
import JSON
import Syscalls

/// What an image says of a part of itself: image-spec, descriptor.md.
package struct ContentDescriptor: Equatable, Sendable {
    /// What the part is.
    package let mediaType: String
    /// The SHA-256 of its content: 64 hexadecimal digits and nothing else, so it can name a file.
    package let digest: String
    /// Its length in bytes.
    package let size: Int64
    /// Under which name an index has it.
    package let tag: String?
    /// For which system it is, as `linux/amd64`; nil where an index does not say.
    package let platform: String?

    /// Reads a descriptor.
    init(_ value: JSONValue) throws(RuntimeError) {
        mediaType = try value.requiredText("mediaType")
        let digest = try value.requiredText("digest")
        let algorithm = "sha256:"
        let digits = digest.dropFirst(algorithm.count)
        guard digest.hasPrefix(algorithm), digits.utf8.count == 64,
            digits.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else {
            throw value.fault("digest", "\(JSONWriter.quoted(digest)) is not \(algorithm) and 64 hexadecimal digits")
        }
        self.digest = String(digits)
        guard let size = value["size"]?.int64, size >= 0 else { throw value.fault("size", "not a number of bytes") }
        self.size = size
        tag = value["annotations"]?["org.opencontainers.image.ref.name"]?.string
        platform = value["platform"].flatMap { platform in
            guard let os = platform["os"]?.string, let machine = platform["architecture"]?.string else { return nil }
            return "\(os)/\(machine)"
        }
    }

    /// The part's file in a layout.
    var path: String { "blobs/sha256/\(digest)" }

    /// Reads the part and checks that it is what the descriptor says.
    ///
    /// - Parameters:
    ///   - layout: the layout's directory.
    ///   - limit: the most bytes to take.
    func content(in layout: borrowing OwnedDescriptor, limit: Int) throws(RuntimeError) -> [UInt8] {
        let bytes = try during(path) {
            let file = try open(in: layout)
            guard size <= limit else {
                throw RuntimeError(.invalidBundle, "\(size) bytes are more than the \(limit) that it may have")
            }
            return try file.readAll(limit: limit, subject: path)
        }
        guard Digest(of: bytes[...]).hexadecimal == digest else {
            throw RuntimeError(
                .invalidBundle, "\(path): its content is another one than the image names",
                hint: "the image is damaged, or somebody has changed it")
        }
        return bytes
    }

    /// Checks that the part is there and as long as the descriptor says; what reads it checks its digest.
    func requirePresent(in layout: borrowing OwnedDescriptor) throws(RuntimeError) {
        try during(path) { _ = try open(in: layout) }
    }

    private func open(in layout: borrowing OwnedDescriptor) throws -> OwnedDescriptor {
        // An archive that somebody has unpacked may have links in it; none leads out of the layout.
        let file = try OwnedDescriptor.open(at: layout, path, [.nonBlocking], resolve: [.beneath, .noMagicLinks])
        let status = try file.status()
        guard status.kind == .regular else { throw RuntimeError(.invalidBundle, "it is not a file") }
        guard status.size == size else {
            throw RuntimeError(.invalidBundle, "it has \(status.size) bytes, and the image names \(size)")
        }
        return file
    }
}

extension JSONValue {
    /// An error about a member.
    func fault(_ key: String, _ message: String) -> RuntimeError {
        let value = self[key] ?? self
        return RuntimeError(.invalidBundle, "\(path(of: key)): \(message) (line \(value.line))")
    }

    /// A member that is a text; nil where it is absent, null or empty.
    func text(_ key: String) throws(RuntimeError) -> String? {
        guard let member = self[key], !member.isNull else { return nil }
        guard let text = member.string else { throw fault(key, "expected a string") }
        // The kernel would take it as a C string, cut short.
        if text.utf8.contains(0) { throw fault(key, "the string contains a zero byte") }
        return text.isEmpty ? nil : text
    }

    /// A member that is a text and has to be there.
    func requiredText(_ key: String) throws(RuntimeError) -> String {
        guard let text = try text(key) else { throw fault(key, "required, and missing") }
        return text
    }

    /// A member that is an array of texts; empty where it is absent or null.
    func texts(_ key: String) throws(RuntimeError) -> [String] {
        guard let member = self[key], !member.isNull else { return [] }
        guard member.kind == .array else { throw fault(key, "expected an array of strings") }
        var texts: [String] = []
        for element in member.elements {
            guard let text = element.string, !text.utf8.contains(0) else {
                throw fault(key, "expected an array of strings without zero bytes")
            }
            texts.append(text)
        }
        return texts
    }
}

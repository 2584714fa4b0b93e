import Digests
import Foundation

/// An OCI layout made by hand, whose every word a test may change.
final class LayoutFixture {
    let path: String
    /// The configuration's text.
    var config = #"{"os": "linux", "architecture": "amd64", "config": {"Cmd": ["sh"]}}"#
    /// What the manifest says of itself.
    var manifestType = "application/vnd.oci.image.manifest.v1+json"
    /// The layers' contents.
    var layers = ["one"]

    init() throws {
        path = NSTemporaryDirectory() + "mvrun-layout-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        try FileManager.default.createDirectory(atPath: "\(path)/blobs/sha256", withIntermediateDirectories: true)
        try write("oci-layout", #"{"imageLayoutVersion": "1.0.0"}"#)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file.
    func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
    }

    /// Adds a blob, and returns its digest.
    func add(_ text: String) throws -> String {
        let digest = Digest(of: Array(text.utf8)[...]).hexadecimal
        try write("blobs/sha256/\(digest)", text)
        return digest
    }

    /// A descriptor's text.
    func descriptor(_ type: String, _ digest: String, _ size: Int, _ more: String = "") -> String {
        #"{"mediaType": "\#(type)", "digest": "sha256:\#(digest)", "size": \#(size)\#(more)}"#
    }

    /// Adds the image, and returns its manifest's digest and size.
    func addImage() throws -> (digest: String, size: Int) {
        let config = try add(config)
        let parts = try layers.map { layer in
            descriptor("application/vnd.oci.image.layer.v1.tar", try add(layer), layer.utf8.count)
        }
        let text = """
            {"schemaVersion": 2, "config": \(descriptor("c", config, self.config.utf8.count)),
             "layers": [\(parts.joined(separator: ", "))]}
            """
        return (try add(text), text.utf8.count)
    }

    /// Writes index.json: entries as they are.
    func index(_ entries: String...) throws {
        try write("index.json", #"{"schemaVersion": 2, "manifests": [\#(entries.joined(separator: ", "))]}"#)
    }

    /// What an entry of an index has of a tag.
    static func tag(_ name: String) -> String {
        #", "annotations": {"org.opencontainers.image.ref.name": "\#(name)"}"#
    }

    /// What an entry of an index has of a platform.
    static func platform(_ architecture: String) -> String {
        #", "platform": {"os": "linux", "architecture": "\#(architecture)"}"#
    }

    /// The whole layout with its one image under `latest`.
    func finish() throws {
        let image = try addImage()
        try index(descriptor(manifestType, image.digest, image.size, Self.tag("latest")))
    }
}

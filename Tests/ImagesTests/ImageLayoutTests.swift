import Diagnostics
import Foundation
import Testing

@testable import Images

@Suite struct ImageLayoutTests {
    private func fault(_ layout: LayoutFixture, tag: String? = nil) -> RuntimeError? {
        do throws(RuntimeError) {
            _ = try Image(tag, inLayout: layout.path)
            return nil
        } catch {
            return error
        }
    }

    // MARK: Bad input first

    @Test func aDigestThatLeadsOutOfTheLayoutIsNone() throws {
        for digest in [
            "../../../../etc/passwd", String(repeating: "A", count: 64), "", String(repeating: "0", count: 63),
        ] {
            let layout = try LayoutFixture()
            try layout.index(layout.descriptor(layout.manifestType, digest, 1))
            #expect(
                fault(layout)?.description.contains("is not sha256: and 64 hexadecimal digits") == true, "\(digest)")
        }
        let other = try LayoutFixture()
        try other.index(#"{"mediaType": "m", "digest": "sha512:00", "size": 1}"#)
        #expect(
            fault(other)?.description == "index.json: manifests[0].digest: \"sha512:00\" is not sha256: "
                + "and 64 hexadecimal digits (line 1)")
    }

    @Test func contentThatIsNotWhatItsDigestSaysIsRefused() throws {
        let layout = try LayoutFixture()
        let image = try layout.addImage()
        try layout.index(layout.descriptor(layout.manifestType, image.digest, image.size))
        let file = "\(layout.path)/blobs/sha256/\(image.digest)"
        var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
        bytes[bytes.count - 1] = UInt8(ascii: " ")
        try bytes.write(to: URL(fileURLWithPath: file))
        #expect(fault(layout)?.description.contains("its content is another one than the image names") == true)
    }

    @Test(arguments: [0, 1, 1 << 40, Int.max]) func aSizeThatIsNotTheFilesIsRefused(size: Int) throws {
        let layout = try LayoutFixture()
        let image = try layout.addImage()
        try layout.index(layout.descriptor(layout.manifestType, image.digest, size))
        #expect(fault(layout)?.description.contains("bytes, and the image names \(size)") == true)
    }

    @Test func aConfigurationThatIsTooLongIsNotRead() throws {
        let layout = try LayoutFixture()
        layout.config =
            #"{"os": "linux", "architecture": "amd64", "author": "\#(String(repeating: "a", count: 1 << 20))"}"#
        try layout.finish()
        #expect(fault(layout)?.description.contains("are more than the 1048576 that it may have") == true)
    }

    @Test func aLayerThatIsMissingIsNamed() throws {
        let layout = try LayoutFixture()
        try layout.finish()
        let layer = try layout.add("one")
        try FileManager.default.removeItem(atPath: "\(layout.path)/blobs/sha256/\(layer)")
        #expect(fault(layout)?.description.contains("blobs/sha256/\(layer): ") == true)
    }

    @Test func aBlobThatIsALinkOutOfTheLayoutIsNotFollowed() throws {
        let layout = try LayoutFixture()
        try layout.finish()
        let layer = "\(layout.path)/blobs/sha256/\(try layout.add("one"))"
        let outside = layout.path + "-outside"
        try FileManager.default.moveItem(atPath: layer, toPath: outside)
        defer { try? FileManager.default.removeItem(atPath: outside) }
        try FileManager.default.createSymbolicLink(atPath: layer, withDestinationPath: outside)
        #expect(fault(layout) != nil)
        // A link within it is as good as the file.
        try FileManager.default.removeItem(atPath: layer)
        try FileManager.default.moveItem(atPath: outside, toPath: "\(layout.path)/inside")
        try FileManager.default.createSymbolicLink(atPath: layer, withDestinationPath: "../../inside")
        #expect(fault(layout) == nil)
    }

    @Test func aBlobThatIsAFIFOIsNotWaitedFor() throws {
        let layout = try LayoutFixture()
        try layout.finish()
        let layer = "\(layout.path)/blobs/sha256/\(try layout.add("one"))"
        try FileManager.default.removeItem(atPath: layer)
        mkfifo(layer, 0o600)
        #expect(fault(layout)?.description.contains("it is not a file") == true)
    }

    @Test func anIndexThatLeadsToIndexesWithoutEndEnds() throws {
        let layout = try LayoutFixture()
        let image = try layout.addImage()
        let type = "application/vnd.oci.image.index.v1+json"
        var inner = layout.descriptor(layout.manifestType, image.digest, image.size)
        for _ in 0..<5 {
            let text = #"{"schemaVersion": 2, "manifests": [\#(inner)]}"#
            inner = layout.descriptor(type, try layout.add(text), text.utf8.count)
        }
        try layout.index(inner)
        #expect(fault(layout)?.description.contains("is not the manifest of an OCI image") == true)
    }

    @Test(arguments: [
        ("oci-layout", #"{"imageLayoutVersion": "2.0"}"#, "the version is not 1.0.0"),
        ("oci-layout", "{", "oci-layout"),
        ("index.json", "[]", "manifests"), ("index.json", #"{"manifests": [{"digest": 1}]}"#, "mediaType"),
        ("index.json", #"{"manifests": [{"mediaType": "m", "digest": 1}]}"#, "digest: expected a string"),
        ("index.json", #"{"manifests": []}"#, "there is no image"),
    ]) func aFileThatIsWrongIsNamed(file: String, text: String, message: String) throws {
        let layout = try LayoutFixture()
        try layout.finish()
        try layout.write(file, text)
        #expect(fault(layout)?.description.contains(message) == true)
    }

    @Test(arguments: [
        (#"{"os": "linux"}"#, "architecture: required, and missing"),
        (#"{"os": "linux", "architecture": "arm64"}"#, "it is for \"linux/arm64\""),
        (#"{"os": "linux", "architecture": "amd64", "config": []}"#, "config: expected an object"),
        (#"{"os": "linux", "architecture": "amd64", "config": {"Env": "A=b"}}"#, "config.Env: expected an array"),
        (#"{"os": "linux", "architecture": "amd64", "config": {"Cmd": ["a\u0000b"]}}"#, "without zero bytes"),
        (#"{"os": "linux", "architecture": "amd64", "config": {"Labels": {"a": 1}}}"#, "config.Labels: expected"),
        (#"{"os": "linux", "architecture": "amd64", "config": {"User": 0}}"#, "config.User: expected a string"),
    ]) func aConfigurationOfOtherTypesIsNamedByItsField(text: String, message: String) throws {
        let layout = try LayoutFixture()
        layout.config = text
        try layout.finish()
        #expect(fault(layout)?.description.contains(message) == true, "\(String(describing: fault(layout)))")
    }

    // MARK: Choosing

    @Test func theTagChoosesAndTheOnlyImageNeedsNone() throws {
        let layout = try LayoutFixture()
        try layout.finish()
        #expect(try Image(nil, inLayout: layout.path).config.cmd == ["sh"])
        #expect(fault(layout, tag: "other")?.hint == "there are: latest")
        let one = try layout.addImage()
        layout.config = #"{"os": "linux", "architecture": "amd64", "config": {"Cmd": ["two"]}}"#
        let two = try layout.addImage()
        try layout.index(
            layout.descriptor(layout.manifestType, one.digest, one.size, LayoutFixture.tag("one")),
            layout.descriptor(layout.manifestType, two.digest, two.size, LayoutFixture.tag("two")))
        #expect(fault(layout)?.hint == "there are: one, two")
        #expect(try Image("two", inLayout: layout.path).config.cmd == ["two"])
    }

    @Test func ofSeveralSystemsOursIsTaken() throws {
        let layout = try LayoutFixture()
        let image = try layout.addImage()
        let other = layout.descriptor(
            layout.manifestType, String(repeating: "0", count: 64), 1, LayoutFixture.platform("arm64"))
        let own = layout.descriptor(layout.manifestType, image.digest, image.size, LayoutFixture.platform("amd64"))
        let text = #"{"schemaVersion": 2, "manifests": [\#(other), \#(own)]}"#
        let type = "application/vnd.oci.image.index.v1+json"
        try layout.index(layout.descriptor(type, try layout.add(text), text.utf8.count, LayoutFixture.tag("web")))
        #expect(try Image("web", inLayout: layout.path).manifest.digest == image.digest)
        let none = #"{"schemaVersion": 2, "manifests": [\#(other)]}"#
        try layout.index(layout.descriptor(type, try layout.add(none), none.utf8.count))
        #expect(fault(layout)?.description.contains("there is no image for linux/amd64, only for linux/arm64") == true)
    }

    @Test func theIndexThatIsMadeLeadsToTheImageThatWasChecked() throws {
        let layout = try LayoutFixture()
        try layout.finish()
        let image = try Image(nil, inLayout: layout.path)
        try Data(image.index(tag: "image")).write(to: URL(fileURLWithPath: "\(layout.path)/index.json"))
        #expect(try Image("image", inLayout: layout.path).manifest.digest == image.manifest.digest)
    }
}

import Foundation
import TestSupport
import Testing

/// An OCI layout made by tar and sha256sum, and a cache of its own for what is unpacked.
final class ImageFixture {
    /// Its root file system is what the image has in it; its state directory and its name serve the containers.
    let bundle: TemporaryBundle
    /// The layout.
    var layout: String { bundle.path("layout") }
    /// Where unpacked images are kept.
    var cache: String { bundle.path("cache") }

    /// Makes the image, with `latest` for its tag.
    ///
    /// - Parameters:
    ///   - config: what `config` says, JSON.
    ///   - prepare: a script that changes the root file system, `$1`, before it is packed.
    ///   - pack: options of tar.
    init(
        config: String = #"{"Cmd": ["/bin/sh"]}"#, prepare: String = "", pack: String = ".",
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        bundle = try TemporaryBundle(sourceLocation: sourceLocation)
        let script = """
            root=$1 layout=$2
            mkdir -p "$layout/blobs/sha256" && cd "$root"
            \(prepare)
            add() { set -- "$1" "$(sha256sum < "$1" | cut -c 1-64)"; mv "$1" "$layout/blobs/sha256/$2"; echo "$2"; }
            # 1: the number of links to busybox has changed, as other tests come and go.
            tar -cf "$layout/layer" \(pack) || [ $? = 1 ]
            difference=$(sha256sum < "$layout/layer" | cut -c 1-64)
            gzip -1 "$layout/layer" && layerSize=$(stat -c %s "$layout/layer.gz")
            layer=$(add "$layout/layer.gz")
            printf '{"os":"linux","architecture":"amd64","config":%s,"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
                "$3" "$difference" > "$layout/config" && configSize=$(stat -c %s "$layout/config")
            config=$(add "$layout/config")
            type=application/vnd.oci.image
            printf '{"schemaVersion":2,"config":{"mediaType":"%s.config.v1+json","digest":"sha256:%s","size":%d},' \
                $type "$config" "$configSize" > "$layout/manifest"
            printf '"layers":[{"mediaType":"%s.layer.v1.tar+gzip","digest":"sha256:%s","size":%d}]}' \
                $type "$layer" "$layerSize" >> "$layout/manifest" && manifestSize=$(stat -c %s "$layout/manifest")
            manifest=$(add "$layout/manifest")
            printf '{"imageLayoutVersion":"1.0.0"}' > "$layout/oci-layout"
            printf '{"schemaVersion":2,"manifests":[{"mediaType":"%s.manifest.v1+json","digest":"sha256:%s","size":%d,' \
                $type "$manifest" "$manifestSize" > "$layout/index.json"
            printf '"annotations":{"org.opencontainers.image.ref.name":"latest"}}]}' >> "$layout/index.json"
            echo "$layer"
            """
        let made = try ChildProcess.run(["sh", "-ec", script, "sh", bundle.rootfs, bundle.path("layout"), config])
        try #require(made.succeeded, "\(made)", sourceLocation: sourceLocation)
        layer = made.line
    }

    /// The digest of the one layer.
    private(set) var layer = ""

    /// The arguments of `run --image`.
    func running(_ command: [String] = [], image: String? = nil, options: [String] = [], id: String? = nil) -> [String]
    {
        ["run"] + RuntimeUnderTest.current.isolationOptions + ["--image-cache", cache, "--image", image ?? layout]
            + options + [id ?? bundle.identifier] + (command.isEmpty ? [] : ["--"] + command)
    }

    /// Runs the image in the foreground.
    func run(_ command: String..., image: String? = nil, options: [String] = []) throws -> Outcome {
        try bundle.call(running(command, image: image, options: options), timeout: 180)
    }

    /// What is in the cache, without locks and names of archives.
    var cached: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: cache)) ?? []).filter {
            $0 != "lock" && !$0.hasSuffix(".lock") && !$0.hasPrefix("source.")
        }.sorted()
    }

    /// Says what a container has left: mounts, and places in the cache beside the image.
    var remains: String {
        let places = cached.filter { $0.contains(".") }
        let mounts = MountTable.current().entries.map(\.point).filter { $0.hasPrefix(cache) }
        return (places + mounts).joined(separator: ", ")
    }
}

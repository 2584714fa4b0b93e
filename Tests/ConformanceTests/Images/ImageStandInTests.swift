import Foundation
import TestSupport
import Testing

/// Images where umoci is played by tar: what is mvrun's own is tested where the tools are not installed.
@Suite(.requires(.root, .mvrun)) struct ImageStandInTests {
    /// An image of one layer, and a program named umoci that unpacks it.
    private func image(config: String) throws -> ImageFixture {
        let image = try ImageFixture(config: config)
        let tools = try image.bundle.folder("tools")
        let script = """
            #!/usr/bin/sh
            PATH=/usr/bin
            export PATH
            mkdir /target/rootfs && exec /usr/bin/tar -C /target/rootfs -xzf /image/blobs/sha256/\(image.layer)
            """
        try makeProgram(at: "\(tools)/umoci", script)
        image.bundle.environment = ["PATH": "\(tools):/usr/sbin:/usr/bin:/sbin:/bin"]
        return image
    }

    @Test func anImageRunsAndLeavesNothingButItself() throws {
        let image = try image(config: #"{"Entrypoint": ["/bin/sh", "-c"], "Cmd": ["id -u; pwd"], "User": "1000"}"#)
        for command in [[], ["echo > /tmp/made && id -u && pwd"]] {
            let outcome = try image.bundle.call(image.running(command), timeout: 180)
            #expect(outcome.succeeded && outcome.output == "1000\n/\n", "\(outcome)")
        }
        #expect(image.remains == "" && image.cached.count == 1)
        try image.bundle.succeed("gc", "--image-cache", image.cache)
        #expect(image.cached.isEmpty)
    }

    @Test func anImageBecomesABundle() throws {
        let image = try image(config: #"{"Cmd": ["/bin/true"], "Labels": {"run.oci.handler": "krun"}}"#)
        let place = image.bundle.path("made")
        let outcome = try image.bundle.call(["bundle", "--image-cache", image.cache, image.layout, place])
        #expect(outcome.succeeded && outcome.errors.contains("label run.oci.handler is ignored"), "\(outcome)")
        #expect(try names(in: place) == ["config.json", "rootfs"])
        #expect(try image.bundle.call(["check", place]).succeeded)
    }
}

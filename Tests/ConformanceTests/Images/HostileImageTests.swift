import Foundation
import TestSupport
import Testing

/// Images that attack whoever unpacks or runs them.
@Suite(.requires(.root, .mvrun)) struct HostileImageTests {
    /// Runs an image that is to be refused, and leaves nothing.
    private func refusal(_ image: ImageFixture) throws -> String {
        let outcome = try image.run("/bin/true")
        #expect(outcome.code == 125, "\(outcome)")
        #expect(image.cached.isEmpty && image.remains == "")
        let place = image.bundle.path("made")
        let made = try image.bundle.call(["bundle", "--image-cache", image.cache, image.layout, place])
        #expect(made.code == 1 && !FileManager.default.fileExists(atPath: place), "\(made)")
        return outcome.errors
    }

    @Test func aManifestThatIsOutsideIsNotRead() throws {
        let image = try ImageFixture()
        let index = "\(image.layout)/index.json"
        let text = try String(contentsOfFile: index, encoding: .utf8)
        try onHost("printf secret > '\(image.bundle.path("secret"))'")
        let path = "../../../secret"
        let changed = text.replacing(/sha256:[0-9a-f]{64}/, with: "sha256:\(path)")
        try changed.write(toFile: index, atomically: true, encoding: .utf8)
        #expect(try refusal(image).contains("is not sha256: and 64 hexadecimal digits"))
    }

    @Test(.requires(.program("umoci"))) func aLayerThatWasChangedIsNotKept() throws {
        let image = try ImageFixture()
        let layer = "\(image.layout)/blobs/sha256/\(image.layer)"
        // The last byte of the length that gzip notes, so that everything before it unpacks.
        try onHost(
            "size=$(stat -c %s '\(layer)'); printf x | dd of='\(layer)' bs=1 seek=$((size - 1)) conv=notrunc 2>&1")
        #expect(try refusal(image).contains("unpack the image: umoci ended with status 1"))
        // Another layer under this one's name, which unpacks without a fault.
        try onHost("echo other > /tmp/$$; tar -C /tmp -czf '\(layer)' $$; rm /tmp/$$")
        #expect(try refusal(image).contains("bytes, and the image names"))
    }

    @Test(.requires(.program("umoci"))) func aConfigurationOfAbsurdSizeIsNotRead() throws {
        let long = String(repeating: "a", count: 1 << 20)
        // Longer than an argument may be.
        let image = try ImageFixture()
        let text = #"{"os":"linux","architecture":"amd64","author":"\#(long)"}"#
        try text.write(toFile: "\(image.layout)/config", atomically: true, encoding: .utf8)
        let script = """
            cd "$1"; old=$(ls blobs/sha256)
            manifest=$(grep -o 'sha256:[0-9a-f]*' index.json | cut -c 8-)
            config=$(sha256sum < config | cut -c 1-64); cp config "blobs/sha256/$config"
            sed "s/\\"config\\":{[^}]*}/\\"config\\":{\\"mediaType\\":\\"c\\",\\"digest\\":\\"sha256:$config\\",\\"size\\":$(stat -c %s config)}/" \
                "blobs/sha256/$manifest" > manifest
            new=$(sha256sum < manifest | cut -c 1-64); size=$(stat -c %s manifest); cp manifest "blobs/sha256/$new"
            sed -i "s/$manifest/$new/; s/\\"size\\":[0-9]*/\\"size\\":$size/" index.json
            """
        let made = try ChildProcess.run(["sh", "-ec", script, "sh", image.layout])
        try #require(made.succeeded, "\(made)")
        #expect(try refusal(image).contains("are more than the 1048576 that it may have"))
    }

    @Test(.requires(.program("umoci")), arguments: ["/etc/passwd", "../../../../../../../../etc/passwd"])
    func accountsThatAreALinkAreNotTheHosts(target: String) throws {
        let prepare = "rm etc/passwd && ln -s \(target) etc/passwd"
        let image = try ImageFixture(config: #"{"User": "daemon"}"#, prepare: prepare)
        let outcome = try image.run("/bin/true")
        #expect(outcome.code == 125 && outcome.errors.contains("/etc/passwd"), "\(outcome)")
        #expect(image.remains == "")
        let place = image.bundle.path("made")
        #expect(try !image.bundle.call(["bundle", "--image-cache", image.cache, image.layout, place]).succeeded)
        #expect(!FileManager.default.fileExists(atPath: place))
    }

    @Test(.requires(.program("umoci"), .container)) func labelsWeakenNothing() throws {
        let labels = #"""
            {"dev.mvrun.isolation": "container", "run.oci.hooks.stdout": "/tmp/x", "dev.mvrun.vm.fs.dax": "512",
             "org.systemd.property.DevicePolicy": "'auto'", "harmless": "kept"}
            """#
        let image = try ImageFixture(config: #"{"Labels": \#(labels)}"#)
        let place = image.bundle.path("made")
        let made = try image.bundle.call(
            ["bundle", "--isolation", "vm", "--image-cache", image.cache, image.layout, place])
        #expect(made.succeeded && made.errors.contains("the image's label run.oci.hooks.stdout is ignored"), "\(made)")
        let spec = try JSON(parsing: String(contentsOfFile: "\(place)/config.json", encoding: .utf8))
        #expect(spec.annotations["dev.mvrun.isolation"] == "vm" && spec.annotations["harmless"] == "kept")
        for key in ["run.oci.hooks.stdout", "dev.mvrun.vm.fs.dax", "org.systemd.property.DevicePolicy"] {
            #expect(spec.annotations[key] == .null)
        }
    }

    @Test(.requires(.program("umoci"), .container)) func aLabelMayAskForAVirtualMachineAndIsHeard() throws {
        let image = try ImageFixture(config: #"{"Labels": {"dev.mvrun.isolation": "vm"}}"#)
        let words = ["run", "--kernel", "/nothing", "--image-cache", image.cache, "--image", image.layout]
        let outcome = try image.bundle.call(words + [image.bundle.identifier, "--", "/bin/true"])
        // Whatever keeps it from one here: it is not run as a container.
        #expect(outcome.code == 125, "\(outcome)")
        #expect(image.remains == "")
        // The user's word goes before it.
        #expect(try image.run("/bin/true", options: ["--isolation", "container"]).succeeded)
    }

    /// In a guest they are those of its own kernel.
    @Test(.requires(.container, .program("umoci"))) func devicesOfAnImageOpenNothing() throws {
        let image = try ImageFixture(prepare: "mknod null c 1 3 && mknod disk b 7 0 && chmod 666 null disk")
        let outcome = try image.run("/bin/sh", "-c", "cat /null; cat /disk; echo > /null")
        #expect(!outcome.succeeded, "\(outcome)")
        #expect(outcome.errors.contains("ermission denied") || outcome.errors.contains("ot permitted"), "\(outcome)")
    }

    @Test(.requires(.program("umoci"))) func aLayerThatLeadsOutOfTheRootStaysInIt() throws {
        // One entry goes up, the other through a link that a layer has made before.
        let target = "/tmp/mvt-escape-\(getpid())"
        let prepare = """
            ln -s /tmp out; mkdir up; echo bad > up/evil; echo bad > evil
            """
        let pack = """
            --transform 's,^\\./up/evil$,../../../../../../../../..\(target)-up,' \
            --transform 's,^\\./evil$,./out\((target as NSString).lastPathComponent.isEmpty ? "" : "/\((target as NSString).lastPathComponent)-link"),' \
            -P ./bin ./etc ./out ./up/evil ./evil
            """
        let image = try ImageFixture(prepare: prepare, pack: pack)
        defer { _ = try? onHost("rm -f '\(target)-up' '\(target)-link'") }
        let listed = try onHost("tar -tPzf '\(image.layout)/blobs/sha256/\(image.layer)'")
        try #require(
            listed.contains("../../\(target.dropFirst())-up") || listed.contains("..\(target)-up"), "\(listed)")
        try #require(listed.contains("./out/"), "\(listed)")
        _ = try image.run("/bin/true")
        for suffix in ["-up", "-link"] { #expect(!FileManager.default.fileExists(atPath: target + suffix)) }
        #expect(image.remains == "")
    }

    /// What overlayfs keeps in attributes of its layers: an image must not be able to make it look elsewhere.
    @Test(.requires(.program("umoci"), .program("setfattr"), .mappableFiles))
    func attributesOfAnOverlayRedirectNothing() throws {
        let prepare = """
            mkdir hidden link; echo secret > hidden/file
            setfattr -n trusted.overlay.redirect -v /hidden link
            setfattr -n trusted.overlay.opaque -v y hidden
            """
        let image = try ImageFixture(prepare: prepare, pack: "--xattrs --xattrs-include='*' .")
        let outcome = try image.run("/bin/sh", "-c", "ls /link; cat /hidden/file")
        #expect(outcome.output == "secret\n", "\(outcome)")
    }

    /// What a layer that takes umoci over would find: an umoci that looks around.
    @Test func whatUnpacksAnImageReachesNothingOfTheHosts() throws {
        let image = try ImageFixture()
        let tools = try image.bundle.folder("tools")
        let script = """
            #!/usr/bin/sh
            PATH=/usr/bin
            export PATH
            mkdir /target/rootfs
            exec > /target/rootfs/report 2>&1
            echo root $(ls /)
            grep -E 'CapEff|CapInh|CapAmb|NoNewPrivs' /proc/self/status
            echo links $(ls /sys/class/net /proc/sys/net/ipv4/conf 2> /dev/null) $(grep -c : /proc/net/dev)
            echo processes $(ls -d /proc/[0-9]* | wc -l)
            for file in /umoci /usr/made /layout/made /image/made /made /proc/sys/kernel/printk_ratelimit; do
              echo > $file && echo wrote $file
            done
            for place in /target /dev /tmp; do
              mknod $place/node c 1 3 && echo > $place/node && echo opened $place/node
            done
            cp /usr/bin/true /target/program && /target/program && echo ran
            rm -f /target/node /target/program
            exit 0
            """
        try makeProgram(at: "\(tools)/umoci", script)
        image.bundle.environment = ["PATH": "\(tools):/usr/sbin:/usr/bin:/sbin:/bin"]
        let place = image.bundle.path("made")
        try image.bundle.succeed("bundle", "--image-cache", image.cache, image.layout, place)
        let report = try String(contentsOfFile: "\(place)/rootfs/report", encoding: .utf8)
        let root = try #require(report.split(separator: "\n").first { $0.hasPrefix("root ") })
        let names = Set(root.split(separator: " ").dropFirst())
        #expect(
            names.isSubset(of: ["dev", "image", "layout", "lib", "lib64", "proc", "target", "tmp", "umoci", "usr"]))
        // CHOWN, DAC_OVERRIDE, FOWNER, FSETID, MKNOD and SETFCAP.
        #expect(report.contains("CapEff:\t000000008800001b") && report.contains("NoNewPrivs:\t1"), "\(report)")
        #expect(report.contains("CapInh:\t0000000000000000") && report.contains("CapAmb:\t0000000000000000"))
        #expect(!report.contains("wrote") && !report.contains("opened") && !report.contains("\nran"), "\(report)")
    }
}

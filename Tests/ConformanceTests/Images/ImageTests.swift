import Foundation
import TestSupport
import Testing

/// `bundle` and `run --image`, in either isolation.
@Suite(.requires(.root, .mvrun, .program("umoci"))) struct ImageTests {
    private static let config = #"""
        {"Entrypoint": ["/bin/sh", "-c"], "Cmd": ["echo $GREETING; pwd; id -u; id -G; exit 7"], "User": "user",
         "Env": ["GREETING=hello"], "WorkingDir": "/home", "StopSignal": "SIGQUIT", "Labels": {"a.b": "c"}}
        """#

    // MARK: bundle

    @Test func anImageBecomesABundleThatRuns() throws {
        let image = try ImageFixture(config: Self.config)
        let bundle = image.bundle.path("made")
        let made = try image.bundle.call(["bundle", "--image-cache", image.cache, image.layout, bundle])
        try #require(made.succeeded && made.output.isEmpty, "\(made)")
        let text = try String(contentsOfFile: "\(bundle)/config.json", encoding: .utf8)
        var spec = try JSON(parsing: text)
        #expect(spec.process.user == ["uid": 1000, "gid": 1000, "additionalGids": [2000]])
        #expect(spec.annotations["org.opencontainers.image.stopSignal"] == "SIGQUIT" && spec.annotations["a.b"] == "c")
        #expect(try names(in: bundle) == ["config.json", "rootfs"] && image.cached.isEmpty)
        #expect(try FileManager.default.attributesOfItem(atPath: bundle)[.posixPermissions] as? Int == 0o700)
        spec.process.terminal = false
        try spec.description.write(toFile: "\(bundle)/config.json", atomically: true, encoding: .utf8)
        let options = RuntimeUnderTest.current.isolationOptions
        let outcome = try image.bundle.call(["run"] + options + ["-b", bundle, image.bundle.identifier], timeout: 180)
        #expect(outcome.code == 7 && outcome.output == "hello\n/home\n1000\n1000 2000\n", "\(outcome)")
    }

    @Test func aDirectoryThatIsNotEmptyStaysAsItIs() throws {
        let image = try ImageFixture()
        let place = try image.bundle.folder("taken", ["kept": "kept"])
        let outcome = try image.bundle.call(["bundle", image.layout, place])
        #expect(outcome.code == 1 && outcome.errors.contains("is not empty"), "\(outcome)")
        #expect(try names(in: place) == ["kept"])
        let empty = try image.bundle.folder("empty")
        try image.bundle.succeed("bundle", "--image-cache", image.cache, "--isolation", "vm", image.layout, empty)
        let spec = try JSON(parsing: String(contentsOfFile: "\(empty)/config.json", encoding: .utf8))
        #expect(spec.annotations["dev.mvrun.isolation"] == "vm")
    }

    @Test(.requires(.program("setpriv"))) func anOrdinaryUserMakesABundleAndRunsAnImage() throws {
        let image = try ImageFixture(config: #"{"Cmd": ["/bin/sh", "-c", "id -u; echo x > /made; cat /made"]}"#)
        let home = try image.bundle.folder("home")
        for path in [home, image.bundle.stateRoot] { _ = try onHost("chown 1000:1000 '\(path)'") }
        image.bundle.wrapper = ["setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups", "--inh-caps=-all"]
        image.bundle.environment = [
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "XDG_RUNTIME_DIR": home, "HOME": home,
        ]
        let made = try image.bundle.call(["bundle", "--rootless", image.layout, "\(home)/made"])
        try #require(made.succeeded, "\(made)")
        let spec = try JSON(parsing: String(contentsOfFile: "\(home)/made/config.json", encoding: .utf8))
        #expect(spec.linux.uidMappings[0].hostID == 1000)
        let words = ["run"] + RuntimeUnderTest.current.isolationOptions + ["--image", image.layout]
        let outcome = try image.bundle.call(words + [image.bundle.identifier], timeout: 180)
        #expect(outcome.succeeded && outcome.output == "0\nx\n", "\(outcome)")
        #expect(try names(in: "\(home)/.cache/mvrun/images") == ["lock"])
    }

    // MARK: run

    @Test func anImageRunsAndLeavesNothingButItselfForTheNextTime() throws {
        let image = try ImageFixture(config: Self.config)
        let outcome = try image.run()
        #expect(outcome.code == 7 && outcome.output == "hello\n/home\n1000\n1000 2000\n", "\(outcome)")
        #expect(image.remains == "" && image.cached.count == 1)
        let script = "ls /tmp; echo $$ > /tmp/made && cat /tmp/made"
        for _ in 0..<2 {
            // What the one has written the other does not find.
            let outcome = try image.run(script)
            #expect(outcome.succeeded && outcome.output == "1\n", "\(outcome)")
        }
        #expect(image.remains == "" && image.cached.count == 1)
        let kept = "\(image.cache)/\(image.cached[0])/rootfs/tmp"
        #expect(try names(in: kept).isEmpty)
    }

    @Test func anImageRunsWithoutANameForItsContainer() throws {
        let image = try ImageFixture()
        let words = ["run"] + RuntimeUnderTest.current.isolationOptions + ["--image-cache", image.cache]
        let outcome = try image.bundle.call(words + ["--image", image.layout, "--", "/bin/echo", "hi"], timeout: 180)
        #expect(outcome.succeeded && outcome.line == "hi" && image.remains == "", "\(outcome)")
        #expect(try names(in: image.bundle.stateRoot).isEmpty)
    }

    @Test func filesBelongToWhomTheImageSays() throws {
        let image = try ImageFixture(prepare: "touch owned && chown 1234:4321 owned && chmod 4755 owned")
        let outcome = try image.run("/bin/stat", "-c", "%u:%g %a", "/owned")
        #expect(outcome.line == "1234:4321 4755", "\(outcome)")
    }

    @Test func aSignalReachesTheProgramOfAnImage() throws {
        let image = try ImageFixture()
        let script = "trap 'exit 9' TERM; echo up; while :; do sleep 0.1; done"
        let words = image.bundle.command(image.running(["/bin/sh", "-c", script]))
        let runner = try ChildProcess(words)
        try #require(runner.read(until: "up\n", timeout: 120) != nil, runner.explanation)
        runner.send(SIGTERM)
        #expect(runner.finish(timeout: 60).status == .exited(9))
        #expect(image.remains == "")
    }

    @Test(.requires(.program("skopeo"))) func imagesOfArchivesAreConvertedOnce() throws {
        let image = try ImageFixture()
        for (form, name) in [("oci-archive", ":web"), ("docker-archive", ":web:1")] {
            let file = image.bundle.path("\(form).tar")
            try onHost("skopeo copy -q 'oci:\(image.layout):latest' '\(form):\(file)\(name)' && sleep 0.1")
            for _ in 0..<2 {
                let outcome = try image.run("/bin/echo", form, image: file)
                #expect(outcome.succeeded && outcome.line == form, "\(outcome)")
            }
        }
        #expect(image.remains == "")
        let sources = try names(in: image.cache).filter { $0.hasPrefix("source.") }
        #expect(sources.count == 2)
        // Found again without skopeo.
        image.bundle.environment = ["PATH": try image.bundle.folder("nothing")]
        image.bundle.environment?["PATH"]? += ":" + (try toolsWithout("skopeo", "umoci", in: image.bundle))
        let outcome = try image.run("/bin/echo", "again", image: image.bundle.path("docker-archive.tar"))
        #expect(outcome.succeeded && outcome.line == "again", "\(outcome)")
    }

    /// A folder with links to all of /usr/bin but for some programs.
    private func toolsWithout(_ missing: String..., in bundle: TemporaryBundle) throws -> String {
        let folder = try bundle.folder("tools")
        try onHost("ln -s /usr/bin/* '\(folder)'; cd '\(folder)'; rm -f \(missing.joined(separator: " "))")
        return folder
    }

    @Test func aMissingToolIsNamedWithItsPackage() throws {
        let image = try ImageFixture()
        image.bundle.environment = ["PATH": try toolsWithout("umoci", "skopeo", in: image.bundle)]
        let outcome = try image.run("/bin/true")
        #expect(outcome.code == 125 && outcome.errors.contains("umoci: executable file not found"), "\(outcome)")
        #expect(outcome.errors.contains("Debian's package umoci"), "\(outcome)")
        let other = try image.run("/bin/true", image: "docker://nothing.invalid/x")
        #expect(other.errors.contains("Debian's package skopeo"), "\(other)")
        #expect(image.cached.isEmpty && image.remains == "")
    }

    @Test(arguments: [
        (["--bundle", "/b"], "--image and --bundle exclude each other"),
        (["--config", "/b"], "--image and --config exclude each other"),
        (["--tag", "other"], "there is no image other"),
    ]) func optionsThatMakeNoSenseTogetherAreRefused(options: [String], message: String) throws {
        let image = try ImageFixture()
        let outcome = try image.run("/bin/true", options: options)
        #expect(!outcome.succeeded && outcome.errors.contains(message), "\(outcome)")
        #expect(image.remains == "")
    }

    // MARK: Many at once, and the killed

    @Test func manyRunsOfOneImageUnpackItOnce() throws {
        let image = try ImageFixture(prepare: "seq 1 100000 > numbers")
        let count = RuntimeUnderTest.current.isolation == .vm ? 2 : 8
        let runners = try (0..<count).map { number in
            let words = image.running(["/bin/tail", "-n", "1", "/numbers"], id: "\(image.bundle.identifier)-\(number)")
            return try ChildProcess(image.bundle.command(words))
        }
        for runner in runners {
            let outcome = runner.finish(timeout: 240)
            #expect(outcome.succeeded && outcome.line == "100000", "\(outcome)")
        }
        #expect(image.remains == "" && image.cached.count == 1)
    }

    private func isRunning(_ image: ImageFixture) throws -> Bool {
        try eventually {
            try image.bundle.call(["state", image.bundle.identifier]).output.contains("\"status\": \"running\"")
        }
    }

    @Test func aContainerOfAnImageLivesOnWithoutItsRunAndGoesWithItsDeletion() throws {
        let image = try ImageFixture()
        let id = image.bundle.identifier
        let runner = try ChildProcess(image.bundle.command(image.running(["/bin/sleep", "1000"])))
        try #require(try isRunning(image), runner.explanation)
        runner.send(SIGKILL)
        _ = runner.finish()
        #expect(try image.bundle.exec("/bin/sh", "-c", "echo x > /made && cat /made").line == "x")
        // It is in use, so it stays, and so does its image.
        #expect(try image.bundle.succeed("gc", "--image-cache", image.cache).output == "")
        #expect(image.cached.count == 2)
        try image.bundle.succeed("delete", "--force", id)
        #expect(image.remains == "" && image.cached.count == 1)
    }

    @Test func gcRemovesWhatAKilledRunHasLeftAndImagesThatNobodyUses() throws {
        let image = try ImageFixture()
        let runner = try ChildProcess(image.bundle.command(image.running(["/bin/sleep", "1000"])))
        try #require(try isRunning(image), runner.explanation)
        runner.send(SIGKILL)
        _ = runner.finish()
        try image.bundle.succeed("kill", image.bundle.identifier, "KILL")
        try #require(try image.bundle.wait(for: "stopped"))
        let outcome = try image.bundle.succeed("gc", "--image-cache", image.cache)
        #expect(outcome.output.contains("the mvrun run that was to delete it was killed"), "\(outcome)")
        #expect(outcome.output.contains("no container uses this image"), "\(outcome)")
        #expect(image.cached.isEmpty && image.remains == "")
    }

    @Test(.requires(.program("timeout"))) func aRunThatIsKilledWhileItUnpacksIsCleanedUp() throws {
        let image = try ImageFixture(prepare: "seq 1 1000000 > numbers")
        for tenths in [0.01, 0.03, 0.06, 0.1, 0.2] {
            let words = image.bundle.command(image.running(["/bin/true"]))
            _ = try ChildProcess.run(["timeout", "-s", "KILL", "\(tenths)"] + words)
            try image.bundle.succeed("delete", "--force", image.bundle.identifier)
            // What unpacks outlives it by what it has left to do, unless gc finds it.
            let isClean = try eventually {
                try image.bundle.succeed("gc", "--image-cache", image.cache)
                return image.remains == "" && image.cached.isEmpty && HostInventory(naming: image.cache).isEmpty
            }
            #expect(isClean, "after \(tenths) s: \(image.remains)")
        }
    }

    @Test func aDetachedContainerOfAnImageIsDeletedAsAnyOther() throws {
        let image = try ImageFixture()
        image.bundle.wrapper = ["sh", "-c", "exec \"$@\" < /dev/null > /dev/null 2>&1", "sh"]
        let made = try image.run("/bin/sleep", "1000", options: ["--detach"])
        image.bundle.wrapper = []
        try #require(made.succeeded, "\(made)")
        #expect(try image.bundle.exec("/bin/echo", "in").line == "in")
        let again = try image.run("/bin/true")
        #expect(again.errors.contains("exists already") && image.cached.count == 2, "\(again)")
        try image.bundle.succeed("delete", "--force", image.bundle.identifier)
        #expect(image.remains == "")
    }

    @Test(.requires(.file("/usr/lib/cni/bridge"), .program("ip"))) func aNetworkOfCNIComesWithIt() throws {
        let image = try ImageFixture()
        let folder = try image.bundle.folder(
            "networks",
            [
                "net.conflist": """
                {"cniVersion": "1.0.0", "name": "mvt-image", "plugins": [
                  {"type": "bridge", "bridge": "mvt-image", "isGateway": true, "ipMasq": false,
                   "ipam": {"type": "host-local", "dataDir": "\(image.bundle.path("leases"))",
                            "ranges": [[{"subnet": "10.97.0.0/24"}]]}}]}
                """
            ])
        defer { _ = try? ChildProcess.run(["ip", "link", "del", "mvt-image"]) }
        var environment = ProcessInfo.processInfo.environment
        environment["NETCONFPATH"] = folder
        image.bundle.environment = environment
        let outcome = try image.run("/bin/ip", "-o", "addr", "show", "eth0", options: ["--network", "cni:mvt-image"])
        #expect(outcome.succeeded && outcome.output.contains("10.97.0.2/24"), "\(outcome)")
        #expect(image.remains == "")
    }
}

import Foundation
import TestSupport
import Testing

/// runtime-spec, config.md, "Root", and config-linux.md, "Rootfs Mount Propagation".
@Suite(.requires(.root)) struct RootfsTests {
    @Test func aReadOnlyRootCannotBeWrittenAndItsMountsCan() throws {
        let bundle = try TemporaryBundle { $0.root.readonly = true }
        bundle.spec.mount("/tmp", type: "tmpfs", source: "tmpfs")
        #expect(try bundle.probe("write", "/etc/new", "x")["open"] == "EROFS")
        #expect(try bundle.probe("write", "/tmp/new", "x")["open"] == "ok")
        #expect(!FileManager.default.fileExists(atPath: "\(bundle.rootfs)/etc/new"))
    }

    @Test func aWritableRootKeepsWhatIsWritten() throws {
        let bundle = try TemporaryBundle()
        #expect(try bundle.shell("echo kept > /etc/new").succeeded)
        #expect(try String(contentsOfFile: "\(bundle.rootfs)/etc/new", encoding: .utf8) == "kept\n")
    }

    @Test func theRootMayBeGivenByAnAbsolutePath() throws {
        let bundle = try TemporaryBundle()
        bundle.spec.root.path = .string(bundle.rootfs)
        #expect(try bundle.run().succeeded)
    }

    @Test func theRootMayBeASymbolicLink() throws {
        let bundle = try TemporaryBundle { $0.root.path = "link" }
        symlink("rootfs", "\(bundle.directory)/link")
        let outcome = try bundle.run()
        #expect(outcome.succeeded, "\(outcome)")
    }

    @Test func aMissingRootIsNamed() throws {
        let bundle = try TemporaryBundle { $0.root.path = "nowhere" }
        expectRefusal(try bundle.run(), naming: "root.path", "nowhere", "no such file or directory")
    }

    @Test func aRootThatIsNoFolderIsNamed() throws {
        let bundle = try TemporaryBundle { $0.root.path = "config.json" }
        expectRefusal(try bundle.run(), naming: "root", "config.json", "not a directory")
    }

    @Test func theHostsRootIsOutOfReach() throws {
        let bundle = try TemporaryBundle()
        let outcome = try bundle.shell("ls /../.. ; ls /proc/1/root/")
        #expect(!outcome.output.contains("boot") && outcome.output.contains("bin"))
    }

    @Test func noPivotChangesTheRootWithoutPivotRoot() throws {
        let bundle = try TemporaryBundle()
        let outcome = try bundle.run(["/bin/ls", "/"], options: ["--no-pivot"])
        #expect(outcome.succeeded && !outcome.output.contains("boot"), "\(outcome)")
    }

    @Test(
        .requires(.sharedRoot),
        arguments: [
            ("shared", "shared:"), ("rshared", "shared:"), ("slave", "master:"), ("rslave", "master:"),
            ("unbindable", "unbindable"),
        ])
    func theRootsPropagationIsTheSpecs(propagation: String, field: String) throws {
        let bundle = try TemporaryBundle { $0.linux.rootfsPropagation = .string(propagation) }
        bundle.prepareMounts("mount --bind \(bundle.directory) \(bundle.directory)", propagation: "shared")
        let root = try #require(try bundle.mountTable()["/"])
        #expect(root.propagation.contains { $0.hasPrefix(field) }, "\(root)")
    }

    @Test(.requires(.sharedRoot), arguments: ["private", "rprivate"]) func aPrivateRootPropagatesNowhere(
        propagation: String
    ) throws {
        let bundle = try TemporaryBundle { $0.linux.rootfsPropagation = .string(propagation) }
        bundle.prepareMounts("mount --bind \(bundle.directory) \(bundle.directory)", propagation: "shared")
        #expect(try bundle.mountTable()["/"]?.propagation == [])
    }

    @Test func anUnknownPropagationIsRefused() throws {
        let bundle = try TemporaryBundle { $0.linux.rootfsPropagation = "sideways" }
        expectRefusal(try bundle.run(), naming: "linux.rootfsPropagation", "sideways")
    }
}

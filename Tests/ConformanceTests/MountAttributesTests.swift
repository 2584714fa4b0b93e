import Foundation
import TestSupport
import Testing

/// runtime-spec, config.md, "Linux mount options".
@Suite(.requires(.root)) struct MountAttributesTests {
    private func options(_ given: [String], type: String = "tmpfs") throws -> MountTable.Entry {
        let bundle = try TemporaryBundle()
        let source = type == "bind" ? try bundle.folder("source") : "none"
        bundle.spec.mount("/mnt", type: type, source: source, options: (type == "bind" ? ["bind"] : []) + given)
        return try #require(try bundle.mountTable()["/mnt"])
    }

    @Test(arguments: ["ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "nosymfollow"], ["tmpfs", "bind"])
    func anAttributeIsSetOnNewAndOnBoundMounts(option: String, type: String) throws {
        #expect(try options([option], type: type).options.contains(option))
    }

    @Test(arguments: [
        ("ro", "rw"), ("nosuid", "suid"), ("nodev", "dev"), ("noexec", "exec"), ("noatime", "atime"),
        ("nodiratime", "diratime"), ("nosymfollow", "symfollow"),
    ])
    func theLastOfTwoOptionsThatContradictWins(set: String, clear: String) throws {
        #expect(try !options([set, clear]).options.contains(set))
        #expect(try options([clear, set]).options.contains(set))
    }

    @Test func strictatimeAndRelatimeAreToldApart() throws {
        #expect(try options(["relatime"]).options.contains("relatime"))
        let strict = try options(["strictatime"]).options
        #expect(!strict.contains("relatime") && !strict.contains("noatime"))
    }

    @Test(arguments: ["sync", "dirsync"]) func anOptionOfTheFileSystemIsSet(option: String) throws {
        #expect(try options([option]).superOptions.contains(option))
    }

    @Test func aReadOnlyBindCannotBeWritten() throws {
        let bundle = try TemporaryBundle()
        let source = try bundle.folder("source")
        bundle.spec.mount("/mnt", type: "bind", source: source, options: ["bind", "ro"])
        #expect(try bundle.probe("write", "/mnt/file", "x")["open"] == "EROFS")
    }

    @Test func nosymfollowKeepsLinksFromBeingFollowed() throws {
        let bundle = try TemporaryBundle()
        let source = try bundle.folder("source", ["target": "x"])
        symlink("target", "\(source)/link")
        bundle.spec.mount("/mnt", type: "bind", source: source, options: ["bind", "nosymfollow"])
        #expect(try bundle.probe("open", "r", "/mnt/link")["/mnt/link"] == "ELOOP")
    }

    @Test(
        .requires(.container),
        arguments: [
            ("rro", "ro"), ("rnosuid", "nosuid"), ("rnodev", "nodev"), ("rnoexec", "noexec"), ("rnoatime", "noatime"),
            ("rnodiratime", "nodiratime"), ("rnosymfollow", "nosymfollow"),
        ])
    func aRecursiveAttributeReachesTheMountsBelow(option: String, attribute: String) throws {
        let bundle = try TemporaryBundle()
        let source = try bundle.folder("tree", ["below/x": ""])
        bundle.prepareMounts("mount -t tmpfs none \(source)/below")
        bundle.spec.mount("/mnt", type: "bind", source: source, options: ["rbind", option])
        let table = try bundle.mountTable()
        #expect(table["/mnt"]?.options.contains(attribute) == true)
        #expect(table["/mnt/below"]?.options.contains(attribute) == true)
    }

    @Test(.requires(.container)) func aPlainAttributeDoesNotReachTheMountsBelow() throws {
        let bundle = try TemporaryBundle()
        let source = try bundle.folder("tree", ["below/x": ""])
        bundle.prepareMounts("mount -t tmpfs none \(source)/below")
        bundle.spec.mount("/mnt", type: "bind", source: source, options: ["rbind", "ro"])
        let table = try bundle.mountTable()
        #expect(table["/mnt"]?.options.contains("ro") == true)
        #expect(table["/mnt/below"]?.options.contains("rw") == true)
    }

    @Test(.requires(.container)) func aRecursiveAttributeIsClearedToo() throws {
        let bundle = try TemporaryBundle()
        let source = try bundle.folder("tree", ["below/x": ""])
        bundle.prepareMounts("mount -t tmpfs -o noexec none \(source)/below")
        bundle.spec.mount("/mnt", type: "bind", source: source, options: ["rbind", "rexec"])
        #expect(try bundle.mountTable()["/mnt/below"]?.options.contains("noexec") == false)
    }

    @Test(.requires(.container)) func aBindKeepsTheAttributesOfItsSource() throws {
        let bundle = try TemporaryBundle()
        let source = try bundle.folder("tree", ["x": ""])
        bundle.prepareMounts("mount -t tmpfs -o nosuid,nodev,noexec none \(source)")
        bundle.spec.mount("/mnt", type: "bind", source: source, options: ["bind", "ro"])
        let options = try #require(try bundle.mountTable()["/mnt"]?.options)
        for option in ["ro", "nosuid", "nodev", "noexec"] { #expect(options.contains(option), "\(options)") }
    }

    @Test(
        .requires(.sharedRoot),
        arguments: [
            ("shared", "shared:"), ("rshared", "shared:"), ("slave", "master:"), ("rslave", "master:"),
            ("unbindable", "unbindable"), ("runbindable", "unbindable"),
        ])
    func theMountPropagationIsTheOneOfTheOption(option: String, field: String) throws {
        let bundle = try TemporaryBundle()
        let source = try bundle.folder("tree", ["below/x": ""])
        bundle.prepareMounts(
            "mount -t tmpfs none \(source); mkdir \(source)/below; mount -t tmpfs none \(source)/below",
            propagation: "shared")
        bundle.spec.linux.rootfsPropagation = option.hasSuffix("shared") ? "shared" : "rslave"
        bundle.spec.mount("/mnt", type: "bind", source: source, options: ["rbind", option])
        let table = try bundle.mountTable()
        #expect(table["/mnt"]?.propagation.contains { $0.hasPrefix(field) } == true)
        // A guest sees one file system with all that is mounted on the host below it.
        if option.hasPrefix("r"), option != "runbindable", RuntimeUnderTest.current.isolation == .container {
            #expect(table["/mnt/below"]?.propagation.contains { $0.hasPrefix(field) } == true)
        }
    }

    @Test(.requires(.sharedRoot)) func aPrivateMountPropagatesNowhere() throws {
        let bundle = try TemporaryBundle()
        let source = try bundle.folder("tree")
        bundle.prepareMounts("mount -t tmpfs none \(source)", propagation: "shared")
        bundle.spec.mount("/mnt", type: "bind", source: source, options: ["rbind", "rprivate"])
        #expect(try bundle.mountTable()["/mnt"]?.propagation == [])
    }
}

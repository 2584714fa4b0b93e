import Diagnostics
import Foundation
import JSON
import Syscalls
import Testing

@testable import Images

/// What of an image goes into a config.json.
@Suite struct ImageProgramTests {
    /// A root file system with accounts, and what an image in it says.
    private final class Root {
        let path = NSTemporaryDirectory() + "mvrun-root-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        init(
            passwd: String? = "root:x:0:0::/:/bin/sh\nweb:x:33:44::/:\nbad:x:one:1::/:\n",
            group: String? = "root:x:0:\nweb:x:44:web\ndisk:x:6:web,root\nlog:x:7:other,web\n"
        ) throws {
            try FileManager.default.createDirectory(atPath: "\(path)/etc", withIntermediateDirectories: true)
            if let passwd { try passwd.write(toFile: "\(path)/etc/passwd", atomically: true, encoding: .utf8) }
            if let group { try group.write(toFile: "\(path)/etc/group", atomically: true, encoding: .utf8) }
        }
        deinit { try? FileManager.default.removeItem(atPath: path) }

        func program(_ inner: String, command: [String] = []) throws -> ImageProgram {
            let text = #"{"os": "linux", "architecture": "amd64", "created": "2026", "config": \#(inner)}"#
            let config = try ImageConfig(JSONDocument(reading: Array(text.utf8), limit: 1 << 20).root)
            return try ImageProgram(config, command: command, in: OwnedDescriptor.open(path, [.path, .directory]))
        }

        func user(_ text: String) throws -> ImageUser { try program(#"{"User": "\#(text)"}"#).user }
    }

    // MARK: Users

    @Test(arguments: [
        ("nobody", "there is no user \"nobody\""), ("bad", "there is no user \"bad\""),
        ("web:none", "there is no group \"none\""), ("4294967295", "no user or group id"),
        ("99999999999999999999", "no user or group id"), ("0:4294967295", "no user or group id"),
        ("-1", "there is no user \"-1\""), (":none", "there is no group"),
    ]) func aUserThatIsNoneIsNamed(text: String, message: String) throws {
        let root = try Root()
        #expect { _ = try root.user(text) } throws: { "\($0)".contains(message) }
    }

    @Test(arguments: ["/etc/passwd", "../../../../../../../../etc/passwd", "/proc/self/root/etc/passwd"])
    func accountsOfTheHostAreNotTheImages(target: String) throws {
        let root = try Root(passwd: nil)
        try FileManager.default.createSymbolicLink(atPath: "\(root.path)/etc/passwd", withDestinationPath: target)
        // The host has this one.
        #expect { _ = try root.user("daemon") } throws: { _ in true }
    }

    @Test func aDirectoryThatIsALinkToTheHostsIsNotEntered() throws {
        let root = try Root()
        try FileManager.default.removeItem(atPath: "\(root.path)/etc")
        try FileManager.default.createSymbolicLink(atPath: "\(root.path)/etc", withDestinationPath: "/etc")
        #expect { _ = try root.user("daemon") } throws: { _ in true }
    }

    @Test func accountsThatAreAFIFOAreNotWaitedFor() throws {
        let root = try Root(passwd: nil)
        mkfifo("\(root.path)/etc/passwd", 0o644)
        #expect { _ = try root.user("web") } throws: { "\($0)".contains("the image's /etc/passwd") }
    }

    @Test func accountsWithoutEndAreRefused() throws {
        let root = try Root(passwd: nil)
        FileManager.default.createFile(atPath: "\(root.path)/etc/passwd", contents: nil)
        truncate("\(root.path)/etc/passwd", 1 << 40)
        #expect { _ = try root.user("web") } throws: { "\($0)".contains("the image's /etc/passwd") }
    }

    @Test(arguments: [
        ("", ImageUser(userID: 0, groupID: 0, additionalGroups: [6])),
        ("web", ImageUser(userID: 33, groupID: 44, additionalGroups: [6, 7])),
        ("33", ImageUser(userID: 33, groupID: 44, additionalGroups: [6, 7])),
        ("web:", ImageUser(userID: 33, groupID: 44, additionalGroups: [6, 7])),
        ("web:log", ImageUser(userID: 33, groupID: 7)), ("web:0", ImageUser(userID: 33, groupID: 0)),
        ("1000", ImageUser(userID: 1000, groupID: 0)), ("1000:1000", ImageUser(userID: 1000, groupID: 1000)),
    ]) func aUserIsResolvedByTheImagesAccounts(text: String, user: ImageUser) throws {
        #expect(try Root().user(text) == user)
    }

    @Test func anImageWithoutAccountsHasIds() throws {
        let root = try Root(passwd: nil, group: nil)
        #expect(try root.user("7:8") == ImageUser(userID: 7, groupID: 8))
        #expect(try root.user("") == ImageUser())
        #expect { _ = try root.user("root") } throws: { _ in true }
    }

    // MARK: Program

    @Test func theEntrypointStaysAndTheCommandReplacesTheRest() throws {
        let inner =
            #"{"Entrypoint": ["/init", "-x"], "Cmd": ["serve"], "WorkingDir": "/srv", "Env": ["A=b", "PATH=/p"]}"#
        let root = try Root()
        let program = try root.program(inner)
        #expect(program.arguments == ["/init", "-x", "serve"])
        #expect(program.workingDirectory == "/srv" && program.environment == ["A=b", "PATH=/p"])
        #expect(try root.program(inner, command: ["one", "two"]).arguments == ["/init", "-x", "one", "two"])
    }

    @Test func anImageThatSaysNothingGetsWhatEverybodyExpects() throws {
        let program = try Root().program("{}")
        #expect(program.arguments.isEmpty && program.workingDirectory == "/")
        #expect(program.environment == ["PATH=\(ImageProgram.standardPath)"])
        #expect(try Root().program(#"{"WorkingDir": "srv", "Env": null, "Cmd": null}"#).workingDirectory == "/srv")
    }

    // MARK: Annotations

    private func annotation(_ program: ImageProgram, _ key: String) -> String? {
        let found = program.annotations.filter { $0.key == key }
        #expect(found.count < 2)
        return found.first?.value
    }

    @Test func whatTheImageSaysBecomesAnnotations() throws {
        let inner = #"{"StopSignal": "SIGQUIT", "ExposedPorts": {"80/tcp": {}, "53/udp": {}}, "Labels": {"a.b": "c"}}"#
        let program = try Root().program(inner)
        #expect(annotation(program, "org.opencontainers.image.stopSignal") == "SIGQUIT")
        #expect(annotation(program, "org.opencontainers.image.exposedPorts") == "80/tcp,53/udp")
        #expect(annotation(program, "org.opencontainers.image.architecture") == "amd64")
        #expect(annotation(program, "org.opencontainers.image.created") == "2026")
        #expect(annotation(program, "a.b") == "c" && program.refusedLabels.isEmpty)
    }

    @Test func aLabelGoesBeforeWhatFollowsFromTheConfiguration() throws {
        let program = try Root().program(#"{"Labels": {"org.opencontainers.image.created": "1999"}}"#)
        #expect(annotation(program, "org.opencontainers.image.created") == "1999")
    }

    @Test(arguments: [
        "dev.mvrun.isolation", "dev.mvrun.vm.memory", "run.oci.handler", "run.oci.hooks.stdout", "krun.ram_mib",
        "io.katacontainers.config.hypervisor.kernel", "org.systemd.property.DevicePolicy",
        "io.kubernetes.cri.container-type",
        "org.opencontainers.runc.exec.isolated-cpu-affinity-transition", "",
    ]) func aLabelThatGivesARuntimeAnOrderIsNone(key: String) throws {
        let program = try Root().program(#"{"Labels": {"\#(key)": "container"}}"#)
        #expect(annotation(program, key) == nil && program.refusedLabels == [key])
    }

    @Test func aLabelMayAskForAVirtualMachine() throws {
        let program = try Root().program(#"{"Labels": {"dev.mvrun.isolation": "vm"}}"#)
        #expect(annotation(program, "dev.mvrun.isolation") == "vm" && program.refusedLabels.isEmpty)
    }
}

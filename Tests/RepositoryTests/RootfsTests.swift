import Foundation
import Testing

/// The commands of Rootfs make what they promise, and nothing where they must not.
@Suite struct RootfsTests {
    /// A folder that is removed with the value.
    private final class Scratch {
        let folder = FileManager.default.temporaryDirectory.appending(path: "mvrun-\(UUID().uuidString)")
        init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }
        deinit { try? FileManager.default.removeItem(at: folder) }
        subscript(_ name: String) -> String { folder.appending(path: name).path(percentEncoded: false) }
    }

    /// Runs a command of the tree, or one by its path.
    private func run(_ command: String, _ arguments: String...) throws -> (status: Int32, output: Data) {
        let process = Process()
        process.executableURL = URL(filePath: command, relativeTo: Repository.root)
        process.arguments = arguments
        process.currentDirectoryURL = Repository.root
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, output)
    }

    private func archive(_ folder: String) throws -> Data {
        let (status, output) = try run("/usr/bin/tar", "--sort=name", "-C", folder, "-c", ".")
        #expect(status == 0)
        return output
    }

    @Test func aFolderThatHoldsSomethingElseIsRefused() throws {
        let scratch = try Scratch()
        try Data().write(to: scratch.folder.appending(path: "precious"))
        #expect(try run("Rootfs/make-busybox", scratch[""]).status == 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch[""]) == ["precious"])
    }

    @Test func theSameRootFileSystemIsMadeEachTimeAndMended() throws {
        let scratch = try Scratch()
        #expect(try run("Rootfs/make-busybox", scratch["a"]).status == 0)
        #expect(try run("Rootfs/make-busybox", scratch["b"]).status == 0)
        let first = try archive(scratch["a"])
        #expect(first.count > 1_000_000)
        #expect(try archive(scratch["b"]) == first)
        try FileManager.default.removeItem(atPath: scratch["a/bin/ls"])
        try Data("root::0:0::/:/bin/sh\n".utf8).write(to: scratch.folder.appending(path: "a/etc/passwd"))
        #expect(try run("Rootfs/make-busybox", scratch["a"]).status == 0)
        #expect(try archive(scratch["a"]) == first)
    }

    @Test func aLinkInTheRootFileSystemIsNotWrittenThrough() throws {
        let scratch = try Scratch()
        #expect(try run("Rootfs/make-busybox", scratch["a"]).status == 0)
        try Data("kept".utf8).write(to: scratch.folder.appending(path: "host"))
        try FileManager.default.removeItem(atPath: scratch["a/etc/passwd"])
        try FileManager.default.createSymbolicLink(
            atPath: scratch["a/etc/passwd"], withDestinationPath: scratch["host"])
        #expect(try run("Rootfs/make-busybox", scratch["a"]).status == 0)
        #expect(try String(contentsOfFile: scratch["host"], encoding: .utf8) == "kept")
    }

    @Test func aBundleRunsTheProgramThatIsNamed() throws {
        let scratch = try Scratch()
        let profile = "Specs/seccomp-docker-default.json"
        #expect(
            try run("Rootfs/make-bundle", scratch["b"], "--seccomp", profile, "--", "/bin/echo", "a b", "--c").status
                == 0)
        let config = try JSONFile(scratch.folder.appending(path: "b/config.json"))
        #expect(config["process.args"] as? [String] == ["/bin/echo", "a b", "--c"])
        #expect(config["process.terminal"] as? Bool == false)
        #expect(config["linux.seccomp.defaultAction"] as? String == "SCMP_ACT_ERRNO")
        #expect(FileManager.default.isExecutableFile(atPath: scratch["b/rootfs/bin/sh"]))
    }

    @Test(arguments: [["--spec"], ["--rootfs", "gentoo", "x"], ["--wrong", "x"], ["x", "y"], []])
    func wrongUseIsSaidWithStatus64(arguments: [String]) throws {
        let process = Process()
        process.executableURL = Repository.root.appending(path: "Rootfs/make-bundle")
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 64)
    }
}

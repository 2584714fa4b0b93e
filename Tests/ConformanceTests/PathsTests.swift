import TestSupport
import Testing

/// runtime-spec, config-linux.md, "Masked paths" and "Readonly paths".
@Suite(.requires(.root)) struct PathsTests {
    @Test func aMaskedFileReadsAsEmpty() throws {
        let bundle = try TemporaryBundle { $0.linux.maskedPaths = ["/secret", "/proc/timer_list"] }
        try bundle.writeFile("/secret", "do not tell")
        let outcome = try bundle.run(["/bin/cat", "/secret", "/proc/timer_list"])
        #expect(outcome.succeeded && outcome.output.isEmpty, "\(outcome)")
    }

    @Test func aMaskedFolderIsEmptyAndReadOnly() throws {
        let bundle = try TemporaryBundle { $0.linux.maskedPaths = ["/secrets"] }
        try bundle.writeFile("/secrets/one", "do not tell")
        #expect(try bundle.run(["/bin/ls", "/secrets"]).output.isEmpty)
        #expect(try bundle.probe("write", "/secrets/new", "x")["open"] == "EROFS")
    }

    @Test func aMaskedFileIsMaskedWhereADirectoryIsUsual() throws {
        let bundle = try TemporaryBundle {
            $0.mounts.elements.removeAll { $0.destination == "/sys" }
            $0.linux.maskedPaths = ["/sys/firmware", "/secrets", "/more"]
        }
        for path in ["/sys/firmware", "/secrets/one", "/more/two"] { try bundle.writeFile(path, "do not tell") }
        let outcome = try bundle.shell("cat /sys/firmware; ls /secrets /more")
        #expect(outcome.succeeded && !outcome.output.contains("tell"), "\(outcome)")
        #expect(!outcome.output.contains("one") && !outcome.output.contains("two"), "\(outcome)")
    }

    @Test func aMaskedPathThatDoesNotExistIsPassedOver() throws {
        let bundle = try TemporaryBundle { $0.linux.maskedPaths = ["/no/such", "/proc/no/such"] }
        #expect(try bundle.run().succeeded)
    }

    @Test func aReadOnlyPathCannotBeWritten() throws {
        let bundle = try TemporaryBundle { $0.linux.readonlyPaths = ["/kept", "/proc/sys"] }
        try bundle.writeFile("/kept/deep/file", "x")
        #expect(try bundle.probe("write", "/kept/deep/file", "y")["open"] == "EROFS")
        #expect(try bundle.probe("write", "/proc/sys/kernel/hostname", "y")["open"] == "EROFS")
        #expect(try bundle.run(["/bin/cat", "/kept/deep/file"]).output == "x")
    }

    @Test func aReadOnlyPathKeepsTheOtherAttributesOfItsMount() throws {
        let bundle = try TemporaryBundle { $0.linux.readonlyPaths = ["/dev/shm"] }
        let options = try #require(try bundle.mountTable()["/dev/shm"]?.options)
        for option in ["ro", "nosuid", "nodev", "noexec"] { #expect(options.contains(option)) }
    }

    @Test func aReadOnlyPathThatDoesNotExistIsPassedOver() throws {
        let bundle = try TemporaryBundle { $0.linux.readonlyPaths = ["/no/such"] }
        #expect(try bundle.run().succeeded)
    }

    @Test(arguments: ["maskedPaths", "readonlyPaths"]) func aRelativePathIsRefused(field: String) throws {
        let bundle = try TemporaryBundle { $0.linux[field] = ["etc"] }
        expectRefusal(try bundle.run(), naming: "linux.\(field)[0]")
    }
}

import Diagnostics
import Foundation
import OCI
import Testing

@Suite struct BundleTests {
    /// Runs `body` with a new directory that is removed afterwards.
    private func withDirectory(_ body: (String) throws -> Void) throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "mvrun-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        try body(directory.resolvingSymlinksInPath().path())
    }

    private func error(at path: String) -> RuntimeError? {
        #expect(throws: RuntimeError.self) { try Bundle(at: path) }
    }

    @Test func aDirectoryThatDoesNotExistIsRefused() {
        #expect(
            error(at: "/no/such/bundle")?.description
                == "open the bundle: open(/no/such/bundle): no such file or directory")
    }

    @Test func aDirectoryWithoutAConfigIsRefusedWithAHint() throws {
        try withDirectory { path in
            let error = error(at: path)
            #expect(
                error?.description == "read the bundle's config: open(\(path)/config.json): no such file or directory")
            #expect(error?.hint == "\(path) is not a bundle; mvrun spec makes a config.json")
        }
    }

    @Test func aConfigThatIsTooLongIsRefused() throws {
        try withDirectory { path in
            try Data(repeating: UInt8(ascii: " "), count: documentSizeLimit + 1).write(
                to: URL(filePath: "\(path)/config.json"))
            #expect(
                error(at: path)?.description == "read the bundle's config: read(\(path)/config.json): file too large")
        }
    }

    @Test func aBundleIsReadThroughASymbolicLinkAndItsRootIsRelativeToIt() throws {
        try withDirectory { path in
            try FileManager.default.createDirectory(atPath: "\(path)/bundle", withIntermediateDirectories: false)
            try Data(config()).write(to: URL(filePath: "\(path)/bundle/config.json"))
            try FileManager.default.createSymbolicLink(atPath: "\(path)/link", withDestinationPath: "bundle")
            let bundle = try Bundle(at: "\(path)/link")
            #expect(bundle.path == "\(path)/bundle")
            #expect(bundle.rootPath == "\(path)/bundle/rootfs")
            #expect(bundle.spec.process?.args == ["sh"])
        }
    }

    @Test func anAbsoluteRootStaysAsItIs() throws {
        let text = #"{"ociVersion": "1.0.0", "root": {"path": "/images/web"}}"#
        #expect(try Bundle(at: "/bundle", config: Array(text.utf8)).rootPath == "/images/web")
    }

    @Test func anotherFileCanBeTheConfig() throws {
        try withDirectory { path in
            try Data(config()).write(to: URL(filePath: "\(path)/other.json"))
            #expect(try Bundle(at: path, config: "\(path)/other.json").path == path)
        }
    }

    @Test func processAndResourcesFilesAreNamedInTheirErrors() {
        let process = #expect(throws: RuntimeError.self) { try Spec.Process(Array("[]".utf8), named: "process.json") }
        #expect(process?.description == "process.json: expected an object, found an array (line 1)")
        let resources = #expect(throws: RuntimeError.self) {
            try Spec.Resources(Array(#"{"pids": 3}"#.utf8), named: "--resources")
        }
        #expect(resources?.description == "--resources: pids: expected an object, found a number (line 1)")
    }

    @Test(arguments: [
        (#"{"kernel": {"path": "vmlinux"}}"#, #"vm.json: kernel.path: "vmlinux" is not an absolute path"#),
        (#"{"kernl": {}}"#, "vm.json: kernl: unknown here"),
        (#"{"image": {"path": "/disk"}}"#, "vm.json: image: unknown here"),
        (#"{"hwConfig": {"vcpus": "2"}}"#, "vm.json: hwConfig.vcpus: expected an integer, found a string (line 1)"),
    ])
    func aHostsFileSaysWhatItMayNotHave(text: String, expected: String) {
        let error = #expect(throws: RuntimeError.self) { try Spec.VM(Array(text.utf8), named: "vm.json") }
        #expect(error?.description == expected)
    }
}

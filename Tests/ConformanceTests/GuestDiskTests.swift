import Foundation
import TestSupport
import Testing

/// The root file system of a virtual machine on a disk: runtime-spec, config-vm.md, "Image".
///
/// `make test-lab` runs these in the machine of Tests/Lab where the host's own KVM cannot boot a kernel.
@Suite(.serialized, .requires(.root, .mvrun, .bootingKVM, .guestKernel, .program("mkfs.ext4"))) struct GuestDiskTests {
    /// A bundle whose root is a file system of 16 MiB with the bundle's own files in it.
    private func bundle(_ script: String) throws -> TemporaryBundle {
        let bundle = try TemporaryBundle()
        let image = bundle.path("root.raw")
        let made = try ChildProcess.run(
            ["sh", "-ec", "truncate -s 16M \(image); mkfs.ext4 -q -d \(bundle.rootfs) \(image)"], timeout: 60)
        try #require(made.succeeded, "\(made)")
        bundle.spec.vm = ["image": ["path": .string(image), "format": "raw"]]
        bundle.spec.process.args = ["/bin/sh", "-c", .string(script)]
        return bundle
    }

    private func run(_ bundle: TemporaryBundle) throws -> Outcome {
        try bundle.writeConfiguration()
        return try bundle.call(["run", "--bundle", bundle.directory, bundle.identifier], timeout: 180)
    }

    @Test func whatIsWrittenIsOnTheDiskAfterwards() throws {
        let bundle = try bundle("echo kept > /kept; grep ' / ' /proc/mounts")
        let first = try run(bundle)
        #expect(first.succeeded && first.output.contains("/dev/vda / ext4 rw"), "\(first)")
        bundle.spec.process.args = ["/bin/cat", "/kept"]
        #expect(try run(bundle).line == "kept")
        let check = try ChildProcess.run(["fsck.ext4", "-fn", bundle.path("root.raw")], timeout: 60)
        #expect(check.succeeded, "\(check)")
    }

    @Test func aReadOnlyRootIsADiskThatCannotBeWritten() throws {
        let bundle = try bundle("echo x > /kept || grep ' / ' /proc/mounts")
        bundle.spec.root.readonly = true
        let before = try ChildProcess.run(["sha256sum", bundle.path("root.raw")]).output
        let outcome = try run(bundle)
        #expect(outcome.output.contains("/dev/vda / ext4 ro"), "\(outcome)")
        #expect(try ChildProcess.run(["sha256sum", bundle.path("root.raw")]).output == before)
    }

    @Test func anotherFormatAndAMissingFileAreNamed() throws {
        let bundle = try bundle("true")
        bundle.spec.vm.image.format = "qcow2"
        expectRefusal(try run(bundle), naming: "vm.image.format", "qcow2")
        bundle.spec.vm = ["image": ["path": "/no/such/image"]]
        expectRefusal(try run(bundle), naming: "vm.image.path", "/no/such/image")
    }
}

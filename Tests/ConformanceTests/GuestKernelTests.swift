import Foundation
import TestSupport
import Testing

/// The kernels that `Tests/Lab/fetch-kernels` unpacked: each boots a bundle from its own image and its own modules.
private enum FetchedKernels {
    static let directory =
        ProcessInfo.processInfo.environment["MVRUN_KERNELS"] ?? "/var/cache/mvrun-kernels"

    /// Their releases, in the order of their names.
    static let releases: [String] = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.filter { FileManager.default.fileExists(atPath: path(of: $0)) }.sorted()
    }()

    static func path(of release: String) -> String {
        "\(directory)/\(release)/boot/vmlinuz-\(release)"
    }
}

/// A distribution's kernels, as they are, in virtual machines of mvrun's.
@Suite(
    .serialized,
    .requires(
        .root, .mvrun, .bootingKVM,
        Requirement("kernels in \(FetchedKernels.directory), as Tests/Lab/fetch-kernels puts there") {
            !FetchedKernels.releases.isEmpty
        }))
struct GuestKernelTests {
    /// What every kernel must give its guest: its own release, and the shared root to read and write.
    private static let script = """
        uname -r
        echo written > /file && cat /file
        exit 4
        """

    @Test(arguments: FetchedKernels.releases)
    func aKernelBootsFromItsOwnImageAndModules(_ release: String) throws {
        let bundle = try TemporaryBundle { $0.root.readonly = false }
        bundle.spec.process.args = ["/bin/sh", "-c", .string(Self.script)]
        try bundle.writeConfiguration()
        let words = ["run", "--isolation", "vm", "--kernel", FetchedKernels.path(of: release)]
        // The image of a kernel is made at its first boot, which takes the lab a minute.
        let outcome = try bundle.call(words + ["--bundle", bundle.directory, bundle.identifier], timeout: 400)
        #expect(outcome.code == 4, "\(outcome)")
        #expect(outcome.output.hasPrefix("\(release)\nwritten\n"), "\(outcome)")
    }
}

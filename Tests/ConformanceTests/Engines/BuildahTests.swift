import Foundation
import TestSupport
import Testing

/// buildah by itself: images made in containers of the runtime under test.
///
/// `make test-engines` installs it and runs these in both isolations.
@Suite(.serialized, .requires(.root, .mvrun, .program("buildah"), .program("busybox"))) struct BuildahTests {
    private final class Buildah: Engine {
        var options: [String] { ["--isolation", "oci", "--runtime", "\(folder)/\(runtime)"] }

        init() throws {
            try super.init(name: "buildah") { folder, _ in
                ["buildah", "--root", "\(folder)/root", "--runroot", "\(folder)/run"]
            }
            environment["CONTAINERS_CONF"] = try Self.configure(
                "containers.conf", "toml", with: "engine.runtimes", in: folder)
            try RootFileSystem.make(at: "\(folder)/busybox")
        }

        deinit {
            _ = try? call("rm", "--all")
            let script = "umount \(folder)/root/overlay 2>/dev/null; rm -rf \(folder)"
            _ = try? ChildProcess.run(["sh", "-c", script], timeout: 60)
        }
    }

    private let buildah: Buildah

    init() throws { buildah = try Buildah() }

    @Test func aContainerfilesStepsRun() throws {
        let place = buildah.folder
        let text = """
            FROM scratch
            COPY busybox /
            RUN echo built > /made && chown 1000:1000 /made
            RUN test "$(stat -c %u /made)" = 1000
            CMD ["cat", "/made"]

            """
        try text.write(toFile: "\(place)/Containerfile", atomically: true, encoding: .utf8)
        let words = ["--network", "none", "--tag", "localhost/built", "--file", "\(place)/Containerfile", place]
        let built = try buildah.call(["bud"] + buildah.options + buildah.limits + words)
        #expect(built.succeeded, "\(built)")
        let fails = "FROM localhost/built\nRUN echo said; exit 9\n"
        try fails.write(toFile: "\(place)/Containerfile", atomically: true, encoding: .utf8)
        let failed = try buildah.call(["bud"] + buildah.options + buildah.limits + words)
        #expect(!failed.succeeded && failed.output.contains("said") && failed.errors.contains("9"), "\(failed)")
    }

    @Test func aWorkingContainerRunsPrograms() throws {
        let container = try buildah.call("from", "--name", "work", "scratch")
        try #require(container.succeeded, "\(container)")
        try #require(try buildah.call("copy", "work", "\(buildah.folder)/busybox", "/").succeeded)
        func run(_ script: String) throws -> Outcome {
            try buildah.call(
                ["run"] + buildah.options + ["--network", "none", "work", "/bin/sh", "-c", script])
        }
        let written = try run("echo kept > /kept; exit 3")
        #expect(written.code == 3, "\(written)")
        #expect(try run("cat /kept").output == "kept\n")
        #expect(try buildah.call("rm", "work").succeeded)
        // What buildah calls each of its containers begins with this.
        var left = HostInventory(naming: "buildah-buildah")
        _ = eventually(timeout: 10) {
            left = HostInventory(naming: "buildah-buildah")
            return left.isEmpty
        }
        #expect(left.isEmpty)
        #expect(try names(in: "/run/mvrun").filter { $0.hasPrefix("buildah-") }.isEmpty)
    }
}

import Foundation
import TestSupport
import Testing

/// `checkpoint` and `restore`, where the machine has CRIU and its kernel allows it.
@Suite(
    .requires(
        .root, .program("criu"),
        Requirement("a kernel that CRIU can work on (criu check)") {
            (try? ChildProcess.run(["criu", "check"], timeout: 20))?.succeeded == true
        }))
struct CheckpointTests {
    @Test func aCheckpointedContainerGoesOnWhereItStood() throws {
        let bundle = try TemporaryBundle()
        let script = "n=0; while :; do n=$((n+1)); echo $n > /tmp/n.new; mv /tmp/n.new /tmp/n; sleep 0.05; done"
        bundle.spec.process.args = ["/bin/sh", "-c", .string(script)]
        bundle.spec.removeNamespace("network")
        func number() -> Int {
            let data = FileManager.default.contents(atPath: "\(bundle.rootfs)/tmp/n") ?? Data()
            return Int(String(decoding: data, as: UTF8.self).trimmingCharacters(in: .newlines)) ?? 0
        }
        try bundle.writeConfiguration()
        bundle.wrapper = ["setsid", "sh", "-c", "exec \"$@\" < /dev/null > /dev/null", "sh"]
        #expect(try bundle.call(bundle.making("run", ["--detach"])).succeeded)
        bundle.wrapper = []
        try #require(eventually { number() > 5 })
        let image = bundle.path("image")
        let checkpoint = try bundle.call(
            ["checkpoint", "--image-path", image, "--work-path", bundle.path("work"), bundle.identifier])
        try #require(checkpoint.succeeded, "\(checkpoint)")
        let stood = number()
        _ = try bundle.call(["delete", "--force", bundle.identifier])
        let restore = ["restore", "--detach", "--image-path=\(image)", "--bundle", bundle.directory, bundle.identifier]
        let restored = try bundle.call(restore)
        try #require(restored.succeeded, "\(restored)")
        #expect(try bundle.state().status == "running")
        #expect(eventually { number() > stood + 2 })
        #expect(number() < stood + 200)
        try bundle.succeed("delete", "--force", bundle.identifier)
    }

    @Test func aRestoredContainerHasTheStreamsOfTheRestoreAndItsStatusIsPassedOn() throws {
        let bundle = try TemporaryBundle()
        let script = "touch /tmp/started; while [ ! -e /tmp/go ]; do sleep 0.05; done; echo restored; exit 7"
        bundle.spec.process.args = ["/bin/sh", "-c", .string(script)]
        bundle.spec.removeNamespace("network")
        try bundle.writeConfiguration()
        bundle.wrapper = ["sh", "-c", "\"$@\" < /dev/null 2> /dev/null | cat > /dev/null 2>&1 &", "sh"]
        #expect(try bundle.call(bundle.making("run", ["--detach"])).succeeded)
        bundle.wrapper = []
        try #require(eventually { FileManager.default.fileExists(atPath: "\(bundle.rootfs)/tmp/started") })
        let image = bundle.path("image")
        let running = try bundle.call(["checkpoint", "--leave-running", "--image-path", image, bundle.identifier])
        try #require(running.succeeded, "\(running)")
        #expect(try bundle.state().status == "running")
        try bundle.succeed("delete", "--force", bundle.identifier)
        try Data().write(to: URL(fileURLWithPath: "\(bundle.rootfs)/tmp/go"))
        let restored = try bundle.call(
            ["restore", "--image-path", image, "--bundle", bundle.directory, bundle.identifier])
        #expect(restored.code == 7 && restored.line == "restored", "\(restored)")
    }

    @Test func aFailedCheckpointNamesTheLogAndTheContainerGoesOn() throws {
        let bundle = try TemporaryBundle()
        // A lock, which criu refuses to save unless it is told to.
        bundle.spec.process.args = ["/bin/flock", "/tmp/lock", "/bin/sleep", "100"]
        try bundle.withRunning { _ throws in
            let image = bundle.path("image")
            let outcome = try bundle.call(
                ["checkpoint", "--image-path", image, bundle.identifier])
            #expect(outcome.code != 0 && outcome.errors.contains("\(image)/dump.log"), "\(outcome)")
            #expect(try bundle.state().status == "running")
        }
    }
}

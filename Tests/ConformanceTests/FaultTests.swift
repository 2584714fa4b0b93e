import Foundation
import TestSupport
import Testing

/// What a host can be short of: each shortage is a clear error, and nothing is left behind.
@Suite(.requires(.root, .mvrun)) struct FaultTests {
    /// A bundle whose state root is made ready by a script, in a mount namespace of its own; behind the runtime, the script says
    /// how it ended and what is left in the root.
    private func bundle(stateRoot script: String) throws -> TemporaryBundle {
        let bundle = try TemporaryBundle()
        let after =
            "code=0; \"$@\" || code=$?; echo code=$code; echo left=$(ls -A '\(bundle.stateRoot)' | tr '\\n' ' ')"
        let words = "\(script.replacing("ROOT", with: "'\(bundle.stateRoot)'"))\n\(after)"
        bundle.wrapper = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", words, "sh"]
        return bundle
    }

    /// Runs it, which must fail with an error that says so, and leave no more than there was.
    private func expectFault(_ bundle: TemporaryBundle, _ message: String, left: String = "") throws {
        let outcome = try bundle.run(["/bin/true"])
        #expect(outcome.output.contains("code=125\n"), "\(outcome)")
        #expect(outcome.errors.contains(message), "\(outcome)")
        #expect(outcome.output.contains("left=\(left)\n"), "\(outcome)")
        bundle.wrapper = []
        #expect(HostInventory(naming: bundle.identifier).isEmpty)
    }

    // MARK: Disks

    @Test(.requires(.container)) func aStateRootWithoutSpaceIsAnErrorAndStaysEmpty() throws {
        let fill = "mount -t tmpfs -o size=64k tmpfs ROOT; dd if=/dev/zero of=ROOT/full bs=4k 2> /dev/null || true"
        try expectFault(try bundle(stateRoot: fill), "no space left on device", left: "full")
    }

    /// With ever more room, it runs out ever later on the way.
    @Test(.requires(.container)) func aStateRootThatFillsUpOnTheWayStaysEmpty() throws {
        for pages in 1...6 {
            let fill = "mount -t tmpfs -o size=\(pages * 4)k tmpfs ROOT"
            let bundle = try bundle(stateRoot: fill)
            let outcome = try bundle.run(["/bin/true"])
            let isFault = outcome.output.contains("code=125") && outcome.errors.contains("no space left on device")
            #expect(isFault || outcome.output.contains("code=0"), "\(pages): \(outcome)")
            #expect(outcome.output.contains("left=\n"), "\(pages): \(outcome)")
        }
    }

    @Test(.requires(.container)) func aStateRootWithoutInodesIsAnErrorAndStaysEmpty() throws {
        for inodes in 1...5 {
            let bundle = try bundle(stateRoot: "mount -t tmpfs -o nr_inodes=\(inodes) tmpfs ROOT")
            let outcome = try bundle.run(["/bin/true"])
            let isFault = outcome.output.contains("code=125") && outcome.errors.contains("no space left on device")
            #expect(isFault || outcome.output.contains("code=0"), "\(inodes): \(outcome)")
            #expect(outcome.output.contains("left=\n"), "\(inodes): \(outcome)")
        }
    }

    @Test(.requires(.container)) func aReadOnlyStateRootIsAnErrorThatSaysSo() throws {
        try expectFault(try bundle(stateRoot: "mount -t tmpfs -o ro tmpfs ROOT"), "read-only file system")
    }

    @Test func aShareWithoutSpaceIsTheProgramsAffair() throws {
        let bundle = try TemporaryBundle()
        let share = try bundle.folder("share")
        bundle.spec.mount("/mnt", type: "bind", source: share, options: ["rbind"])
        bundle.prepareMounts("mount -t tmpfs -o size=64k tmpfs '\(share)'")
        let script =
            "dd if=/dev/zero of=/mnt/file bs=4k count=64; echo $?; rm /mnt/file; echo x > /mnt/new && cat /mnt/new"
        let outcome = try bundle.shell(script)
        #expect(outcome.output == "1\nx\n" && outcome.errors.contains("No space left on device"), "\(outcome)")
    }

    @Test(.requires(.container)) func aPidFileWithoutSpaceIsAnErrorAndLeavesNothing() throws {
        let bundle = try TemporaryBundle()
        let folder = try bundle.folder("full")
        bundle.prepareMounts("mount -t tmpfs -o size=4k tmpfs '\(folder)'; echo x > '\(folder)/file'")
        let outcome = try bundle.run(["/bin/sleep", "1000"], options: ["--pid-file", "\(folder)/pid"])
        #expect(outcome.code == 125 && outcome.errors.contains("write the pid file: "), "\(outcome)")
        #expect(outcome.errors.contains("no space left on device"), "\(outcome)")
    }

    /// A device in the place of a pid file stays one.
    @Test(.requires(.container)) func aPidFileThatIsADeviceIsWrittenTo() throws {
        let bundle = try TemporaryBundle()
        let device = bundle.path("full")
        try onHost("mknod '\(device)' c 1 7")
        let outcome = try bundle.run(["/bin/true"], options: ["--pid-file", device])
        #expect(outcome.code == 125 && outcome.errors.contains("no space left on device"), "\(outcome)")
        try onHost("test -c '\(device)'")
    }

    // MARK: Descriptors and processes

    /// From so few that nothing works to so many that everything does.
    @Test(.requires(.container, .program("prlimit"))) func tooFewDescriptorsAreAnErrorThatSaysSo() throws {
        var worked = false
        for limit in Array(4...24) + [32, 64] {
            let bundle = try TemporaryBundle()
            bundle.wrapper = ["prlimit", "--nofile=\(limit):\(limit)"]
            let outcome = try bundle.run(["/bin/true"])
            worked = outcome.succeeded
            let saysSo = outcome.errors.contains("too many open files")
            #expect(worked || (outcome.code == 125 && saysSo), "\(limit): \(outcome)")
            bundle.wrapper = []
            #expect(try names(in: bundle.stateRoot).isEmpty, "\(limit)")
        }
        #expect(worked)
    }

    // MARK: Streams

    /// The program waits for a reader, who never comes; that keeps nobody from ending it.
    @Test func aPipeThatIsFullKeepsNobodyFromEndingTheContainer() throws {
        let bundle = try TemporaryBundle { $0.process.args = ["/bin/yes", "x"] }
        try bundle.writeConfiguration()
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        defer { ends.forEach { close($0) } }
        let runner = try ChildProcess(bundle.command(bundle.making("run")), outputDescriptor: ends[1])
        let isFull = eventually {
            var entry = pollfd(fd: ends[1], events: Int16(POLLOUT), revents: 0)
            return poll(&entry, 1, 0) == 0
        }
        try #require(isFull, runner.explanation)
        try bundle.succeed("kill", bundle.identifier, "KILL")
        #expect(runner.finish(timeout: 60).status == .exited(137))
    }

    @Test func outputThatGoesNowhereIsAnError() throws {
        let bundle = try TemporaryBundle()
        for verb in [["list"], ["features"], ["spec", "--help"], ["version"]] {
            bundle.wrapper = ["sh", "-c", "exec \"$@\" > /dev/full", "sh"]
            let outcome = try bundle.call(verb)
            #expect(outcome.code == 1 && outcome.errors.contains("no space left on device"), "\(verb): \(outcome)")
        }
    }

    @Test func aReaderWhoHasGoneIsAnError() throws {
        let bundle = try TemporaryBundle()
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        close(ends[0])
        let outcome = try ChildProcess(bundle.command(["features"]), outputDescriptor: ends[1]).finish()
        close(ends[1])
        #expect(outcome.code == 1 && outcome.errors.contains("broken pipe"), "\(outcome)")
    }

    // MARK: Time

    @Test(.requires(.container)) func aRootThatVanishesBetweenCreateAndStartIsAnErrorOfTheStart() throws {
        let bundle = try TemporaryBundle()
        let creator = try bundle.create(["/bin/true"])
        try FileManager.default.removeItem(atPath: bundle.rootfs)
        let outcome = try bundle.call(["start", bundle.identifier])
        #expect(outcome.code == 1 && outcome.errors.contains("/bin/true"), "\(outcome)")
        withExtendedLifetime(creator) {}
        try bundle.succeed("delete", "--force", bundle.identifier)
    }

    @Test func aBundleThatVanishesBetweenCreateAndDeleteIsNotMissed() throws {
        let bundle = try TemporaryBundle()
        let creator = try bundle.create(["/bin/sleep", "1000"])
        try bundle.succeed("start", bundle.identifier)
        try FileManager.default.removeItem(atPath: bundle.directory)
        #expect(try bundle.state().status == "running")
        withExtendedLifetime(creator) {}
        try bundle.succeed("delete", "--force", bundle.identifier)
    }

    /// The program ends while its runtime stands still; what the runtime then says is how the program ended.
    @Test func aRuntimeThatIsStoppedAndGoesOnMissesNothing() throws {
        let bundle = try TemporaryBundle()
        let script = "echo up; read line; echo $line; exit 9"
        let runner = try bundle.launch(["/bin/sh", "-c", script])
        try #require(runner.read(until: "up\n") != nil, runner.explanation)
        runner.send(SIGSTOP)
        runner.write("told\n")
        #expect(try eventually { try bundle.call(["state", bundle.identifier]).output.contains("\"stopped\"") })
        runner.send(SIGCONT)
        let outcome = runner.finish()
        #expect(outcome.code == 9 && outcome.output.hasSuffix("told\n"), "\(outcome)")
    }

    /// Stopped at each turn of its making, and let go on.
    @Test(.requires(.container)) func aRuntimeThatIsStoppedWhileItMakesAContainerGoesOn() throws {
        for microseconds in stride(from: 500, through: 20_000, by: 1500) {
            let bundle = try TemporaryBundle()
            let runner = try bundle.launch(["/bin/echo", "made"])
            usleep(useconds_t(microseconds))
            runner.send(SIGSTOP)
            usleep(20_000)
            runner.send(SIGCONT)
            let outcome = runner.finish()
            #expect(outcome.succeeded && outcome.line == "made", "\(microseconds): \(outcome)")
        }
    }
}

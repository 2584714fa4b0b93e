import Foundation
import TestSupport
import Testing

/// What goes wrong around a virtual machine, and what a guest does to make it go wrong: the host stays responsive, memory stays
/// bounded, and nothing is lost that was acknowledged.
///
/// `make test-lab` runs these in the machine of Tests/Lab where the host's own KVM cannot boot a kernel.
@Suite(.serialized, .requires(.root, .mvrun, .bootingKVM, .guestKernel)) struct GuestFaultTests {
    private func words(_ bundle: TemporaryBundle, _ verb: String = "run") -> [String] {
        bundle.command([verb, "--isolation", "vm", "--bundle", bundle.directory, bundle.identifier])
    }

    /// Creates and starts a machine that runs a script, and deletes it after `body`, which gets the monitor's process.
    private func withMachine(_ bundle: TemporaryBundle, _ script: String, _ body: (pid_t) throws -> Void) throws {
        bundle.spec.process.args = ["/bin/sh", "-c", .string(script)]
        try bundle.writeConfiguration()
        let creator = try ChildProcess(words(bundle, "create"))
        let created = creator.finishKeepingStreams(timeout: 180 * RuntimeUnderTest.patience)
        try #require(created == .exited(0), creator.explanation)
        defer { _ = try? bundle.call(["delete", "--force", bundle.identifier]) }
        try bundle.succeed("start", bundle.identifier)
        try body(pid_t(try #require(try bundle.state().pid.number)))
        withExtendedLifetime(creator) {}
        try bundle.succeed("delete", "--force", bundle.identifier)
        #expect(HostInventory(naming: bundle.identifier).isEmpty)
    }

    private func share(_ bundle: TemporaryBundle, _ name: String) throws -> String {
        let path = try bundle.folder(name)
        bundle.spec.mount("/\(name)", type: "bind", source: path, options: ["rbind"])
        return path
    }

    private func mebibytes(_ field: String, of process: pid_t) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix(field + ":") })
        return try #require(Int(line.split { $0 == " " || $0 == "\t" }[1])) / 1024
    }

    // MARK: Floods

    /// Every queue at once: the console, the sockets, the card, the random numbers and two shares; and nobody reads what the
    /// program says.
    @Test(.requires(.program("ip"), .file("/dev/net/tun"))) func aFloodOfEveryQueueLeavesTheHostToItsWork() throws {
        let memory = 192
        let bundle = try TemporaryBundle { $0.vm = ["hwConfig": ["vcpus": 2, "memory": JSON(memory << 20)]] }
        _ = try share(bundle, "flooded")
        bundle.spec.grant("CAP_MKNOD")
        bundle.spec.hooks.createRuntime = [
            [
                "path": "/bin/sh", "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
                "args": ["sh", "-ec", .string(Self.linkOfAHook)],
            ]
        ]
        defer { _ = try? ChildProcess.run(["ip", "link", "del", "mvt-flood"]) }
        let script = """
            /bin/busybox mknod /dev/ttyS0 c 4 64; /bin/busybox mknod /dev/hwrng c 10 183
            /bin/probe flood vsock > /flooded/vsock &
            /bin/probe flood udp 10.74.0.1 > /flooded/udp &
            (while :; do echo flooded; done) > /dev/ttyS0 &
            (while :; do head -c 1000000 /dev/hwrng; done) > /dev/null &
            (cd /flooded; while :; do for n in 1 2 3 4; do echo $n > file$n; done; head -c 1000000 /dev/zero > big; rm file*; done) &
            (cd /tmp; while :; do for n in 1 2 3 4; do echo $n > file$n; done; rm file*; done) &
            exec yes
            """
        try withMachine(bundle, script) { monitor in
            let flooded = bundle.path("flooded")
            for name in ["vsock", "udp"] {
                let runs = eventually(timeout: 120) {
                    (try? String(contentsOfFile: "\(flooded)/\(name)", encoding: .utf8)) == "flooding=ok\n"
                }
                #expect(runs, "\(name)")
            }
            // What is asked of the guest comes back, and whoever else is on the host is not kept.
            for round in 0..<4 {
                let answer = try bundle.call(["exec", bundle.identifier, "/bin/echo", "\(round)"], timeout: 120)
                #expect(answer.line == "\(round)", "\(answer)")
                #expect(try bundle.state().status == "running")
                let figures = try bundle.call(["events", "--stats", bundle.identifier], timeout: 120)
                #expect(figures.succeeded, "\(figures)")
            }
            let neighbour = try TemporaryBundle()
            #expect(try neighbour.run(["/bin/echo", "undisturbed"]).line == "undisturbed")
            let most = try mebibytes("VmHWM", of: monitor)
            #expect(most < memory + 32, "\(most) MiB resident, of these up to \(memory) the guest's")
            #expect(try bundle.call(["console", bundle.identifier]).output.utf8.count <= 256 << 10)
            #expect(try bundle.call(["console", bundle.identifier]).output.contains("flooded"))
        }
    }

    private static let linkOfAHook = """
        pid=$(tr -d '\\n' | sed -E 's/.*"pid": *([0-9]+).*/\\1/')
        ip link add mvt-flood type veth peer name eth0 netns $pid
        ip addr add 10.74.0.1/24 dev mvt-flood; ip link set mvt-flood up
        nsenter --net=/proc/$pid/ns/net sh -ec 'ip addr add 10.74.0.2/24 dev eth0; ip link set eth0 up'
        """

    // MARK: What was acknowledged

    /// A file that fsync(2) was waited for is the host's, whatever becomes of the monitor behind that.
    @Test(arguments: ["never", "auto", "always", "window"]) func whatWasSyncedOutlivesTheMonitor(cache: String) throws {
        let bundle = try TemporaryBundle()
        let synced = try share(bundle, "synced")
        bundle.spec.annotations =
            cache == "window" ? ["dev.mvrun.vm.fs.dax": "16"] : ["dev.mvrun.vm.fs.cache": JSON(stringLiteral: cache)]
        // What is told is told behind the fsync, and what is never told follows it.
        let script = """
            cd /synced; n=0; while :; do n=$((n + 1))
            dd if=/dev/urandom of=file$n bs=300k count=1 conv=fsync 2> /dev/null; sha256sum file$n; head -c 100000 /dev/zero > torn$n
            done
            """
        bundle.spec.process.args = ["/bin/sh", "-c", .string(script)]
        try bundle.writeConfiguration()
        let runner = try ChildProcess(words(bundle))
        try #require(runner.read(until: "file7\n", timeout: 180) != nil, runner.explanation)
        let monitor = pid_t(try #require(try bundle.state().pid.number))
        kill(monitor, SIGKILL)
        let outcome = runner.finish(timeout: 60)
        #expect(outcome.code == 137, "\(outcome)")
        let told = outcome.output.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        #expect(told.count >= 7)
        let check = try ChildProcess.run(
            ["sha256sum", "--check", "--strict"], input: Array((told.joined(separator: "\n") + "\n").utf8),
            directory: synced)
        #expect(check.succeeded, "\(check)")
        _ = try bundle.call(["delete", "--force", bundle.identifier])
        #expect(HostInventory(naming: bundle.identifier).isEmpty)
    }

    /// The same of a root file system on a disk.
    @Test(.requires(.program("mkfs.ext4"))) func whatWasSyncedToADiskOutlivesTheMonitor() throws {
        let bundle = try TemporaryBundle()
        let image = bundle.path("root.raw")
        try onHost("truncate -s 24M '\(image)'; mkfs.ext4 -q -d '\(bundle.rootfs)' '\(image)'")
        bundle.spec.vm = ["image": ["path": .string(image), "format": "raw"]]
        let script = """
            n=0; while :; do n=$((n + 1))
            dd if=/dev/urandom of=/file$n bs=100k count=1 conv=fsync 2> /dev/null; sha256sum file$n; sleep 0.1
            done
            """
        bundle.spec.process.args = ["/bin/sh", "-c", .string(script)]
        try bundle.writeConfiguration()
        let runner = try ChildProcess(words(bundle))
        try #require(runner.read(until: "file7\n", timeout: 180) != nil, runner.explanation)
        kill(pid_t(try #require(try bundle.state().pid.number)), SIGKILL)
        let told = runner.finish(timeout: 60).output.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        let place = try bundle.folder("mounted")
        let check = try ChildProcess.run(
            [
                "unshare", "--mount", "sh", "-ec", "mount -o loop \"$0\" \"$1\"; cd \"$1\"; sha256sum --check --strict",
                image, place,
            ], input: Array((told.joined(separator: "\n") + "\n").utf8), timeout: 60)
        #expect(told.count >= 7 && check.succeeded, "\(check)")
        _ = try bundle.call(["delete", "--force", bundle.identifier])
    }

    // MARK: Disks

    /// A disk of the host's that can no longer be read is an error of that file's; the other shares are read on.
    @Test(.requires(.program("mkfs.ext4"))) func aShareThatCannotBeReadIsTheProgramsAffair() throws {
        let bundle = try TemporaryBundle()
        let (broken, sound) = (try share(bundle, "broken"), try share(bundle, "sound"))
        try onHost(
            "echo sound > '\(sound)/file'; mkdir '\(broken)/content'; head -c 8M /dev/urandom > '\(broken)/content/file'"
        )
        // The disk shrinks behind the file system's back: reading what was there is EIO.
        let image = bundle.path("image")
        bundle.prepareMounts(
            """
            truncate -s 24M '\(image)'; mkfs.ext4 -q -d '\(broken)/content' '\(image)'; mount -o loop '\(image)' '\(broken)'
            truncate -s 4M '\(image)'; losetup --set-capacity "$(findmnt --noheadings --output SOURCE '\(broken)')"
            echo 3 > /proc/sys/vm/drop_caches
            """)
        let script =
            "cat /broken/file > /dev/null; echo $?; cat /sound/file; echo more > /sound/other; cat /sound/other"
        bundle.spec.process.args = ["/bin/sh", "-c", .string(script)]
        try bundle.writeConfiguration()
        let outcome = try ChildProcess.run(words(bundle), timeout: 180)
        #expect(outcome.output == "1\nsound\nmore\n", "\(outcome)")
        #expect(outcome.errors.contains("Input/output error"), "\(outcome)")
    }

    // MARK: Descriptors and memory

    /// From so few that nothing works to so many that everything does.
    @Test(.requires(.program("prlimit"))) func tooFewDescriptorsAreAnErrorThatSaysSo() throws {
        var worked = false
        for limit in [4, 8, 16, 24, 32, 48, 64, 256] {
            let bundle = try TemporaryBundle()
            bundle.spec.process.args = ["/bin/true"]
            try bundle.writeConfiguration()
            bundle.wrapper = ["prlimit", "--nofile=\(limit):\(limit)"]
            let outcome = try ChildProcess.run(words(bundle), timeout: 180)
            worked = outcome.succeeded
            let saysSo = outcome.errors.lowercased().contains("too many open files")
            #expect(worked || (outcome.code == 125 && saysSo), "\(limit): \(outcome)")
            #expect(try names(in: bundle.stateRoot).isEmpty, "\(limit)")
            #expect(HostInventory(naming: bundle.identifier).isEmpty)
        }
        #expect(worked)
    }

    @Test(.requires(.program("prlimit"))) func aMonitorWithoutAddressSpaceIsAnErrorThatSaysSo() throws {
        for mebibytes in [32, 64, 200] {
            let bundle = try TemporaryBundle { $0.vm = ["hwConfig": ["memory": 268_435_456]] }
            bundle.spec.process.args = ["/bin/true"]
            try bundle.writeConfiguration()
            bundle.wrapper = ["prlimit", "--as=\(mebibytes << 20)"]
            let outcome = try ChildProcess.run(words(bundle), timeout: 180)
            #expect(outcome.code == 125 && outcome.errors.contains("annot allocate memory"), "\(mebibytes): \(outcome)")
            #expect(try names(in: bundle.stateRoot).isEmpty, "\(mebibytes)")
        }
    }

    // MARK: Time

    /// The monitor stands still for longer than anything waits in a busy guest, and goes on where it was.
    @Test func aMonitorThatIsStoppedAndGoesOnHasLostNothing() throws {
        let bundle = try TemporaryBundle()
        let counted = try share(bundle, "counted")
        let script = "n=0; while :; do n=$((n + 1)); echo $n >> /counted/file; sleep 0.1; done"
        try withMachine(bundle, script) { monitor in
            #expect(eventually(timeout: 60) { FileManager.default.fileExists(atPath: counted + "/file") })
            kill(monitor, SIGSTOP)
            #expect(try bundle.state().status == "running")
            let asked = try ChildProcess(bundle.command(["exec", bundle.identifier, "/bin/echo", "late"]))
            sleep(8)
            kill(monitor, SIGCONT)
            let answer = asked.finish(timeout: 120)
            #expect(answer.line == "late", "\(answer)")
            let before = try String(contentsOfFile: counted + "/file", encoding: .utf8)
            #expect(
                eventually(timeout: 60) { (try? String(contentsOfFile: counted + "/file", encoding: .utf8)) != before })
            let lines = before.split(separator: "\n").compactMap { Int($0) }
            #expect(lines == Array(1...lines.count))
        }
    }

    /// Nothing of a machine's goes by the time of day.
    ///
    /// The machine of Tests/Lab has a clock of its own to set.
    @Test(.requires(.settableClock)) func aClockThatJumpsDisturbsNobody() throws {
        let bundle = try TemporaryBundle()
        try withMachine(bundle, "exec sleep 1000") { _ in
            for jump in [86_400, -172_800, 86_400] {
                try setClock(by: jump)
                let answer = try bundle.call(["exec", bundle.identifier, "/bin/echo", "\(jump)"], timeout: 120)
                #expect(answer.line == "\(jump)", "\(answer)")
                let neighbour = try TemporaryBundle()
                #expect(try neighbour.run(["/bin/echo", "\(jump)"]).line == "\(jump)")
                #expect(try bundle.call(["kill", bundle.identifier, "0"]).succeeded)
            }
        }
    }

    private func setClock(by seconds: Int) throws {
        var now = timespec()
        try #require(clock_gettime(CLOCK_REALTIME, &now) == 0)
        now.tv_sec += seconds
        try #require(clock_settime(CLOCK_REALTIME, &now) == 0)
    }
}

extension Requirement {
    /// A clock that a test may set: that of an emulated machine, which ends with the test.
    static let settableClock = Requirement("a clock of its own, as the machine of Tests/Lab has") {
        FileManager.default.fileExists(atPath: "/run/lab")
    }
}

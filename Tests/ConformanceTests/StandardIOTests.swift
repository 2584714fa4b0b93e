import Foundation
import TestSupport
import Testing

/// The three standard streams.
@Suite(.requires(.root)) struct StandardIOTests {
    private static let megabytes = 100

    private static func pattern(_ count: Int) -> [UInt8] {
        var state: UInt64 = 88_172_645_463_325_252
        var bytes = [UInt8]()
        bytes.reserveCapacity(count)
        while bytes.count < count {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            withUnsafeBytes(of: state) { bytes.append(contentsOf: $0) }
        }
        return bytes
    }

    @Test func aHundredMegabytesGoThroughStandardInputUnchanged() throws {
        let block = Self.pattern(1 << 20)
        var input = [UInt8]()
        for _ in 0..<Self.megabytes { input += block }
        let reference = try ChildProcess.run(["sha256sum"], input: input, timeout: 120)
        let outcome = try TemporaryBundle().run(["/bin/sha256sum"], input: input, timeout: 120)
        #expect(outcome.succeeded && outcome.output == reference.output, "\(outcome)")
    }

    @Test func aHundredMegabytesComeOutOfStandardOutputUnchanged() throws {
        let outcome = try TemporaryBundle().shell("head -c \(Self.megabytes << 20) /dev/zero")
        #expect(outcome.succeeded && outcome.outputBytes.count == Self.megabytes << 20)
        #expect(outcome.outputBytes.allSatisfy { $0 == 0 })
    }

    @Test func theTwoOutputStreamsStayApart() throws {
        let outcome = try TemporaryBundle().shell("echo one; echo two >&2; echo three")
        #expect(outcome.output == "one\nthree\n" && outcome.errors == "two\n")
    }

    @Test func theEndOfStandardInputReachesTheProgram() throws {
        let runner = try TemporaryBundle()
        let outcome = try runner.run(["/bin/sh", "-c", "cat; echo the end"], input: Array("text\n".utf8))
        #expect(outcome.output == "text\nthe end\n")
    }

    @Test func aReaderThatGoesAwayEndsTheProgram() throws {
        let bundle = try TemporaryBundle()
        bundle.spec.process.args = ["/bin/yes"]
        try bundle.writeConfiguration()
        let command = bundle.command(bundle.making("run")).joined(separator: " ")
        let outcome = try ChildProcess.run(
            ["bash", "-c", "\(command) | head -n 1; exit ${PIPESTATUS[0]}"], timeout: 30)
        #expect(outcome.output == "y\n")
        #expect(outcome.code == 128 + SIGPIPE || outcome.code == 1, "\(outcome)")
    }

    @Test func aContainerWithClosedStreamsStillRuns() throws {
        let bundle = try TemporaryBundle()
        bundle.wrapper = ["sh", "-c", "exec \"$@\" <&- >&-", "sh"]
        #expect(try bundle.shell("echo kept > /tmp/file").succeeded)
        #expect(try String(contentsOfFile: "\(bundle.rootfs)/tmp/file", encoding: .utf8) == "kept\n")
    }

    @Test(.requires(.container), arguments: [["--preserve-fds", "2"], ["--preserve-fds=2"]])
    func preservedDescriptorsReachTheProgramAndNoOthers(options: [String]) throws {
        let bundle = try TemporaryBundle()
        bundle.wrapper = try [Probe.path.get(), "host-with-descriptors", "3"]
        let seen = try bundle.probe("descriptors", options: options)
        #expect(seen.keys == ["0", "1", "2", "3", "4"])
        #expect(try bundle.shell("cat <&3; cat <&4", options: options).output == "descriptor 3\ndescriptor 4\n")
    }

    @Test(.requires(.container)) func preservedDescriptorsReachAnExec() throws {
        let bundle = try TemporaryBundle()
        try bundle.withRunning { _ throws in
            let command = bundle.command(["exec", "--preserve-fds", "1", bundle.identifier, "/bin/sh", "-c", "cat <&3"])
            let outcome = try ChildProcess.run([Probe.path.get(), "host-with-descriptors", "2"] + command)
            #expect(outcome.output == "descriptor 3\n", "\(outcome)")
        }
    }

    @Test(.requires(.container)) func socketsOfSystemdArePassedOn() throws {
        // sd_listen_fds(3): the descriptors from 3 on, and the environment that says how many and to whom.
        let bundle = try TemporaryBundle()
        bundle.wrapper = try [
            Probe.path.get(), "host-with-descriptors", "2", "sh", "-c", "LISTEN_FDS=2 LISTEN_PID=$$ exec \"$@\"", "sh",
        ]
        #expect(try bundle.shell("cat <&3; cat <&4").output == "descriptor 3\ndescriptor 4\n")
        let seen = try bundle.probe("environment")
        #expect(seen["LISTEN_FDS"] == "2" && seen["LISTEN_PID"] == "1", "\(seen)")
    }

    @Test(.requires(.container)) func readinessReachesTheServiceManager() throws {
        // sd_notify(3) from inside: the socket of the host is out of the container's reach, so the runtime passes it on.
        let bundle = try TemporaryBundle()
        let socket = bundle.path("notify.sock")
        let manager = try ChildProcess([Probe.path.get(), "host-notify-socket", socket])
        try #require(manager.read(until: "listening\n") != nil)
        bundle.environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "NOTIFY_SOCKET": socket]
        let outcome = try bundle.shell("probe notify READY=1; sleep 0.2")
        #expect(outcome.output.contains("result=ok"), "\(outcome)")
        #expect(manager.read(until: "READY=1", timeout: 5) != nil, manager.explanation)
    }
}

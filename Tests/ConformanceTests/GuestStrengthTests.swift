import Foundation
import TestSupport
import Testing

/// What a virtual machine bears: many bytes, many execs, many processors, many of its kind, a terminal that changes.
///
/// `make test-lab` runs these in the machine of Tests/Lab where the host's own KVM cannot boot a kernel.
@Suite(.serialized, .requires(.root, .mvrun, .bootingKVM, .guestKernel)) struct GuestStrengthTests {
    private func words(_ bundle: TemporaryBundle, _ verb: String = "run") -> [String] {
        bundle.command([verb, "--isolation", "vm", "--bundle", bundle.directory, bundle.identifier])
    }

    private func shell(_ script: String, timeout: TimeInterval) throws -> Outcome {
        try ChildProcess.run(["sh", "-c", script], timeout: timeout * RuntimeUnderTest.patience)
    }

    private func withMachine(_ bundle: TemporaryBundle, _ body: () throws -> Void) throws {
        bundle.spec.process.args = ["/bin/sleep", "3000"]
        try bundle.writeConfiguration()
        bundle.wrapper = ["sh", "-c", "exec \"$@\" < /dev/null > /dev/null", "sh"]
        let made = try ChildProcess.run(words(bundle, "create"), timeout: 180)
        bundle.wrapper = []
        try #require(made.succeeded, "\(made)")
        try bundle.succeed("start", bundle.identifier)
        try body()
        try bundle.succeed("delete", "--force", bundle.identifier)
        #expect(HostInventory(naming: bundle.identifier).isEmpty)
    }

    @Test func twoHundredMegabytesPassThroughAProgramUnchanged() throws {
        let bundle = try TemporaryBundle { $0.process.args = ["/bin/cat"] }
        try bundle.writeConfiguration()
        let noise = bundle.path("noise")
        let run = words(bundle).joined(separator: " ")
        let outcome = try shell(
            """
            head -c 200M /dev/urandom > \(noise); sha256sum < \(noise)
            { \(run) < \(noise); echo "status $?" >&2; } | sha256sum
            """, timeout: 500)
        let digests = outcome.output.split(separator: "\n")
        #expect(digests.count == 2 && digests.first == digests.last, "\(outcome)")
        #expect(outcome.errors == "status 0\n", "\(outcome)")
    }

    /// Files that are mapped into a window smaller than they are, read and written in place, are the host's to the byte.
    @Test func filesAreReadAndWrittenThroughAWindow() throws {
        let bundle = try TemporaryBundle { $0.root.readonly = false }
        bundle.spec.annotations = ["dev.mvrun.vm.fs.dax": "16"]
        let script = """
            grep -c 'virtiofs.*dax=always' /proc/mounts; sha256sum < /noise
            dd if=/noise of=/copy bs=1M 2>/dev/null; dd if=/noise of=/copy bs=1M skip=20 count=20 conv=notrunc 2>/dev/null
            exec sha256sum < /copy
            """
        bundle.spec.process.args = ["/bin/sh", "-c", .string(script)]
        try bundle.writeConfiguration()
        let root = bundle.rootfs
        let digests = try shell(
            """
            head -c 40M /dev/urandom > \(root)/noise; sha256sum < \(root)/noise
            { tail -c 20M \(root)/noise; tail -c 20M \(root)/noise; } | sha256sum
            """, timeout: 120)
        let outcome = try ChildProcess.run(words(bundle), timeout: 400)
        let expected = digests.output.split(separator: "\n").map(String.init)
        let seen = outcome.output.split(separator: "\n").map(String.init)
        #expect(outcome.succeeded && seen.first.flatMap { Int($0) } ?? 0 > 0, "\(outcome)")
        #expect(seen.dropFirst() == expected[...], "\(outcome)")
        #expect(try shell("sha256sum < \(root)/copy", timeout: 60).line == expected.last)
    }

    @Test func noneOfAThousandExecsIsLost() throws {
        let bundle = try TemporaryBundle()
        try withMachine(bundle) {
            // Four at a time, each with what it says, what it complains of, and its status.
            let exec = bundle.command(["exec", bundle.identifier]).joined(separator: " ")
            let outcome = try shell(
                """
                one() {
                    said=$(\(exec) /bin/sh -c "echo $1; echo $1 >&2; exit $(($1 % 100))" 2>&1 | tr '\\n' ' ')
                    [ "$said" = "$1 $1 " ] || echo "$1 said '$said'"
                    \(exec) /bin/sh -c "exit $(($1 % 100))"; status=$?
                    [ $status = $(($1 % 100)) ] || echo "$1 ended with $status"
                }
                for worker in 0 1 2 3; do
                    (for number in $(seq $((worker * 125 + 1)) $((worker * 125 + 125))); do one $number; done; echo done) &
                done
                wait
                """, timeout: 1000)
            #expect(outcome.output == "done\ndone\ndone\ndone\n", "\(outcome)")
            // A machine that lost track of one would still list it.
            let listed = try bundle.call(["ps", bundle.identifier]).output.split(separator: "\n")
            #expect(listed.count == 2, "\(listed)")
        }
    }

    @Test func fourProcessorsWork() throws {
        let bundle = try TemporaryBundle { $0.vm = ["hwConfig": ["vcpus": 4, "memory": 268_435_456]] }
        let script = """
            for n in 0 1 2 3; do
                /bin/busybox taskset -c $n /bin/sh -c 'i=0; while [ $i -lt 60000 ]; do i=$((i + 1)); done' &
            done
            wait; grep '^cpu[0-9]' /proc/stat
            """
        bundle.spec.process.args = ["/bin/sh", "-c", .string(script)]
        try bundle.writeConfiguration()
        let outcome = try ChildProcess.run(words(bundle), timeout: 180)
        let worked = outcome.output.split(separator: "\n").map { line in
            (name: line.prefix { $0 != " " }, user: Int(line.split(separator: " ")[1]) ?? 0)
        }
        #expect(worked.map(\.name) == ["cpu0", "cpu1", "cpu2", "cpu3"], "\(outcome)")
        #expect(worked.allSatisfy { $0.user > 0 }, "\(outcome)")
    }

    @Test func eightMachinesLiveAtOnce() throws {
        let bundles = try (0..<8).map { number in
            let bundle = try TemporaryBundle { $0.vm = ["hwConfig": ["memory": 134_217_728]] }
            // Each waits for the others: none ends before all have begun.
            let script = """
                echo up > /all/\(number)
                until [ $(ls /all | wc -l) = 8 ]; do sleep 0.2; done
                exit 4\(number)
                """
            bundle.spec.process.args = ["/bin/sh", "-c", .string(script)]
            return bundle
        }
        let all = bundles[0].path("all")
        try FileManager.default.createDirectory(atPath: all, withIntermediateDirectories: true)
        for bundle in bundles {
            bundle.spec.mounts.append(
                ["destination": "/all", "type": "bind", "source": .string(all), "options": ["bind", "rw"]])
            // What another machine has made is seen when it is asked for.
            bundle.spec.annotations = ["dev.mvrun.vm.fs.cache": "never"]
            try bundle.writeConfiguration()
        }
        let machines = try bundles.map { try ChildProcess(words($0)) }
        for (number, machine) in machines.enumerated() {
            let outcome = machine.finish(timeout: 400 * RuntimeUnderTest.patience)
            #expect(outcome.code == 40 + Int32(number), "\(outcome)")
        }
        for bundle in bundles { #expect(HostInventory(naming: bundle.identifier).isEmpty) }
    }

    @Test(.requires(.program("script"))) func aTerminalsNewSizeIsTheProgramsInTheGuest() throws {
        let bundle = try TemporaryBundle { $0.root.readonly = false }
        try withMachine(bundle) {
            let script = """
                stty size; trap 'echo changed' WINCH; touch /ready
                for i in $(seq 300); do
                    sleep 0.1
                    if [ "$(stty size)" = '17 91' ]; then stty size; exit 3; fi
                done
                """
            try script.write(toFile: bundle.rootfs + "/watch", atomically: true, encoding: .utf8)
            let exec = bundle.command(["exec", "--tty", bundle.identifier]).joined(separator: " ")
            let command = """
                stty cols 77 rows 33; terminal=$(tty)
                (until [ -e \(bundle.rootfs)/ready ]; do sleep 0.1; done; stty -F $terminal cols 91 rows 17) &
                exec \(exec) /bin/sh /watch
                """
            let outcome = try ChildProcess.run(
                ["script", "--quiet", "--return", "--log-out", "/dev/null", "--command", command], timeout: 180)
            #expect(outcome.status == .exited(3), "\(outcome)")
            // script(1) has no input, and types a NUL for its end, which is echoed before there is a program.
            let said = outcome.output.replacing("^@", with: "").split(whereSeparator: \.isNewline)
            #expect(said == ["33 77", "changed", "17 91"], "\(outcome)")
        }
    }
}

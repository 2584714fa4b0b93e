import Foundation
import TestSupport
import Testing

/// What a bundle does in a virtual machine of its own, with a distribution's unmodified kernel.
///
/// `make test-lab` runs these in the machine of Tests/Lab where the host's own KVM cannot boot a kernel.
@Suite(.serialized, .requires(.root, .mvrun, .bootingKVM, .guestKernel)) struct GuestTests {
    private func run(_ bundle: TemporaryBundle, _ script: String, input: [UInt8] = []) throws -> Outcome {
        bundle.spec.process.args = ["/bin/sh", "-c", .string(script)]
        try bundle.writeConfiguration()
        let words = ["run", "--isolation", "vm", "--bundle", bundle.directory, bundle.identifier]
        return try bundle.call(words, input: input, timeout: 120)
    }

    @Test func theProgramsOutputAndStatusAreThoseOfTheRuntime() throws {
        let outcome = try run(try TemporaryBundle(), "hostname; echo wrong >&2; exit 7")
        #expect(outcome.code == 7 && outcome.line == "conformance" && outcome.errors.contains("wrong"), "\(outcome)")
    }

    @Test func theKernelIsNotTheHosts() throws {
        let outcome = try run(try TemporaryBundle(), "cat /proc/sys/kernel/random/boot_id")
        let own = try String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
        #expect(outcome.succeeded && !outcome.line.isEmpty && outcome.output != own, "\(outcome)")
    }

    @Test func aProgramThatIsMissingIsNamedAndTheStatusIs127() throws {
        let bundle = try TemporaryBundle { $0.process.args = ["/bin/nothing"] }
        try bundle.writeConfiguration()
        let outcome = try bundle.call(
            ["run", "--isolation", "vm", "--bundle", bundle.directory, bundle.identifier], timeout: 120)
        #expect(outcome.code == 127 && outcome.errors.contains("/bin/nothing: no such file or directory"), "\(outcome)")
    }

    @Test func theSpecsMachineIsTheGuests() throws {
        let bundle = try TemporaryBundle { $0.vm = ["hwConfig": ["vcpus": 4, "memory": 536_870_912]] }
        bundle.spec.process.args = ["/bin/sh", "-c", "grep -c ^processor /proc/cpuinfo"]
        try bundle.writeConfiguration()
        // No flag: the section asks for a machine.
        let outcome = try bundle.call(["run", "--bundle", bundle.directory, bundle.identifier], timeout: 120)
        #expect(outcome.line == "4", "\(outcome)")
    }

    @Test func theAnnotationAsksForAMachineToo() throws {
        let bundle = try TemporaryBundle { $0.annotations = ["dev.mvrun.isolation": "vm"] }
        bundle.spec.process.args = ["/bin/cat", "/proc/sys/kernel/random/boot_id"]
        try bundle.writeConfiguration()
        let outcome = try bundle.call(["run", "--bundle", bundle.directory, bundle.identifier], timeout: 120)
        let own = try String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
        #expect(outcome.succeeded && !outcome.line.isEmpty && outcome.output != own, "\(outcome)")
    }

    @Test func whatGoesThroughStandardInputComesOutUnchanged() throws {
        let input = (0..<(2 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 9) }
        let outcome = try run(try TemporaryBundle(), "cat", input: input)
        #expect(outcome.succeeded && outcome.outputBytes == input, "\(outcome.status), \(outcome.outputBytes.count)")
    }

    @Test func whatTheProgramWritesIsInTheRootAndBelongsToItsUser() throws {
        let bundle = try TemporaryBundle { $0.root.readonly = false }
        let outcome = try run(bundle, "echo written > /made; chown 1000:1000 /made; mkdir /folder; mv /made /folder/")
        #expect(outcome.succeeded, "\(outcome)")
        let path = bundle.rootfs + "/folder/made"
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect(attributes[.ownerAccountID] as? Int == 1000)
        #expect(FileManager.default.contents(atPath: path) == Data("written\n".utf8))
    }

    /// What a guest's kernel has as modules comes when it is asked for, and nobody asks in a machine without cards and disks.
    @Test func modulesAreLoadedWhenTheKernelAsksForThem() throws {
        let bundle = try TemporaryBundle()
        bundle.spec.grant("CAP_NET_RAW", "CAP_SYS_ADMIN")
        let outcome = try run(
            bundle,
            """
            list() { echo $1: $(cut -d ' ' -f 1 /proc/modules | grep -E '^(overlay|af_packet|virtio_net|virtio_blk)$' | sort); }
            list first; /bin/probe syscall 41 17 3 0; list second
            cd /dev/shm; mkdir a b c d
            /bin/busybox mount -t overlay -o lowerdir=a,upperdir=b,workdir=c none d; echo written > d/x; cat b/x; list third
            /bin/busybox mount -t nothing none d 2>&1
            """)
        let lines = outcome.output.split(separator: "\n").map(String.init)
        #expect(lines.contains("result=ok") && lines.contains("written"), "\(outcome)")
        #expect(lines.last?.contains("No such device") == true, "\(outcome)")
        // A kernel lists none of those that it has built in.
        let lists = lines.filter { $0.contains(":") }.prefix(3).map { $0.split(separator: " ").dropFirst() }
        try #require(lists.count == 3, "\(outcome)")
        #expect(lists[0].isEmpty && lists[1].allSatisfy { $0 == "af_packet" }, "\(outcome)")
        #expect(lists[2].isEmpty || lists[2].contains("overlay"), "\(outcome)")
    }

    /// For kernels that have no driver of the serial port.
    @Test func aVirtioConsoleIsThereForWhoAsksForOne() throws {
        let bundle = try TemporaryBundle { $0.vm = ["kernel": ["parameters": ["console=hvc0"]]] }
        bundle.spec.grant("CAP_MKNOD")
        let script = "/bin/busybox mknod /dev/hvc0 c 229 0; echo spoken > /dev/hvc0; exec sleep 1000"
        bundle.spec.process.args = ["/bin/sh", "-c", .string(script)]
        try bundle.writeConfiguration()
        let (id, output) = (bundle.identifier, bundle.path("output"))
        bundle.wrapper = ["sh", "-c", "exec \"$@\" < /dev/null > \(output) 2>&1", "sh"]
        let words = ["run", "--detach", "--isolation", "vm", "--bundle", bundle.directory, id]
        try #require(try bundle.call(words, timeout: 120).succeeded)
        bundle.wrapper = []
        #expect(eventually(timeout: 30) { (try? bundle.call(["console", id]).output.contains("spoken")) == true })
        try bundle.succeed("delete", "--force", id)
    }

    @Test func aMachineLivesThroughTheVerbsOfAContainer() throws {
        let bundle = try TemporaryBundle()
        let script = "trap 'echo told; exit 5' TERM; echo up; while :; do sleep 0.1; done"
        bundle.spec.process.args = ["/bin/sh", "-c", .string(script)]
        try bundle.writeConfiguration()
        let id = bundle.identifier
        let output = bundle.path("output")
        bundle.wrapper = ["sh", "-c", "exec \"$@\" < /dev/null > \(output) 2>&1", "sh"]
        let made = try bundle.call(["create", "--isolation", "vm", "--bundle", bundle.directory, id], timeout: 120)
        bundle.wrapper = []
        try #require(made.succeeded, "\(made)")
        func said() -> String { (try? String(contentsOfFile: output, encoding: .utf8)) ?? "" }
        #expect(try bundle.state().status == "created" && !said().contains("up"))
        #expect(try bundle.call(["start", id]).succeeded)
        #expect(eventually(timeout: 30) { said().contains("up") })
        let exec = ["exec", "--user", "1000:1000", "--env", "A=b", "--cwd", "/tmp", id, "/bin/sh", "-c"]
        let entered = try bundle.call(exec + ["id -u; echo $A; pwd; exit 9"])
        #expect(entered.code == 9 && entered.output == "1000\nb\n/tmp\n", "\(entered)")
        #expect(try bundle.call(["exec", id, "/bin/cat"], input: Array("typed".utf8)).output == "typed")
        for _ in 0..<20 { #expect(try bundle.call(["exec", id, "/bin/true"]).succeeded) }
        #expect(try bundle.call(["ps", id]).output.contains("sleep"))
        #expect(try bundle.call(["kill", id, "TERM"]).succeeded)
        #expect(eventually(timeout: 30) { (try? bundle.state().status) == "stopped" })
        #expect(said().contains("told"))
        #expect(try bundle.call(["delete", id]).succeeded)
        #expect(HostInventory(naming: id).isEmpty)
    }
}

import Foundation
import TestSupport
import Testing

/// The memory of a virtual machine: the balloon, and what events shows of it.
///
/// `make test-lab` runs these in the machine of Tests/Lab where the host's own KVM cannot boot a kernel.
@Suite(.serialized, .requires(.root, .mvrun, .bootingKVM, .guestKernel)) struct GuestMemoryTests {
    private func resident(_ pid: Int) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
        return try #require(Int(line.split { $0 == " " || $0 == "\t" }[1])) / 1024
    }

    @Test func memoryGoesBackToTheHostAndComesAgain() throws {
        let bundle = try TemporaryBundle {
            $0.process.args = ["/bin/sh", "-c", "exec sleep 1000"]
            $0.linux.resources.memory = ["limit": 201_326_592]
        }
        try bundle.writeConfiguration()
        let id = bundle.identifier
        let made = try bundle.call(["create", "--isolation", "vm", "--bundle", bundle.directory, id], timeout: 180)
        try #require(made.succeeded, "\(made)")
        try bundle.succeed("start", id)
        let pid = try #require(try bundle.state().pid.number)
        // What is touched and free again comes back by itself, in blocks that the guest reports as free.
        let fill = "dd if=/dev/zero of=/dev/shm/filled bs=1M count=60"
        #expect(try bundle.call(["exec", id, "/bin/sh", "-c", fill]).succeeded)
        let filled = try resident(pid)
        #expect(try bundle.call(["exec", id, "/bin/rm", "/dev/shm/filled"]).succeeded)
        #expect(eventually(timeout: 60) { ((try? resident(pid)) ?? 1000) < filled - 40 }, "from \(filled) MiB")

        try bundle.succeed("update", "--memory", "160M", id)
        func figures() throws -> JSON { try JSON(parsing: bundle.call(["events", "--stats", id]).output).data }
        let small = try figures()
        let (target, actual) = (small.machine.balloon.target.number, small.machine.balloon.actual.number)
        // 192 MiB and 70 for the kernel; 160 and 70.
        #expect(target == 32 << 20 && actual == target, "\(small.machine)")
        #expect(small.memory.usage.limit.number == 160 << 20, "\(small.memory)")
        #expect(small.machine.resident.number ?? 0 > 20 << 20, "\(small.machine)")
        #expect(small.pids.current.number == 1)
        let limit = try String(contentsOfFile: "/sys/fs/cgroup/\(id)/memory.max", encoding: .utf8)
        #expect((Int(limit.dropLast()) ?? 0) < 300 << 20, "\(limit)")

        try bundle.succeed("update", "--memory", "192M", id)
        #expect(try figures().machine.balloon.actual.number == 0)
        let refused = try bundle.call(["update", "--memory", "4G", id])
        #expect(!refused.succeeded && refused.errors.contains("cannot grow"), "\(refused)")
        try bundle.succeed("delete", "--force", id)
    }
}

import Board
import Devices
import FUSE
import Foundation
import Glibc
import GuestDriver
import Synchronization
import Syscalls
import Testing
import Virtio

/// The file server behind virtqueues.
@Suite struct FileSystemDeviceTests {
    private final class Outcome: Sendable {
        let problem = Mutex<String?>(nil)
    }

    /// Runs a body with a device over an empty folder, on a thread of its own: whoever serves files changes its thread.
    private func withDevice(_ body: @escaping @Sendable (GuestDriver, String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.path + "/virtiofs-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let outcome = Outcome()
        let thread = try RunningThread {
            do {
                let loop = try EventLoop()
                let server = try FileServer(
                    shares: [ShareConfiguration(path: folder, isReadOnly: false)], cache: .auto)
                let driver = try GuestDriver(
                    FileSystemDevice(tag: "mvrun", server: server, loops: [loop]), loop: loop)
                try body(driver, folder)
            } catch let error {
                outcome.problem.withLock { $0 = "\(error)" }
            }
        }
        thread.join()
        #expect(outcome.problem.withLock { $0 } == nil)
    }

    private func little<T: FixedWidthInteger>(_ values: T...) -> [UInt8] {
        values.flatMap { value in (0..<(T.bitWidth / 8)).map { UInt8(truncatingIfNeeded: value >> T(8 * $0)) } }
    }

    /// Sends one request in two pieces, and takes the reply from two pieces.
    private func ask(
        _ driver: GuestDriver, queue: Int = 1, _ opcode: UInt32, node: UInt64, _ body: [UInt8], room: UInt32 = 4096
    ) throws -> [UInt8] {
        let head = little(UInt32(40 + body.count), opcode) + little(UInt64(9), node) + little(UInt32(0), 0, 0, 0)
        let request = head + body
        try driver.memory.write(request, at: 0x10_0000)
        let half = UInt32(request.count / 2)
        _ = try driver.queues[queue].send(
            readable: [
                Segment(address: 0x10_0000, length: half),
                Segment(address: 0x10_0000 + UInt64(half), length: UInt32(request.count) - half),
            ],
            writable: [
                Segment(address: 0x20_0000, length: 20), Segment(address: 0x30_0000, length: room - 20),
            ])
        try driver.kick(queue)
        let used = try #require(try driver.queues[queue].takeUsed())
        let bytes =
            try driver.memory.read(0x20_0000, 20) + driver.memory.read(0x30_0000, max(0, Int(used.written) - 20))
        return Array(bytes[..<Int(used.written)])
    }

    private func begin(_ driver: GuestDriver) throws {
        try driver.start()
        let reply = try ask(driver, 26, node: 0, little(UInt32(7), 38, 0, 0))
        #expect(reply.count == 80 && Array(reply[4..<8]) == [0, 0, 0, 0])
    }

    @Test func theConfigurationHasTheTagAndTheNumberOfQueues() throws {
        try withDevice { driver, _ in
            #expect(driver.read(0x08) == 26)
            // "mvru" and "n".
            #expect(driver.read(0x100) == 0x7572_766d)
            #expect(driver.read(0x104) == 0x6e)
            #expect(driver.read(0x124) == 1)
        }
    }

    @Test func contentGoesThroughTheQueueBothWays() throws {
        try withDevice { [self] driver, folder in
            try begin(driver)
            let share = try ask(driver, 1, node: 1, Array("0".utf8) + [0])
            #expect(share.count == 144)
            let node = share[16..<24].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            let made = try ask(driver, 35, node: node, little(UInt32(O_RDWR), 0o644, 0, 0) + Array("a".utf8) + [0])
            #expect(made.count == 160)
            let handle = Array(made[144..<152])
            let content = (0..<3000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            let head = handle + little(UInt64(0)) + little(UInt32(3000), 0, 0, 0, 0, 0)
            let wrote = try ask(driver, 16, node: node, head + content)
            #expect(Array(wrote[16..<20]) == little(UInt32(3000)))
            #expect(try Data(contentsOf: URL(fileURLWithPath: folder + "/a")) == Data(content))
            let read = try ask(driver, 15, node: node, handle + little(UInt64(0)) + little(UInt32(4000), 0, 0, 0, 0, 0))
            #expect(Array(read[0..<4]) == little(UInt32(3016)))
            #expect(Array(read[16...]) == content)
        }
    }

    @Test func aForgetNeedsNoRoomAndIsGivenBack() throws {
        try withDevice { [self] driver, _ in
            try begin(driver)
            let request = little(UInt32(48), 2) + little(UInt64(9), 77) + little(UInt32(0), 0, 0, 0) + little(UInt64(1))
            try driver.memory.write(request, at: 0x10_0000)
            _ = try driver.queues[0].send(readable: [Segment(address: 0x10_0000, length: 48)])
            try driver.kick(0)
            #expect(try #require(try driver.queues[0].takeUsed()).written == 0)
        }
    }

    @Test func buffersThatAreNotInMemoryAreNotAnswered() throws {
        try withDevice { [self] driver, _ in
            try begin(driver)
            _ = try driver.queues[1].send(
                readable: [Segment(address: 0xf000_0000, length: 48)],
                writable: [Segment(address: 0x20_0000, length: 100)])
            try driver.kick(1)
            #expect(try (driver.queues[1].takeUsed()?.written ?? 0) == 0)
        }
    }

    @Test func aResetEndsTheSession() throws {
        try withDevice { [self] driver, _ in
            try begin(driver)
            driver.write(0, 0x70)
            try driver.start()
            // GETATTR before INIT: EIO.
            let reply = try ask(driver, 3, node: 1, [UInt8](repeating: 0, count: 16))
            #expect(Array(reply[4..<8]) == little(Int32(-5)))
        }
    }
}

import Glibc
import Syscalls
import Testing

@Suite struct ReadingTests {
    @Test(arguments: [0, 1, 16383, 16384, 16385, 40000, 2_000_000])
    func aFileIsReadWholeWhateverItsSize(size: Int) throws {
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let file = try OwnedDescriptor.memory(bytes, name: "test")
        #expect(try readFile("/proc/self/fd/\(file.number)", limit: size) == bytes)
        guard size > 0 else { return }
        #expect(throws: SystemError.self) { try readFile("/proc/self/fd/\(file.number)", limit: size - 1) }
    }

    @Test func theStartOfAFileIsReadUpToACount() throws {
        let file = try OwnedDescriptor.memory(Array("abcdef".utf8), name: "test")
        #expect(try readStart("/proc/self/fd/\(file.number)", count: 4) == "abcd")
        #expect(throws: SystemError("read", "/", .isDirectory)) { try readStart("/", count: 4) }
    }

    @Test func aPacketIsReceivedUpToALimitAndTheEndIsEmpty() throws {
        let pair = try PacketSocket.pair()
        try pair.ours.send([1, 2, 3])
        try pair.ours.send([4, 5, 6])
        #expect(try pair.theirs.receive().bytes == [1, 2, 3])
        #expect(try pair.theirs.receive(limit: 2).bytes == [4, 5])
        let theirs = pair.theirs.descriptor.number
        _ = shutdown(theirs, Int32(SHUT_RDWR))
        #expect(try pair.theirs.receive().bytes == [])
    }

    @Test func flagsOfALiteralAreUnited() {
        let none: OpenOptions = []
        #expect(none.rawValue == 0)
        let options: OpenOptions = [.writeOnly, .create, .exclusive]
        #expect(options.rawValue == O_WRONLY | O_CREAT | O_EXCL)
    }

    @Test func aRootedPathStartsAtTheRoot() {
        #expect(rootedPath([]) == "/")
        #expect(rootedPath(["a", "bc"]) == "/a/bc")
    }

    @Test func thePermittedCapabilitiesAreTheKernels() throws {
        let status = try readText("/proc/self/status")
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("CapPrm:") })
        #expect(try Capabilities.permitted() == UInt64(line.dropFirst(7).filter { $0 != "\t" }, radix: 16))
        #expect(throws: SystemError.self) { try Capabilities.dropFromBoundingSet(63) }
    }
}

import FUSE
import Glibc
import Syscalls
import Testing

/// Files of the host's that fail in the middle of a request.
@Suite struct FaultTests {
    private static let content = [UInt8](repeating: 7, count: 10_000)

    /// fuse_read_in and fuse_write_in.
    private func reading(_ handle: UInt64, at offset: UInt64, count: UInt32) -> Bytes {
        Bytes().u64(handle).u64(offset).u32(count).u32(0).u64(0).u32(0).u32(0)
    }

    private func writing(_ handle: UInt64, flags: UInt32) -> Bytes {
        Bytes().u64(handle).u64(0).u32(UInt32(Self.content.count)).u32(flags).u64(0).u32(0).u32(0).raw(Self.content)
    }

    /// A client that caches would take the end of a short answer for that of the file, and the rest of the file would be gone.
    @Test(arguments: [CacheMode.auto, .always]) func anErrorBehindAPartIsNoEndOfTheFile(cache: CacheMode) throws {
        try MemoryClient.run(cache: cache) { client in
            let file = try client.create("file", in: try client.share(0))
            #expect(client.ask(16, node: file.node, writing(file.handle, flags: 0))?.error == 0)
            client.bytesUntilFault = 6000
            #expect(client.ask(15, node: file.node, reading(file.handle, at: 0, count: 8192))?.error == -EIO)
            #expect(client.ask(15, node: file.node, reading(file.handle, at: 0, count: 4096))?.body.count == 4096)
            client.bytesUntilFault = nil
            #expect(client.ask(15, node: file.node, reading(file.handle, at: 8192, count: 4096))?.body.count == 1808)
            #expect(client.ask(15, node: file.node, reading(file.handle, at: 10_000, count: 4096))?.body.count == 0)
        }
    }

    /// Without a cache an answer is what read(2) returns, and the error is that of the next one.
    @Test func withoutACacheAPartIsAPart() throws {
        try MemoryClient.run(cache: .never) { client in
            let file = try client.create("file", in: try client.share(0))
            #expect(client.ask(16, node: file.node, writing(file.handle, flags: 0))?.error == 0)
            client.bytesUntilFault = 6000
            let answer = client.ask(15, node: file.node, reading(file.handle, at: 0, count: 8192))
            #expect(answer?.error == 0 && answer?.body.count == 6000)
        }
    }

    /// FUSE_WRITE_CACHE: pages that are written back late are clean to the client afterwards, so no part of them may be missing.
    @Test func pagesThatWereNotAllWrittenBackAreAnError() throws {
        try MemoryClient.run { client in
            let file = try client.create("file", in: try client.share(0))
            client.bytesUntilFault = 6000
            let answer = client.ask(16, node: file.node, writing(file.handle, flags: 0))
            #expect(answer?.error == 0 && answer?.number(at: 0, bytes: 4) == 6000)
            #expect(client.ask(16, node: file.node, writing(file.handle, flags: 1))?.error == -EIO)
        }
    }
}

import FUSE
import Foundation
import Glibc
import Testing

/// Numbers that a client makes up, and requests that lie about sizes; see docs/hostile-guests.md.
@Suite struct ForgeryTests {
    private func attributes(of path: String) -> [Int] {
        var status = stat()
        guard lstat(path, &status) == 0 else { return [] }
        return [
            Int(status.st_ino), Int(status.st_mode), Int(status.st_uid), Int(status.st_nlink), Int(status.st_size),
            status.st_ctim.tv_sec, status.st_ctim.tv_nsec,
        ]
    }

    @Test func numbersThatWereNotGivenAreNobody() throws {
        try MemoryClient.run { client in
            let root = try client.share(0)
            let file = try client.create("file", in: root)
            // Other generations of places that are in use, and places beyond the last.
            let nodes = [root + 1 << 32, file.node | 1 << 63, 0, 77, .max, .max - 1] as [UInt64]
            for node in nodes {
                #expect(client.ask(3, node: node, Bytes().u32(0).u32(0).u64(0))?.error == -ESTALE, "node \(node)")
                #expect(client.ask(14, node: node, Bytes().u32(0).u32(0))?.error == -ESTALE, "node \(node)")
                _ = client.ask(2, node: node, Bytes().u64(1))
            }
            for handle in [file.handle + 1 << 32, 0, 99, .max - 1] as [UInt64] {
                let read = Bytes().u64(handle).u64(0).u32(10).u32(0).u64(0).u32(0).u32(0)
                #expect(client.ask(15, node: file.node, read)?.error == -EBADF)
                #expect(client.ask(16, node: file.node, read)?.error == -EBADF)
                #expect(client.ask(18, node: file.node, Bytes().u64(handle).u32(0).u32(0).u64(0))?.error == -EBADF)
            }
            // A handle that was given back is not the one that takes its place.
            _ = client.ask(18, node: file.node, Bytes().u64(file.handle).u32(0).u32(0).u64(0))
            let again = try #require(client.ask(14, node: file.node, Bytes().u32(UInt32(O_RDWR)).u32(0)))
            #expect(again.number(at: 0, bytes: 8) != file.handle)
            let old = Bytes().u64(file.handle).u64(0).u32(10).u32(0).u64(0).u32(0).u32(0)
            #expect(client.ask(15, node: file.node, old)?.error == -EBADF)
        }
    }

    @Test func aHandleOfAnotherFileIsNotCutInItsPlace() throws {
        try MemoryClient.run { client in
            let root = try client.share(0)
            try "content".write(toFile: client.folder + "/ro/file", atomically: false, encoding: .utf8)
            try "content".write(toFile: client.folder + "/rw/victim", atomically: false, encoding: .utf8)
            let mine = try client.create("mine", in: root)
            let foreign = try client.lookup("file", in: try client.share(1))
            let victim = try client.lookup("victim", in: root)
            let opened = try #require(client.ask(14, node: foreign, Bytes().u32(0).u32(0)))
            let readOnlyHandle = opened.number(at: 0, bytes: 8)
            // SIZE and FH: the handle of another file, or one of a read-only share.
            for handle in [mine.handle, readOnlyHandle] {
                let cut = Bytes().u32(0x48).u32(0).u64(handle).u64(0).raw([UInt8](repeating: 0, count: 64))
                #expect(client.ask(4, node: foreign, cut)?.error == -EROFS)
                #expect(client.ask(4, node: mine.node, cut)?.error == 0)
            }
            #expect(attributes(of: client.folder + "/ro/file")[4] == 7)
            #expect(attributes(of: client.folder + "/rw/victim")[4] == 7)
            #expect(victim != mine.node)
        }
    }

    /// CVE-2026-46695 once more: not a list of what changes, but everything that there is.
    @Test func everyOpcodeLeavesAReadOnlyShareAsItWas() throws {
        try MemoryClient.run { client in
            let folder = client.folder + "/ro"
            try "content".write(toFile: folder + "/file", atomically: false, encoding: .utf8)
            mkdir(folder + "/d", 0o755)
            symlink("file", folder + "/link")
            let paths = [folder, folder + "/file", folder + "/d", folder + "/link"]
            let before = paths.map(attributes)
            let (root, other) = (try client.share(1), try client.share(0))
            let nodes = [root] + (try ["file", "d", "link"].map { try client.lookup($0, in: root) })
            let opened = try #require(client.ask(14, node: nodes[1], Bytes().u32(0).u32(0)))
            let handle = opened.number(at: 0, bytes: 8)
            let bodies = [
                Bytes(), Bytes().text("file"), Bytes().text("new").text("x"), Bytes().u64(root).text("file").text("new"),
                Bytes().u64(nodes[1]).text("new"), Bytes().u64(other).u32(0).u32(0).text("file").text("new"),
                Bytes().u32(0x7ff).u32(0).u64(handle).raw([UInt8](repeating: 1, count: 72)),
                Bytes().u64(handle).u64(0).u32(4).u32(0).u64(0).u32(0).u32(0).raw([1, 2, 3, 4]),
                Bytes().u64(handle).u64(0).u64(4).u32(0).u32(0), Bytes().u64(handle).u64(0).u64(4).u32(3).u32(0),
                Bytes().u64(handle).u64(0).u64(nodes[1]).u64(handle).u64(2).u64(4).u64(0),
                Bytes().u32(UInt32(O_RDWR | O_TRUNC)).u32(0), Bytes().u32(UInt32(O_TRUNC)).u32(1),
                Bytes().u32(UInt32(O_RDWR | O_TRUNC)).u32(0o644).u32(0).u32(0).text("file"),
                Bytes().u32(0o755).u32(0).text("new"), Bytes().u32(0o100644).u32(0).u32(0).u32(0).text("new"),
                Bytes().u32(1).u32(0).u32(0).u32(0).text("user.a").raw([1]), Bytes().text("user.a"),
            ]
            for opcode in 0..<UInt32(70) where opcode != 26 && opcode != 38 {
                for node in nodes {
                    for body in bodies { _ = client.ask(opcode, node: node, body) }
                }
            }
            #expect(paths.map(attributes) == before)
            #expect(try Set(FileManager.default.contentsOfDirectory(atPath: folder)) == ["file", "d", "link"])
        }
    }

    @Test func aShareOfASingleFileLeadsNowhereElse() throws {
        try MemoryClient.run { client in
            let single = try client.share(2)
            let attempts: [(UInt32, Bytes)] = [
                (1, Bytes().text("x")), (6, Bytes().text("x").text("y")), (9, Bytes().u32(0o755).u32(0).text("x")),
                (10, Bytes().text("single")), (12, Bytes().u64(single).text("single").text("x")),
                (27, Bytes().u32(0).u32(0)), (35, Bytes().u32(2).u32(0o644).u32(0).u32(0).text("x")),
            ]
            for (opcode, body) in attempts {
                #expect(client.ask(opcode, node: single, body)?.error == -ENOTDIR, "opcode \(opcode)")
            }
            // Nor does the file get a name in another share.
            #expect(client.ask(13, node: try client.share(0), Bytes().u64(single).text("x"))?.error == -EXDEV)
            #expect(client.ask(14, node: single, Bytes().u32(UInt32(O_RDWR)).u32(0))?.error == 0)
            for name in ["3", "-1", "+0", "00", "0/", "0x0", "9999999999999999999999"] {
                #expect((client.ask(1, node: 1, Bytes().text(name))?.error ?? 0) < 0, "share \(name)")
            }
        }
    }

    /// CVE-2020-10717, by locks: the host's locks take a descriptor each.
    @Test func locksOfTheHostAreBounded() throws {
        var limits = ServerLimits(descriptors: 64)
        limits.handles = 32
        try MemoryClient.run(locks: .host, limits: limits) { client in
            let root = try client.share(0)
            var taken = 0
            for index in 0..<20 {
                let file = try client.create("f\(index)", in: root)
                for owner in 0..<4 as Range<UInt64> {
                    let lock = Bytes().u64(file.handle).u64(owner).u64(owner).u64(owner).u32(UInt32(F_WRLCK)).u32(1)
                        .u32(0).u32(0)
                    switch client.ask(32, node: file.node, lock)?.error {
                    case 0: taken += 1
                    case -ENOLCK: break
                    case let error: Issue.record("\(String(describing: error))")
                    }
                }
                // Without its handle, and never flushed.
                _ = client.ask(18, node: file.node, Bytes().u64(file.handle).u32(0).u32(0).u64(0))
            }
            #expect(taken == 8)
        }
    }

    @Test func sizesThatLieAreRefused() throws {
        try MemoryClient.run { client in
            let root = try client.share(0)
            let file = try client.create("file", in: root)
            func set(_ size: UInt32, _ value: [UInt8]) -> Int32? {
                client.ask(21, node: file.node, Bytes().u32(size).u32(0).u32(0).u32(0).text("user.a").raw(value))?.error
            }
            #expect(set(65537, [UInt8](repeating: 1, count: 65537)) == -E2BIG)
            #expect(set(.max, [1]) == -E2BIG)
            #expect(set(100, [1]) == -EINVAL)
            // More room than a reply may have, and more than an attribute can have.
            let huge = Bytes().u32(.max).u32(0).text("user.a")
            #expect((client.ask(22, node: file.node, huge, capacity: 64)?.error ?? 1) < 0)
            #expect(client.ask(23, node: file.node, Bytes().u32(.max).u32(0))?.error == 0)
            // A WRITE of more than comes with it, or than one may have.
            for count in [2, 1 << 20, (1 << 20) + 1, .max] as [UInt32] {
                let write = Bytes().u64(file.handle).u64(0).u32(count).u32(0).u64(0).u32(0).u32(0).raw([1])
                #expect(client.ask(16, node: file.node, write)?.error == -EINVAL)
            }
            #expect(attributes(of: client.folder + "/rw/file")[4] == 0)
            // A READDIR without room, with all room, and from everywhere.
            let directory = try #require(client.ask(27, node: root, Bytes().u32(0).u32(0))).number(at: 0, bytes: 8)
            for offset in [0, 1, 1 << 40, UInt64(Int64.max), 1 << 63, .max] as [UInt64] {
                for size in [0, 1, 23, 4096, .max] as [UInt32] {
                    let list = Bytes().u64(directory).u64(offset).u32(size).u32(0).u64(0).u32(0).u32(0)
                    let answer = try #require(client.ask(44, node: root, list))
                    #expect(answer.error <= 0 && answer.body.count <= 1 << 17)
                }
            }
        }
    }

    @Test func aSecondGreetingForgetsTheFirst() throws {
        try MemoryClient.run { client in
            let file = try client.create("file", in: try client.share(0))
            #expect(client.initialise()?.error == 0)
            #expect(client.ask(3, node: file.node, Bytes().u32(0).u32(0).u64(0))?.error == -ESTALE)
            let read = Bytes().u64(file.handle).u64(0).u32(10).u32(0).u64(0).u32(0).u32(0)
            #expect(client.ask(15, node: file.node, read)?.error == -EBADF)
        }
    }

    /// A count that was never reached, given back again and again; and one that goes on growing.
    @Test func lookupCountsNeitherRunOverNorUnder() throws {
        try MemoryClient.run { client in
            let root = try client.share(0)
            let node = try client.create("file", in: root).node
            for _ in 0..<3 { _ = try client.lookup("file", in: root) }
            _ = client.ask(2, node: node, Bytes().u64(3))
            #expect(client.ask(3, node: node, Bytes().u32(0).u32(0).u64(0))?.error == 0)
            for _ in 0..<3 { _ = client.ask(2, node: node, Bytes().u64(.max)) }
            #expect(client.ask(3, node: node, Bytes().u32(0).u32(0).u64(0))?.error == -ESTALE)
            let fresh = try client.lookup("file", in: root)
            #expect(fresh != node)
            _ = client.ask(36, node: 0, Bytes().u64(.max))
        }
    }
}

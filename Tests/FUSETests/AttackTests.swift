import FUSE
import Foundation
import Glibc
import Synchronization
import Syscalls
import Testing

/// What a hostile client can send.
@Suite struct AttackTests {
    /// CVE-2026-47243 was a symbolic link with an absolute name; every opcode that takes a name is tried with all of them.
    @Test(arguments: ["", ".", "..", "/", "/etc/x", "a/b", "../x", "a/", "./a"])
    func aNameThatIsNoComponentIsRefusedInEveryOpcode(name: String) throws {
        try MemoryClient.run { client in
            let root = try client.share(0)
            _ = try client.create("file", in: root)
            let file = try client.lookup("file", in: root)
            let attempts: [(UInt32, Bytes)] = [
                (1, Bytes().text(name)),
                (6, Bytes().text(name).text("target")),
                (8, Bytes().u32(S_IFREG | 0o644).u32(0).u32(0).u32(0).text(name)),
                (9, Bytes().u32(0o755).u32(0).text(name)),
                (10, Bytes().text(name)),
                (11, Bytes().text(name)),
                (12, Bytes().u64(root).text(name).text("new")),
                (12, Bytes().u64(root).text("file").text(name)),
                (13, Bytes().u64(file).text(name)),
                (35, Bytes().u32(UInt32(O_RDWR)).u32(0o644).u32(0).u32(0).text(name)),
                (45, Bytes().u64(root).u32(0).u32(0).text(name).text("new")),
                (45, Bytes().u64(root).u32(0).u32(0).text("file").text(name)),
            ]
            for (opcode, body) in attempts {
                #expect(client.ask(opcode, node: root, body)?.error == -EINVAL, "opcode \(opcode)")
            }
            let left = try FileManager.default.contentsOfDirectory(atPath: client.folder + "/rw")
            #expect(left == ["file"])
        }
    }

    @Test func aNameOf256BytesIsTooLong() throws {
        try MemoryClient.run { client in
            let root = try client.share(0)
            let name = String(repeating: "a", count: 256)
            #expect(client.ask(1, node: root, Bytes().text(name))?.error == -ENAMETOOLONG)
            #expect(client.ask(9, node: root, Bytes().u32(0o755).u32(0).text(name))?.error == -ENAMETOOLONG)
        }
    }

    @Test func aNameWithoutItsEndIsRefused() throws {
        try MemoryClient.run { client in
            let root = try client.share(0)
            for opcode: UInt32 in [1, 10, 11] {
                #expect(client.ask(opcode, node: root, Bytes().raw([97, 98]))?.error == -EINVAL)
                #expect(client.ask(opcode, node: root)?.error == -EINVAL)
            }
            // The second name is missing.
            #expect(client.ask(12, node: root, Bytes().u64(root).text("a"))?.error == -EINVAL)
            #expect(client.ask(6, node: root, Bytes().text("a"))?.error == -EINVAL)
        }
    }

    /// CVE-2026-46695: read-only was enforced by the client's mount alone.
    @Test func nothingOfAReadOnlyShareCanBeChanged() throws {
        try MemoryClient.run { client in
            try "content".write(toFile: client.folder + "/ro/file", atomically: false, encoding: .utf8)
            let (root, other) = (try client.share(1), try client.share(0))
            let file = try client.lookup("file", in: root)
            let made = try client.create("other", in: other)
            let attributes = Bytes().u32(1).u32(0).raw([UInt8](repeating: 0, count: 80))
            let attempts: [(UInt32, UInt64, Bytes)] = [
                (4, file, attributes),
                (6, root, Bytes().text("a").text("target")),
                (8, root, Bytes().u32(S_IFREG | 0o644).u32(0).u32(0).u32(0).text("a")),
                (9, root, Bytes().u32(0o755).u32(0).text("a")),
                (10, root, Bytes().text("file")),
                (11, root, Bytes().text("file")),
                (12, root, Bytes().u64(root).text("file").text("new")),
                (12, other, Bytes().u64(root).text("other").text("new")),
                (12, root, Bytes().u64(other).text("file").text("new")),
                (13, root, Bytes().u64(made.node).text("new")),
                (13, other, Bytes().u64(file).text("new")),
                (14, file, Bytes().u32(UInt32(O_RDWR)).u32(0)),
                (14, file, Bytes().u32(UInt32(O_WRONLY)).u32(0)),
                (14, file, Bytes().u32(UInt32(O_TRUNC)).u32(0)),
                (21, file, Bytes().u32(1).u32(0).u32(0).u32(0).text("user.a").raw([1])),
                (24, file, Bytes().text("user.a")),
                (35, root, Bytes().u32(UInt32(O_RDWR)).u32(0o644).u32(0).u32(0).text("a")),
                (45, root, Bytes().u64(root).u32(0).u32(0).text("file").text("new")),
                (51, root, Bytes().u32(UInt32(O_RDWR)).u32(0o644).u32(0).u32(0).text("a")),
            ]
            for (opcode, node, body) in attempts {
                #expect(client.ask(opcode, node: node, body)?.error == -EROFS, "opcode \(opcode)")
            }
            // Opened for reading, a handle does not write.
            let open = try #require(client.ask(14, node: file, Bytes().u32(0).u32(0)))
            let handle = open.number(at: 0, bytes: 8)
            let write = Bytes().u64(handle).u64(0).u32(1).u32(0).u64(0).u32(0).u32(0).raw([120])
            #expect(client.ask(16, node: file, write)?.error == -EROFS)
            #expect(client.ask(43, node: file, Bytes().u64(handle).u64(0).u64(9).u32(0).u32(0))?.error == -EROFS)
            let copy = Bytes().u64(made.handle).u64(0).u64(file).u64(handle).u64(0).u64(1).u64(0)
            #expect(client.ask(47, node: made.node, copy)?.error == -EROFS)
            #expect(try String(contentsOfFile: client.folder + "/ro/file", encoding: .utf8) == "content")
            #expect(try FileManager.default.contentsOfDirectory(atPath: client.folder + "/ro") == ["file"])
        }
    }

    /// CVE-2020-35517: device nodes of the host's, made or opened.
    @Test func devicesAreNeitherMadeNorOpened() throws {
        try MemoryClient.run { client in
            let root = try client.share(0)
            for mode in [S_IFCHR, S_IFBLK] {
                let body = Bytes().u32(mode | 0o666).u32(0x103).u32(0).u32(0).text("device")
                #expect(client.ask(8, node: root, body)?.error == -EPERM)
            }
            let body = Bytes().u32(S_IFIFO | 0o600).u32(0).u32(0).u32(0).text("fifo")
            #expect(client.ask(8, node: root, body)?.error == 0)
            let fifo = try client.lookup("fifo", in: root)
            // It would wait for ever.
            #expect(client.ask(14, node: fifo, Bytes().u32(0).u32(0))?.error == -ENXIO)
            guard mknod(client.folder + "/rw/null", S_IFCHR | 0o666, 0x103) == 0 else { return }
            let null = try client.lookup("null", in: root)
            #expect(client.ask(14, node: null, Bytes().u32(0).u32(0))?.error == -ENXIO)
            let create = Bytes().u32(UInt32(O_RDWR)).u32(0o644).u32(0).u32(0).text("null")
            #expect(client.ask(35, node: root, create)?.error == -ESTALE)
        }
    }

    /// CVE-2021-20263: a file keeps no capabilities that the client could use on the host.
    @Test func capabilitiesOfFilesCannotBeSetAndAreDroppedByAWrite() throws {
        try MemoryClient.run { client in
            let root = try client.share(0)
            let file = try client.create("file", in: root, mode: 0o755)
            // VFS_CAP_REVISION_2, cap_net_raw.
            let value: [UInt8] = [1, 0, 0, 2, 0, 0x20, 0, 0] + [UInt8](repeating: 0, count: 12)
            let set = Bytes().u32(20).u32(0).u32(0).u32(0)
            #expect(client.ask(21, node: file.node, set.text("security.capability").raw(value))?.error == -EPERM)
            let trusted = set.text("trusted.overlay.opaque").raw(value)
            #expect(client.ask(21, node: file.node, trusted)?.error == -EOPNOTSUPP)
            let path = client.folder + "/rw/file"
            let onHost = ServedFile(try OwnedDescriptor.open(path, .path))
            let attribute = try #require(FileName(text: Array("security.capability".utf8)[...], limit: 255))
            guard (try? onHost.setExtendedAttribute(attribute, to: value[...], flags: 0)) != nil else { return }
            let write = Bytes().u64(file.handle).u64(0).u32(1).u32(0).u64(0).u32(0).u32(0).raw([120])
            #expect(client.ask(16, node: file.node, write)?.error == 0)
            #expect(throws: Errno.self) { try onHost.extendedAttribute(attribute, limit: 0) }
        }
    }

    /// CVE-2018-13405 and CVE-2022-0358: a user does not get a set-group-ID file of a group that is not theirs.
    @Test(.enabled(if: geteuid() == 0, "needs root to be others"))
    func filesBelongToTheCallerAndLoseTheSetGroupIDOfForeignGroups() throws {
        try MemoryClient.run { client in
            let directory = client.folder + "/rw"
            chown(directory, 0, 2000)
            chmod(directory, 0o2777)
            let root = try client.share(0)
            client.user = 1000
            _ = try client.create("file", in: root, mode: 0o2775)
            var status = stat()
            stat(directory + "/file", &status)
            #expect(status.st_uid == 1000 && status.st_gid == 2000)
            #expect(status.st_mode & 0o7777 == 0o755)
            #expect(geteuid() == 0)
        }
    }

    /// CVE-2020-10717: descriptors run out.
    @Test func openFilesAreBounded() throws {
        var limits = ServerLimits(descriptors: 64)
        limits.handles = 20
        limits.pins = 20
        try MemoryClient.run(limits: limits) { client in
            let root = try client.share(0)
            var directory = root
            for index in 0..<200 {
                let made = try #require(client.ask(9, node: directory, Bytes().u32(0o755).u32(0).text("d\(index)")))
                directory = made.number(at: 0, bytes: 8)
            }
            var failures = 0
            for index in 0..<40 {
                let body = Bytes().u32(UInt32(O_RDWR)).u32(0o644).u32(0).u32(0).text("f\(index)")
                if client.ask(35, node: directory, body)?.error == -ENFILE { failures += 1 }
            }
            #expect(failures == 20)
            #expect(client.ask(3, node: directory, Bytes().u32(0).u32(0).u64(0))?.error == 0)
        }
    }

    @Test func filesThatAreKnownAreBounded() throws {
        var limits = ServerLimits()
        limits.nodes = 10
        try MemoryClient.run(limits: limits) { client in
            let root = try client.share(0)
            for index in 0..<20 {
                try Data().write(to: URL(fileURLWithPath: client.folder + "/rw/\(index)"))
                let expected = index < 7 ? 0 : -ENFILE
                #expect(client.ask(1, node: root, Bytes().text("\(index)"))?.error == expected)
            }
        }
    }

    /// A host's rename between two requests: what a number meant is what it means, or nothing.
    @Test func aNameThatNowLeadsElsewhereIsStale() throws {
        try MemoryClient.run { client in
            let root = try client.share(0)
            let path = client.folder + "/rw/file"
            try "mine".write(toFile: path, atomically: false, encoding: .utf8)
            let file = try client.lookup("file", in: root)
            try FileManager.default.removeItem(atPath: path)
            symlink("/etc/passwd", path)
            #expect(client.ask(14, node: file, Bytes().u32(0).u32(0))?.error == -ESTALE)
            #expect(client.ask(3, node: file, Bytes().u32(0).u32(0).u64(0))?.error == -ESTALE)
            let link = try client.lookup("file", in: root)
            #expect(client.ask(14, node: link, Bytes().u32(0).u32(0))?.error == -ENXIO)
            #expect(client.ask(1, node: link, Bytes().text("a"))?.error == -ENOTDIR)
        }
    }

    /// A directory of the share takes turns with a link out of it, while the client walks through it.
    @Test func aRaceWithTheHostLeadsNowhereElse() throws {
        try MemoryClient.run(cache: .never) { client in
            let folder = client.folder
            let (inside, outside) = (client.folder + "/rw/d", client.folder + "/outside")
            for path in [inside, outside] {
                try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            }
            try "inside".write(toFile: inside + "/file", atomically: false, encoding: .utf8)
            try "secret".write(toFile: outside + "/file", atomically: false, encoding: .utf8)
            let link = client.folder + "/rw/link"
            symlink(outside, link)
            let done = Stop()
            let racer = try RunningThread {
                while !done.isSet.load(ordering: .relaxed) {
                    // RENAME_EXCHANGE: there always is one of the two.
                    guard let directory = try? OwnedDescriptor.open(folder + "/rw", [.readOnly, .directory]),
                        let d = FileName(component: [100]), let l = FileName(component: Array("link".utf8)[...])
                    else { return }
                    let file = ServedFile(directory)
                    for _ in 0..<100 { try? file.rename(d, to: l, in: file, flags: 2) }
                }
            }
            defer {
                done.isSet.store(true, ordering: .relaxed)
                racer.join()
            }
            let root = try client.share(0)
            var contents = Set<String>()
            for _ in 0..<3000 {
                guard let directory = try? client.lookup("d", in: root),
                    let file = try? client.lookup("file", in: directory),
                    let opened = client.ask(14, node: file, Bytes().u32(0).u32(0)), opened.error == 0
                else { continue }
                let handle = opened.number(at: 0, bytes: 8)
                let read = Bytes().u64(handle).u64(0).u32(10).u32(0).u64(0).u32(0).u32(0)
                let answer = try #require(client.ask(15, node: file, read))
                contents.insert(String(decoding: answer.body, as: UTF8.self))
                _ = client.ask(18, node: file, Bytes().u64(handle).u32(0).u32(0).u64(0))
                _ = client.ask(2, node: directory, Bytes().u64(1))
            }
            #expect(contents.isSubset(of: ["inside"]))
        }
    }

    private final class Stop: Sendable {
        let isSet = Atomic(false)
    }

    @Test func forgettingMoreThanWasToldIsHarmless() throws {
        try MemoryClient.run { client in
            let root = try client.share(0)
            let file = try client.create("file", in: root)
            _ = client.ask(2, node: file.node, Bytes().u64(.max))
            _ = client.ask(2, node: root, Bytes().u64(.max))
            _ = client.ask(42, node: 0, Bytes().u32(.max).u32(0).u64(file.node).u64(.max).u64(1).u64(.max))
            #expect(client.ask(3, node: file.node, Bytes().u32(0).u32(0).u64(0))?.error == -ESTALE)
            #expect(client.ask(3, node: root, Bytes().u32(0).u32(0).u64(0))?.error == 0)
            // The handle is still open, and can be used and closed once.
            let read = Bytes().u64(file.handle).u64(0).u32(10).u32(0).u64(0).u32(0).u32(0)
            #expect(client.ask(15, node: file.node, read)?.error == 0)
            let release = Bytes().u64(file.handle).u32(0).u32(0).u64(0)
            #expect(client.ask(18, node: file.node, release)?.error == 0)
            #expect(client.ask(18, node: file.node, release)?.error == -EBADF)
        }
    }

    @Test func offsetsAndLengthsBeyondEveryFileAreRefused() throws {
        try MemoryClient.run { client in
            let root = try client.share(0)
            let file = try client.create("file", in: root)
            let read = Bytes().u64(file.handle).u64(.max).u32(10).u32(0).u64(0).u32(0).u32(0)
            #expect(client.ask(15, node: file.node, read)?.error == -EINVAL)
            let large = Bytes().u64(file.handle).u64(0).u32(.max).u32(0).u64(0).u32(0).u32(0)
            #expect(client.ask(15, node: file.node, large)?.error == 0)
            #expect(client.ask(16, node: file.node, large)?.error == -EINVAL)
            let allocate = Bytes().u64(file.handle).u64(UInt64(Int64.max)).u64(UInt64(Int64.max)).u32(0).u32(0)
            #expect((client.ask(43, node: file.node, allocate)?.error ?? 0) < 0)
            let directory = try #require(client.ask(27, node: root, Bytes().u32(0).u32(0)))
            let list = Bytes().u64(directory.number(at: 0, bytes: 8)).u64(.max).u32(4096).u32(0).u64(0).u32(0).u32(0)
            #expect((client.ask(28, node: root, list)?.error ?? 1) <= 0)
            // No room for a reply at all, or for none of the entries.
            #expect(client.ask(3, node: root, Bytes().u32(0).u32(0).u64(0), capacity: 0) == nil)
            #expect(client.ask(3, node: root, Bytes().u32(0).u32(0).u64(0), capacity: 20)?.error == -ERANGE)
        }
    }

    @Test func nothingIsServedBeforeTheVersionIsAgreedOn() throws {
        try MemoryClient.run(initialised: false) { client in
            #expect(client.ask(1, node: 1, Bytes().text("0"))?.error == -EIO)
            // Version 6.0; and 7.0, whose structures had other shapes.
            for (major, minor) in [(6, 0), (7, 0)] as [(UInt32, UInt32)] {
                let body = Bytes().u32(major).u32(minor).u32(0).u32(0)
                #expect(client.ask(26, node: 0, body)?.error == -EPROTO)
            }
            #expect(client.initialise()?.error == 0)
            #expect(client.ask(1, node: 1, Bytes().text("0"))?.error == 0)
            _ = client.ask(38, node: 0)
            #expect(client.ask(1, node: 1, Bytes().text("0"))?.error == -EIO)
        }
    }

    @Test func aLengthThatIsNotTheRequestsIsNotAnswered() throws {
        try MemoryClient.run { client in
            let head = Bytes().u32(39).u32(3).u64(1).u64(1).u32(0).u32(0).u32(0).u32(0)
            #expect(client.send(head.bytes) == nil)
            #expect(client.send([]) == nil)
            #expect(client.send([UInt8](repeating: 0xff, count: 40)) == nil)
        }
    }

    /// A generator with a fixed start: the same requests each time.
    @Test func randomRequestsAreAnsweredOrDropped() throws {
        try MemoryClient.run { client in
            let root = try client.share(0)
            let file = try client.create("file", in: root)
            let nodes: [UInt64] = [0, 1, root, file.node, try client.share(1), .max, 77]
            var state: UInt64 = 0x9e37_79b9_7f4a_7c15
            func next(_ bound: Int) -> Int {
                state ^= state << 13
                state ^= state >> 7
                state ^= state << 17
                return Int(state % UInt64(bound))
            }
            for _ in 0..<20000 {
                var body = Bytes()
                for _ in 0..<next(14) {
                    switch next(6) {
                    case 0: body = body.u64(file.handle)
                    case 1: body = body.u32(UInt32(next(64)))
                    case 2: body = body.u64(nodes[next(nodes.count)])
                    case 3: body = body.text(["a", "file", "..", "b/c"][next(4)])
                    case 4: body = body.u64(UInt64.max >> UInt64(next(64)))
                    default: body = body.u64(UInt64(next(8)))
                    }
                }
                let opcode = UInt32(next(54))
                // INIT and DESTROY would make everything behind them stale.
                if opcode == 26 || opcode == 38 { continue }
                _ = client.ask(opcode, node: nodes[next(nodes.count)], body, capacity: 1 << next(18))
            }
            #expect(client.ask(3, node: 1, Bytes().u32(0).u32(0).u64(0))?.error == 0)
        }
    }
}

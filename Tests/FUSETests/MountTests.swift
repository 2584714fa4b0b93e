import FUSE
import Foundation
import Glibc
import Synchronization
import Syscalls
import Testing

/// A folder of the host's, seen through /dev/fuse.
private enum Mounted {
    static let isPossible = geteuid() == 0 && access("/dev/fuse", R_OK | W_OK) == 0

    private final class Outcome: Sendable {
        let problem = Mutex<String?>(nil)
    }

    /// Mounts an empty folder, and runs a body on a thread of its own with both sides: as served, and as it is.
    static func run(
        cache: CacheMode = .auto, locks: LockScope = .client, readOnly: Bool = false,
        limits: ServerLimits = ServerLimits(),
        _ body: @escaping @Sendable (_ mount: String, _ source: String) throws -> Void
    ) throws {
        let folder = FileManager.default.temporaryDirectory.path + "/fuse-mount-\(UUID().uuidString)"
        let (source, target) = (folder + "/source", folder + "/mount")
        for path in [source, target] {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        let server = try FileServer(
            shares: [ShareConfiguration(path: source, isReadOnly: readOnly)], cache: cache, locks: locks,
            limits: limits)
        let device = try OwnedDescriptor.open("/dev/fuse", .readWrite)
        try Mounting.mount(
            "test", at: target, type: "fuse", flags: 6,
            data: "fd=\(device.number),rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions")
        let session = DeviceSession(device: device)
        let threads = try (0..<2).map { _ in try RunningThread { _ = try? session.run(server) } }
        let outcome = Outcome()
        let client = try RunningThread {
            do {
                try body(target + "/0", source)
            } catch let error {
                outcome.problem.withLock { $0 = "\(error)" }
            }
        }
        client.join()
        // By force, which ends the connection too: a mount namespace that somebody has made meanwhile has the mount as well.
        try #require(umount2(target, Int32(MNT_FORCE | MNT_DETACH)) == 0)
        for thread in threads { thread.join() }
        try? FileManager.default.removeItem(atPath: folder)
        #expect(outcome.problem.withLock { $0 } == nil)
    }
}

/// Opens a path as the tests need it.
private func file(_ path: String, _ options: OpenOptions = .readWrite) throws -> ServedFile {
    ServedFile(try OwnedDescriptor.open(path, options, mode: 0o644))
}

private func name(_ text: String) throws -> FileName {
    try #require(FileName(component: Array(text.utf8)[...]))
}

private func bytes(_ file: ServedFile, count: Int, at position: Int64 = 0) throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: count)
    let read = try file.read(into: &buffer, at: 0, count: count, from: position)
    return Array(buffer[..<read])
}

/// What programs see of a share.
@Suite(.serialized, .enabled(if: Mounted.isPossible, "needs root and /dev/fuse")) struct MountTests {
    @Test(arguments: [CacheMode.never, .auto, .always])
    func contentAndNamesAreTheSameOnBothSides(cache: CacheMode) throws {
        try Mounted.run(cache: cache) { mount, source in
            let content = [UInt8]((0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) })
            try file(mount + "/a", [.readWrite, .create]).descriptor.writeAll(content, subject: "a")
            #expect(try readFile(source + "/a") == content)
            #expect(try readFile(mount + "/a") == content)
            try makeDirectory(mount + "/d", mode: 0o750)
            try renameFile(mount + "/a", to: mount + "/d/b")
            #expect(try readFile(mount + "/d/b") == content)
            #expect(link(mount + "/d/b", mount + "/c") == 0)
            #expect(try status(of: source + "/c").isSameFile(as: status(of: source + "/d/b")))
            #expect(symlink("d/b", mount + "/s") == 0)
            #expect(try linkTarget(mount + "/s") == "d/b")
            #expect(try readFile(mount + "/s") == content)
            #expect(rmdir(mount + "/d") == -1 && errno == ENOTEMPTY)
            try removeFile(mount + "/d/b")
            #expect(try readFile(mount + "/c") == content)
            try removeDirectory(mount + "/d")
            #expect(!exists(source + "/d"))
        }
    }

    @Test func renamesCanExchangeAndRefuseToReplace() throws {
        try Mounted.run { mount, _ in
            try writeFileAtomically([1], to: mount + "/a")
            try writeFileAtomically([2], to: mount + "/b")
            let directory = try file(mount, [.readOnly, .directory])
            #expect(throws: Errno.exists) {
                try directory.rename(name("a"), to: name("b"), in: directory, flags: 1)
            }
            try directory.rename(name("a"), to: name("b"), in: directory, flags: 2)
            #expect(try readFile(mount + "/a") == [2] && readFile(mount + "/b") == [1])
            try directory.rename(name("a"), to: name("b"), in: directory, flags: 0)
            #expect(try readFile(mount + "/b") == [2] && !exists(mount + "/a"))
        }
    }

    @Test func aRemovedFileLivesAsLongAsItIsOpen() throws {
        try Mounted.run { mount, source in
            let open = try file(mount + "/a", [.readWrite, .create])
            // Known by its name alone: no handle keeps it.
            try writeFileAtomically([1, 2, 3], to: mount + "/p")
            let path = try file(mount + "/p", .path)
            try removeFile(mount + "/a")
            try removeFile(mount + "/p")
            _ = try open.write([7, 8], at: 0, count: 2, to: 0)
            #expect(try bytes(open, count: 9) == [7, 8])
            #expect(try open.attributes().links == 0 && path.attributes().size == 3)
            try open.truncate(to: 1)
            #expect(try open.attributes().size == 1)
            #expect(try FileManager.default.contentsOfDirectory(atPath: source).isEmpty)
        }
    }

    @Test func anUnnamedFileCanBeGivenAName() throws {
        try Mounted.run { mount, _ in
            let flags = OpenOptions(rawValue: 0o20_000_000 | O_DIRECTORY | O_RDWR)
            let open = try file(mount, flags)
            _ = try open.write([1, 2], at: 0, count: 2, to: 0)
            let descriptors = try file("/proc/self/fd", [.path, .directory])
            try file(mount, [.readOnly, .directory]).link(open, in: descriptors, as: name("named"))
            #expect(try readFile(mount + "/named") == [1, 2])
        }
    }

    @Test func holesAreMadeFoundAndKept() throws {
        try Mounted.run { mount, source in
            let open = try file(mount + "/sparse", [.readWrite, .create])
            _ = try open.write([1], at: 0, count: 1, to: 5 << 30)
            #expect(try open.attributes().size == 5 << 30 + 1)
            #expect(try status(of: source + "/sparse").size == 5 << 30 + 1)
            #expect(try open.seek(0, whence: 3) == 5 << 30)
            #expect(try open.seek(0, whence: 4) == 0)
            _ = try open.write([UInt8](repeating: 1, count: 8192), at: 0, count: 8192, to: 0)
            #expect(try open.seek(0, whence: 3) == 0)
            try open.allocate(mode: 3, from: 0, length: 4096)
            #expect(try open.seek(0, whence: 3) == 4096)
        }
    }

    @Test func rangesAreCopiedBetweenFiles() throws {
        try Mounted.run { mount, source in
            try writeFileAtomically([UInt8](repeating: 9, count: 10000), to: mount + "/a")
            let (from, to) = (try file(mount + "/a"), try file(mount + "/b", [.readWrite, .create]))
            var done = 0
            while done < 9000 {
                done += try from.copy(from: Int64(done), to: to, at: Int64(done), count: 9000 - done)
            }
            try to.synchronise(dataOnly: false)
            #expect(try readFile(source + "/b") == [UInt8](repeating: 9, count: 9000))
        }
    }

    @Test func extendedAttributesAndACLsAreTheHosts() throws {
        try Mounted.run { mount, source in
            let thread = try ServingThread(descriptors: file("/proc/self/fd", [.path, .directory]))
            try writeFileAtomically([1], to: mount + "/a", mode: 0o640)
            let (through, direct) = (try file(mount + "/a", .path), try file(source + "/a", .path))
            let user = try #require(FileName(text: Array("user.colour".utf8)[...], limit: 255))
            try through.setExtendedAttribute(user, to: [1, 2, 3], flags: 0)
            #expect(try direct.extendedAttribute(user, limit: 10).value == [1, 2, 3])
            #expect(throws: Errno.exists) { try through.setExtendedAttribute(user, to: [4], flags: 1) }
            #expect(try through.extendedAttribute(user, limit: 0).size == 3)
            // Version 2; user::rw-, user:1000:rw-, group::r--, mask::rw-, other::---.
            let none: [UInt8] = [0xff, 0xff, 0xff, 0xff]
            let list: [UInt8] =
                [2, 0, 0, 0] + [1, 0, 6, 0] + none + [2, 0, 6, 0, 0xe8, 3, 0, 0] + [4, 0, 4, 0] + none
                + [0x10, 0, 6, 0] + none + [0x20, 0, 0, 0] + none
            let access = try #require(FileName(text: Array("system.posix_acl_access".utf8)[...], limit: 255))
            do {
                try direct.setExtendedAttribute(access, to: list[...], flags: 0)
            } catch let error as Errno where error == .notSupported {
                return
            }
            #expect(try through.extendedAttribute(access, limit: 100).value == list)
            try through.removeExtendedAttribute(user)
            #expect(throws: Errno.self) { try direct.extendedAttribute(user, limit: 0) }
            _ = thread
        }
    }

    @Test func aDirectoryOf10000EntriesIsReadWhileItsFilesAreRemoved() throws {
        try Mounted.run { mount, source in
            for index in 0..<10000 {
                let made = open(source + "/f\(index)", O_CREAT | O_WRONLY, 0o644)
                try #require(made >= 0)
                close(made)
            }
            let directory = try file(mount, [.readOnly, .directory])
            var (seen, buffer) = (Set<String>(), [UInt8]())
            repeat {
                try directory.readEntries(into: &buffer, limit: 4096)
                var place = 0
                while place < buffer.count {
                    let length = Int(buffer[place + 16]) | Int(buffer[place + 17]) << 8
                    let text = String(
                        decoding: buffer[(place + 19)..<(place + length)].prefix { $0 != 0 }, as: UTF8.self)
                    place += length
                    if text == "." || text == ".." { continue }
                    #expect(seen.insert(text).inserted)
                    try removeFile(mount + "/" + text)
                }
            } while !buffer.isEmpty
            #expect(seen.count == 10000)
            #expect(try FileManager.default.contentsOfDirectory(atPath: source).isEmpty)
        }
    }

    @Test func locksOfTheHostStandAndAreWaitedFor() throws {
        try Mounted.run(locks: .host) { mount, source in
            try writeFileAtomically([1], to: source + "/a")
            let (direct, through) = (try file(source + "/a"), try file(mount + "/a"))
            let all = ServedFile.RangeLock(kind: F_WRLCK, start: 0, length: 0)
            try direct.lock(all)
            #expect(throws: Errno.wouldBlock) { try through.lock(all) }
            try direct.lockWhole(F_WRLCK)
            #expect(throws: Errno.wouldBlock) { try through.lockWhole(F_RDLCK) }
            try direct.lockWhole(F_UNLCK)
            try through.lockWhole(F_WRLCK)
            #expect(throws: Errno.wouldBlock) { try direct.lockWhole(F_RDLCK) }
            let waiter = try RunningThread {
                var lock = flock(l_type: Int16(F_WRLCK), l_whence: Int16(SEEK_SET), l_start: 0, l_len: 0, l_pid: 0)
                withUnsafeMutablePointer(to: &lock) { _ = fcntl(through.descriptor.number, F_SETLKW, $0) }
            }
            usleep(50_000)
            try direct.lock(ServedFile.RangeLock(kind: F_UNLCK, start: 0, length: 0))
            waiter.join()
            #expect(throws: Errno.wouldBlock) { try direct.lock(all) }
        }
    }

    @Test func aReadOnlyShareIsReadOnly() throws {
        try Mounted.run(readOnly: true) { mount, source in
            try writeFileAtomically([1], to: source + "/a")
            #expect(try readFile(mount + "/a") == [1])
            #expect(throws: SystemError.self) { try writeFileAtomically([2], to: mount + "/b") }
            #expect(open(mount + "/a", O_WRONLY) == -1 && errno == EROFS)
            #expect(chmod(mount + "/a", 0o777) == -1 && errno == EROFS)
            #expect(unlink(mount + "/a") == -1 && errno == EROFS)
        }
    }

    @Test func mappedPagesAreWrittenBack() throws {
        try Mounted.run { mount, source in
            let open = try file(mount + "/a", [.readWrite, .create])
            try open.truncate(to: 8192)
            let map = mmap(nil, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, open.descriptor.number, 0)
            try #require(map != MAP_FAILED)
            let start = try #require(map)
            memset(start, 0x41, 8192)
            #expect(msync(start, 8192, MS_SYNC) == 0)
            munmap(start, 8192)
            #expect(try readFile(source + "/a") == [UInt8](repeating: 0x41, count: 8192))
        }
    }

    /// With room for a few dozen descriptors, thousands of files and a deep path still work.
    @Test func manyFilesNeedFewDescriptors() throws {
        var limits = ServerLimits(descriptors: 64)
        limits.pins = 16
        try Mounted.run(limits: limits) { mount, source in
            var path = ""
            for depth in 0..<60 {
                path += "/d\(depth)"
                try makeDirectory(mount + path, mode: 0o755)
                try writeFileAtomically([UInt8(depth)], to: mount + path + "/file")
            }
            path = ""
            for depth in 0..<60 {
                path += "/d\(depth)"
                #expect(try readFile(mount + path + "/file") == [UInt8(depth)])
            }
            for index in 0..<3000 { try writeFileAtomically([], to: mount + "/f\(index)") }
            #expect(try FileManager.default.contentsOfDirectory(atPath: mount).count == 3001)
            _ = source
        }
    }

    @Test func whatTheHostChangesIsSeenAfterTheCachesTime() throws {
        try Mounted.run(cache: .auto) { mount, source in
            try writeFileAtomically([1], to: source + "/a")
            #expect(try readFile(mount + "/a") == [1])
            // Another file of the same name and size.
            try writeFileAtomically([2], to: source + "/a")
            usleep(1_100_000)
            #expect(try readFile(mount + "/a") == [2])
            // The same file, of the same size.
            let direct = try file(source + "/a")
            _ = try direct.write([3], at: 0, count: 1, to: 0)
            #expect(try readFile(mount + "/a") == [3])
            try removeFile(source + "/a")
            usleep(1_100_000)
            #expect(!exists(mount + "/a"))
        }
    }
}

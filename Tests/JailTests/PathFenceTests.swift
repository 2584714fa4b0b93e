import Foundation
import Glibc
import Synchronization
import Syscalls
import Testing

@testable import Jail

/// Landlock around a thread that does what a file server does.
///
/// A fence is a thread's: each test raises it on one of its own.
@Suite(.enabled(if: (PathFence.version ?? 0) >= PathFence.oldestVersion, "needs Landlock ABI 2"))
struct PathFenceTests {
    /// The folders of a test: one that is served, one that is served for reading, and one that is neither.
    private final class Folders: Sendable {
        let root: String

        init() throws {
            root = "/tmp/mvrun-fence-test.\(UInt64.random(in: 0 ... .max))"
            for name in ["served/a", "served/b", "fixed", "other"] {
                try FileManager.default.createDirectory(
                    atPath: "\(root)/\(name)", withIntermediateDirectories: true)
            }
            for name in ["served/a/file", "fixed/file", "other/file"] {
                try "content".write(toFile: "\(root)/\(name)", atomically: false, encoding: .utf8)
            }
        }

        deinit { try? FileManager.default.removeItem(atPath: root) }
    }

    /// Runs something inside of the fence, and says what each call returned: 0, or its error.
    private func fenced(
        _ folders: Folders, _ body: @escaping @Sendable (String) -> [Int32], meanwhile: (String) -> Void = { _ in }
    ) throws -> [Int32] {
        let results = Mutex<[Int32]>([])
        let failure = Mutex<String?>(nil)
        let thread = try RunningThread { [root = folders.root] in
            do {
                try ProcessControl.setNoNewPrivileges()
                if let fence = try PathFence() {
                    try fence.allow(try OwnedDescriptor.open(root + "/served", .path), .serving)
                    try fence.allow(try OwnedDescriptor.open(root + "/fixed", .path), .reading)
                    try fence.raise()
                }
                let found = body(root)
                results.withLock { $0 = found }
            } catch {
                failure.withLock { $0 = "\(error)" }
            }
        }
        meanwhile(folders.root)
        thread.join()
        #expect(failure.withLock { $0 } == nil)
        return results.withLock { $0 }
    }

    @Test func aServedTreeIsServed() throws {
        let folders = try Folders()
        let results = try fenced(folders) { root in
            let served = root + "/served"
            return [
                reopened(served + "/a/file", O_RDWR), reopened(served + "/a/file", O_WRONLY | O_TRUNC),
                result(truncate(served + "/a/file", 3)),
                result(rename(served + "/a/file", served + "/b/moved")),
                result(link(served + "/b/moved", served + "/a/second")),
                result(mkdir(served + "/b/made", 0o700)), result(symlink("x", served + "/b/link")),
                result(mkfifo(served + "/b/fifo", 0o600)), result(mknod(served + "/b/whiteout", S_IFCHR, 0)),
                reopened(served + "/a", O_RDONLY | O_DIRECTORY),
                reopened(served + "/a", 0o20_000_000 | O_DIRECTORY | O_RDWR),
                result(chmod(served + "/b/moved", 0o600)), result(unlink(served + "/b/moved")),
                result(rmdir(served + "/b/made")),
            ]
        }
        #expect(results == Array(repeating: 0, count: 14))
    }

    @Test func aTreeThatIsReadOnlyStaysThatWay() throws {
        let results = try fenced(try Folders()) { root in
            [
                reopened(root + "/fixed/file", O_RDONLY), reopened(root + "/fixed/file", O_WRONLY),
                result(truncate(root + "/fixed/file", 3)), result(unlink(root + "/fixed/file")),
                result(mkdir(root + "/fixed/made", 0o700)),
                result(link(root + "/served/a/file", root + "/fixed/second")),
            ]
        }
        // Of version 2, cutting a file by its name is not seen.
        let cut = (PathFence.version ?? 0) >= 3 ? EACCES : 0
        #expect(results[..<2] == [0, EACCES])
        #expect(results[2] == cut)
        #expect(results[3...4] == [EACCES, EACCES])
        // A link to another folder where less is allowed.
        #expect([EXDEV, EACCES].contains(results[5]))
    }

    @Test func whatIsNotServedIsOutOfReach() throws {
        let results = try fenced(try Folders()) { root in
            [
                reopened(root + "/other/file", O_RDONLY), result(open("/etc/passwd", O_RDONLY)),
                result(open("/proc/self/mem", O_RDWR)), result(rename(root + "/served/a/file", root + "/other/taken")),
                result(unlink(root + "/other/file")), result(open("/dev/null", O_WRONLY)),
                result(unsafe execve("/bin/true", [nil], [nil])), result(unsafe mount("none", root, "tmpfs", 0, nil)),
            ]
        }
        #expect(results[..<3] == [EACCES, EACCES, EACCES])
        #expect([EXDEV, EACCES].contains(results[3]))
        #expect(results[4...] == [EACCES, EACCES, EACCES, EPERM])
    }

    @Test func aFileThatTheHostTakesOutOfItsTreeIsOutOfReach() throws {
        let folders = try Folders()
        let results = try fenced(folders) { root in
            let file = open(root + "/served/a/file", 0o10_000_000)
            let before = result(open("/proc/self/fd/\(file)", O_RDONLY))
            _ = mkdir(root + "/served/ready", 0o700)
            while access(root + "/other/taken", F_OK) != 0 { usleep(1000) }
            return [before, result(open("/proc/self/fd/\(file)", O_RDONLY))]
        } meanwhile: { root in
            // This thread is in no fence: it stands for another program of the host.
            while access(root + "/served/ready", F_OK) != 0 { usleep(1000) }
            _ = rename(root + "/served/a/file", root + "/other/taken")
        }
        #expect(results == [0, EACCES])
    }

    @Test func pipesAreOpenedAnew() throws {
        let results = try fenced(try Folders()) { _ in
            var ends: [Int32] = [0, 0]
            _ = pipe(&ends)
            return [result(open("/proc/self/fd/\(ends[0])", O_RDONLY | O_NONBLOCK))]
        }
        #expect(results == [0])
    }
}

/// 0, or the error of the call that has just returned.
private func result(_ value: Int32) -> Int32 {
    value < 0 ? errno : 0
}

/// Opens a file as the file server does: by name without access first, then anew by its descriptor.
private func reopened(_ path: String, _ flags: Int32) -> Int32 {
    let found = open(path, 0o10_000_000 | O_NOFOLLOW)
    if found < 0 { return errno }
    defer { close(found) }
    return result(open("/proc/self/fd/\(found)", flags, 0o600))
}

import FUSE
import Foundation
import Glibc
import Syscalls

/// Requests of a hostile client to the file server: over a folder that can be written, one that cannot, and a single file of
/// each kind. A canary lies beside them, and must be what it was when all is said.
enum FUSETarget {
    private static let requests = 64
    static let ground = FUSEGround()

    static func run(_ input: inout FuzzInput) {
        guard let ground, let client = try? FUSEClient(ground, mode: input.byte()) else { return }
        for _ in 0..<requests where !input.isEmpty { client.request(&input) }
        client.finish()
        ground.check()
    }

    static var seeds: [[UInt8]] { FUSESeeds.all }
}

/// The folders of the host that are served, and what must not change.
final class FUSEGround: Sendable {
    let path: String
    private let before: [String: Mark]

    /// What shows every change of a file, and every new name of it.
    private struct Mark: Equatable, Sendable {
        let numbers: [UInt64]

        init?(_ path: String) {
            var status = stat()
            guard lstat(path, &status) == 0 else { return nil }
            numbers = [
                UInt64(status.st_ino), UInt64(status.st_mode), UInt64(status.st_uid), UInt64(status.st_gid),
                UInt64(status.st_nlink), UInt64(status.st_size), UInt64(status.st_mtim.tv_sec),
                UInt64(status.st_mtim.tv_nsec), UInt64(status.st_ctim.tv_sec), UInt64(status.st_ctim.tv_nsec),
            ]
        }
    }

    init?() {
        // In memory: nothing of what a client asks for waits for a disk.
        let parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : NSTemporaryDirectory()
        let path = "\(parent)/mvrun-fuse-\(UUID().uuidString)"
        self.path = path
        do {
            for folder in ["rw", "ro/d", "canary/d"] {
                try FileManager.default.createDirectory(atPath: "\(path)/\(folder)", withIntermediateDirectories: true)
            }
            for name in ["file", "rofile", "canary/secret", "ro/file", "ro/d/x"] {
                try Data("secret".utf8).write(to: URL(filePath: "\(path)/\(name)"))
            }
            try FileManager.default.createSymbolicLink(atPath: "\(path)/ro/out", withDestinationPath: "../canary")
        } catch {
            return nil
        }
        before = Self.marks(of: path)
        // It lives as long as the program.
        atexit { FUSETarget.ground.map { try? FileManager.default.removeItem(atPath: $0.path) } }
    }

    private static func marks(of path: String) -> [String: Mark] {
        var marks: [String: Mark] = [:]
        let names = [
            "", "rofile", "ro", "ro/file", "ro/d", "ro/d/x", "ro/out", "canary", "canary/d", "canary/secret",
        ]
        for name in names { marks[name] = Mark("\(path)/\(name)") }
        return marks
    }

    var shares: [ShareConfiguration] {
        [("rw", false), ("ro", true), ("file", false), ("rofile", true)].map {
            ShareConfiguration(path: "\(path)/\($0.0)", isReadOnly: $0.1)
        }
    }

    /// Nothing has changed but in the folder and the file that can be written; those are put back.
    func check() {
        precondition(Self.marks(of: path) == before, "nothing outside of the shares and nothing read-only has changed")
        clear("\(path)/rw", depth: 0)
        // The folder and the file themselves, whatever became of their owners and bits.
        for (name, mode) in [("rw", 0o755), ("file", 0o644)] as [(String, mode_t)] {
            precondition(lchown("\(path)/\(name)", 0, 0) == 0 || geteuid() != 0, "a share's root stays")
            chmod("\(path)/\(name)", mode)
        }
        truncate("\(path)/file", 0)
    }

    /// Removes what is in a folder; no device of the host's may be there.
    private func clear(_ folder: String, depth: Int) {
        chmod(folder, 0o755)
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
            var status = stat()
            let file = "\(folder)/\(name)"
            guard lstat(file, &status) == 0 else { continue }
            let kind = status.st_mode & S_IFMT
            precondition(
                kind != S_IFBLK && (kind != S_IFCHR || status.st_rdev == 0), "a client has made no device")
            if kind == S_IFDIR {
                clear(file, depth: depth + 1)
                rmdir(file)
            } else {
                unlink(file)
            }
        }
    }
}

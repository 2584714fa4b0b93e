import FUSE
import Foundation
import Glibc
import Synchronization
import Syscalls
import Testing

/// A window of sixteen units that notes what is done with it.
private final class NotedWindow: FileWindow {
    let unit: UInt64 = 2 << 20
    let size: UInt64 = 32 << 20
    private let notes = Mutex<[String]>([])

    func map(
        _ file: ServedFile, from position: Int64, count: UInt64, at offset: UInt64, writable: Bool
    ) throws(Errno) {
        // Whether the file can be written is decided by how it is open.
        let canWrite = (try? file.write([1], at: 0, count: 0, to: 0)) != nil
        let note =
            "map \(position >> 20)+\(count >> 20) at \(offset >> 20)\(writable ? " rw" : " r")\(canWrite ? "w" : "")"
        notes.withLock { $0.append(note) }
    }

    func unmap(at offset: UInt64, _ count: UInt64) throws(Errno) {
        notes.withLock { $0.append("unmap \(offset >> 20)+\(count >> 20)") }
    }

    func takeNotes() -> [String] {
        notes.withLock { notes in
            defer { notes = [] }
            return notes
        }
    }
}

/// SETUPMAPPING and REMOVEMAPPING, as Linux sends them for a mount with `dax` and as it never would.
@Suite struct WindowTests {
    private static let mebibyte: UInt64 = 1 << 20

    private static func setUp(
        _ position: UInt64, _ count: UInt64, at offset: UInt64, flags: UInt64 = 2
    ) -> Bytes {
        Bytes().u64(.max).u64(position).u64(count).u64(flags).u64(offset)
    }

    @Test func partsOfAFileAreMappedAsItsShareAllows() throws {
        let window = NotedWindow()
        try MemoryClient.run(window: window) { client in
            let (unit, root) = (2 * Self.mebibyte, try client.share(0))
            _ = window.takeNotes()
            let file = try client.create("file", in: root).node
            #expect(client.ask(48, node: file, Self.setUp(0, unit, at: 0))?.error == 0)
            #expect(client.ask(48, node: file, Self.setUp(unit, 2 * unit, at: 15 * unit - unit, flags: 3))?.error == 0)
            #expect(window.takeNotes() == ["map 0+2 at 0 r", "map 2+4 at 28 rww"])
            try Data("x".utf8).write(to: URL(fileURLWithPath: client.folder + "/ro/kept"))
            let kept = try client.lookup("kept", in: client.share(1))
            #expect(client.ask(48, node: kept, Self.setUp(0, unit, at: 0, flags: 3))?.error == -EROFS)
            #expect(client.ask(48, node: kept, Self.setUp(0, unit, at: 0, flags: 1))?.error == -EROFS)
            #expect(client.ask(48, node: kept, Self.setUp(0, unit, at: 0))?.error == 0)
            let single = try client.share(2)
            #expect(client.ask(48, node: single, Self.setUp(0, unit, at: unit, flags: 3))?.error == 0)
            #expect(window.takeNotes() == ["map 0+2 at 0 r", "map 0+2 at 2 rww"])
        }
    }

    @Test func whatDoesNotFitTheWindowIsRefused() throws {
        let window = NotedWindow()
        try MemoryClient.run(window: window) { client in
            let (unit, size, root) = (2 * Self.mebibyte, window.size, try client.share(0))
            let file = try client.create("file", in: root).node
            _ = window.takeNotes()
            let attempts: [(UInt64, UInt64, UInt64)] = [
                (0, 0, 0), (0, 4096, 0), (4096, unit, 0), (0, unit, 4096), (0, unit, size), (0, size + unit, 0),
                (0, unit, .max - unit + 1), (0, .max - unit + 1, unit), (1 << 63, unit, 0), ((1 << 63) - unit, unit, 0),
                (.max - unit + 1, unit, 0),
            ]
            for (position, count, offset) in attempts {
                let error = client.ask(48, node: file, Self.setUp(position, count, at: offset))?.error
                #expect(error == -EINVAL, "\(position) \(count) \(offset)")
                let part = Bytes().u32(1).u64(offset).u64(count)
                if position == 0 { #expect(client.ask(49, node: file, part)?.error == -EINVAL) }
            }
            #expect(client.ask(48, node: root, Self.setUp(0, unit, at: 0))?.error == -EINVAL)
            // The root that is made up is no file of anybody's.
            #expect(client.ask(48, node: 1, Self.setUp(0, unit, at: 0))?.error ?? 0 < 0)
            #expect(client.ask(48, node: 12345, Self.setUp(0, unit, at: 0))?.error ?? 0 < 0)
            #expect(client.ask(48, node: file, Bytes().u64(0).u64(0))?.error == -EINVAL)
            #expect(window.takeNotes().isEmpty)
        }
    }

    @Test func partsAreEmptiedAndNoMoreThanWereNamed() throws {
        let window = NotedWindow()
        try MemoryClient.run(window: window) { client in
            let unit = 2 * Self.mebibyte
            _ = window.takeNotes()
            let two = Bytes().u32(2).u64(0).u64(unit).u64(4 * unit).u64(2 * unit)
            #expect(client.ask(49, node: 1, two)?.error == 0)
            #expect(window.takeNotes() == ["unmap 0+2", "unmap 8+4"])
            #expect(client.ask(49, node: 1, Bytes().u32(3).u64(0).u64(unit))?.error == -EINVAL)
            #expect(client.ask(49, node: 1, Bytes().u32(.max))?.error == -EINVAL)
            #expect(window.takeNotes().isEmpty)
        }
    }

    @Test func aNewSessionFindsItEmpty() throws {
        let window = NotedWindow()
        try MemoryClient.run(window: window) { client in
            _ = window.takeNotes()
            let answer = client.initialise()
            #expect(window.takeNotes() == ["unmap 0+32"])
            // map_alignment of fuse_init_out: units of two MiB.
            #expect(answer?.number(at: 30, bytes: 2) == 21)
        }
    }

    @Test func withoutAWindowThereIsNone() throws {
        try MemoryClient.run { client in
            let file = try client.create("file", in: client.share(0)).node
            #expect(client.ask(48, node: file, Self.setUp(0, 2 << 20, at: 0))?.error == -ENOSYS)
            #expect(client.ask(49, node: file, Bytes().u32(0))?.error == -ENOSYS)
            #expect(client.initialise()?.number(at: 30, bytes: 2) == 0)
        }
    }
}

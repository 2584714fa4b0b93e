import Board
import Foundation
import Syscalls
import Testing

@Suite struct SharedWindowTests {
    private static let unit = SharedWindow.unit

    /// A file of two units: the first full of "a", the second of "b".
    private func withFile(_ body: (String) throws -> Void) throws {
        let path = NSTemporaryDirectory() + "window.\(UUID().uuidString)"
        let half = Int(Self.unit)
        let bytes = [UInt8](repeating: 97, count: half) + [UInt8](repeating: 98, count: half)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    private func byte(_ window: SharedWindow, _ offset: UInt64) -> UInt8 {
        UnsafePointer<UInt8>(bitPattern: window.hostAddress + UInt(offset))?.pointee ?? 0
    }

    @Test func aPartOfAFileAppearsAndGoesAgain() throws {
        let window = try SharedWindow(guestAddress: 4 << 30, sizeBytes: 4 * Self.unit)
        #expect(window.hostAddress % UInt(Self.unit) == 0 && window.size == 4 * Self.unit)
        try withFile { path in
            let file = try OwnedDescriptor.open(path, .readWrite)
            let unit = Int64(Self.unit)
            try window.map(file, from: unit, count: Self.unit, at: Self.unit, writable: false)
            #expect(byte(window, Self.unit) == 98)
            try window.map(file, from: 0, count: 2 * Self.unit, at: 2 * Self.unit, writable: true)
            #expect(byte(window, 2 * Self.unit) == 97 && byte(window, 4 * Self.unit - 1) == 98)
            UnsafeMutablePointer<UInt8>(bitPattern: window.hostAddress + UInt(2 * Self.unit))?.pointee = 99
            #expect(FileManager.default.contents(atPath: path)?.first == 99)
            try window.unmap(at: 0, window.size)
            let maps = try String(contentsOfFile: "/proc/self/maps", encoding: .utf8)
            #expect(!maps.contains(path))
        }
    }

    @Test func nothingComesOutsideOfIt() throws {
        let window = try SharedWindow(guestAddress: (4 << 30) + 1, sizeBytes: 1)
        #expect(window.guestAddress == (4 << 30) + Self.unit && window.size == Self.unit)
        try withFile { path in
            let file = try OwnedDescriptor.open(path, .readWrite)
            for (offset, count) in [
                (Self.unit, Self.unit), (0, 2 * Self.unit), (4096, Self.unit), (0, 4096), (0, 0),
                (UInt64.max - Self.unit + 1, Self.unit), (Self.unit, UInt64.max - Self.unit + 1),
            ] {
                #expect(throws: SystemError.self) {
                    try window.map(file, from: 0, count: count, at: offset, writable: false)
                }
                #expect(throws: SystemError.self) { try window.unmap(at: offset, count) }
            }
            #expect(throws: SystemError.self) {
                try window.map(file, from: -4096, count: Self.unit, at: 0, writable: false)
            }
        }
    }

    @Test func aFileThatIsOpenForReadingAloneIsNotMappedForWriting() throws {
        let window = try SharedWindow(guestAddress: 4 << 30, sizeBytes: Self.unit)
        try withFile { path in
            let file = try OwnedDescriptor.open(path)
            #expect(throws: SystemError.self) {
                try window.map(file, from: 0, count: Self.unit, at: 0, writable: true)
            }
        }
    }
}

import Diagnostics
import FilteredChild
import Foundation
import Glibc
import OCI
import Plans
import Testing

@testable import Planning

/// A cache in a directory of its own, which goes with it.
private final class CacheFixture {
    private let place = NSTemporaryDirectory() + "seccomp-cache-\(UUID().uuidString)"
    let directory: String
    let cache: SeccompCache
    private(set) var compilations = 0
    private(set) var warnings: [String] = []

    init() {
        directory = place + "/mvrun/seccomp"
        cache = SeccompCache(directory: directory)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: place)
    }

    static let result = CompiledSeccomp(
        filter: SeccompFilter(instructions: [6, 0, 0, 0, 0, 0, 0xff, 0x7f], flags: 0xc, notifies: true),
        listenerPath: "/run/agent", listenerMetadata: "")

    /// Asks for a section; compiling it is counted.
    @discardableResult
    func ask(_ section: String) throws -> CompiledSeccomp {
        try cache.compiled(Array(section.utf8)[...], warn: { warnings.append($0) }) { () throws(RuntimeError) in
            compilations += 1
            return Self.result
        }
    }

    /// The only file of the cache.
    func file() throws -> String {
        let names = try FileManager.default.contentsOfDirectory(atPath: directory)
        guard names.count == 1 else { throw TestFailure("\(names)") }
        return "\(directory)/\(names[0])"
    }
}

@Suite struct SeccompCacheTests {
    @Test func aSectionIsCompiledOnce() throws {
        let fixture = CacheFixture()
        let first = try fixture.ask("{}")
        #expect(try fixture.ask("{}") == first)
        #expect(first == CacheFixture.result)
        #expect(fixture.compilations == 1)
        #expect(fixture.warnings == [])
        #expect(
            try fixture.file().hasSuffix(
                SeccompCache.name(for: Array("{}".utf8)[...], identity: SeccompCache.identity[...])))
    }

    @Test func aSectionThatDiffersByAByteIsAnother() throws {
        let fixture = CacheFixture()
        try fixture.ask("{}")
        try fixture.ask("{ }")
        #expect(fixture.compilations == 2)
    }

    @Test func dockersProfileComesOutOfTheCacheAsItWasCompiled() throws {
        let fixture = CacheFixture()
        let section = try dockerSection()
        let fresh = try SeccompCompiler.compile(try dockerProfile())
        for _ in 0..<2 {
            let found = try fixture.cache.compiled(section[...]) { () throws(RuntimeError) in
                do { return try SeccompCompiler.compile(try dockerProfile()) } catch {
                    throw RuntimeError(.system, "\(error)")
                }
            }
            #expect(found == fresh)
        }
        _ = try fixture.cache.compiled(section[...]) { () throws(RuntimeError) in
            throw RuntimeError(.system, "the cache has it")
        }
    }

    @Test func everyDamagedByteOfAFileIsNoticed() throws {
        let entry = SeccompCacheEntry(
            identity: [1, 2, 3], section: Array("{\"a\": 1}".utf8)[...], compiled: CacheFixture.result)
        let bytes = entry.bytes
        #expect(SeccompCacheEntry(bytes: bytes) == entry)
        for index in bytes.indices {
            for change: UInt8 in [1, 0x80, 0xff] {
                var damaged = bytes
                damaged[index] ^= change
                #expect(SeccompCacheEntry(bytes: damaged) == nil, "byte \(index)")
            }
        }
        for count in 0..<bytes.count { #expect(SeccompCacheEntry(bytes: Array(bytes[..<count])) == nil) }
        #expect(SeccompCacheEntry(bytes: bytes + [0]) == nil)
    }

    @Test(arguments: [UInt32.max, 0x7fff_ffff, 0x8000_0000, 1000])
    func aLengthBeyondTheFileIsRefusedEvenUnderARightFingerprint(length: UInt32) {
        let entry = SeccompCacheEntry(identity: [1], section: [2], compiled: CacheFixture.result)
        for field in 0..<5 {
            var bytes = entry.bytes
            for index in 0..<4 {
                bytes[24 + 4 * field + index] = UInt8(truncatingIfNeeded: length >> (8 * UInt32(index)))
            }
            let fingerprint = Fingerprint.of(bytes[16...])
            for index in 0..<8 { bytes[8 + index] = UInt8(truncatingIfNeeded: fingerprint >> (8 * UInt64(index))) }
            #expect(SeccompCacheEntry(bytes: bytes) == nil, "field \(field)")
        }
    }

    @Test func aDamagedFileIsReplaced() throws {
        let fixture = CacheFixture()
        try fixture.ask("{}")
        let file = try fixture.file()
        let whole = try Data(contentsOf: URL(fileURLWithPath: file))
        for damaged in [Data(), whole.dropLast(), Data(count: whole.count)] {
            try overwrite(file, damaged)
            let before = fixture.compilations
            try fixture.ask("{}")
            #expect(fixture.compilations == before + 1)
            #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == whole)
        }
        try fixture.ask("{}")
        #expect(fixture.compilations == 4)
        #expect(fixture.warnings == [])
    }

    @Test func aFileUnderAnotherSectionsNameIsNotUsed() throws {
        let fixture = CacheFixture()
        try fixture.ask("{}")
        let other = SeccompCache.name(for: Array("[]".utf8)[...], identity: SeccompCache.identity[...])
        #expect(rename(try fixture.file(), "\(fixture.directory)/\(other)") == 0)
        try fixture.ask("[]")
        #expect(fixture.compilations == 2)
    }

    @Test func whatAnotherLibseccompCompiledIsNotUsed() throws {
        let fixture = CacheFixture()
        try fixture.ask("{}")
        let entry = SeccompCacheEntry(
            identity: Array("libseccomp 1.0.0".utf8)[...], section: Array("{}".utf8)[...], compiled: CacheFixture.result
        )
        try overwrite(try fixture.file(), Data(entry.bytes))
        try fixture.ask("{}")
        #expect(fixture.compilations == 2)
    }

    @Test func aSymbolicLinkInPlaceOfAFileIsNotFollowed() throws {
        let fixture = CacheFixture()
        try fixture.ask("{}")
        let file = try fixture.file()
        let elsewhere = fixture.directory + "/../elsewhere"
        #expect(rename(file, elsewhere) == 0)
        #expect(symlink(elsewhere, file) == 0)
        try fixture.ask("{}")
        #expect(fixture.compilations == 2)
        #expect(try FileManager.default.attributesOfItem(atPath: file)[.type] as? FileAttributeType == .typeRegular)
    }

    @Test func aSymbolicLinkOnTheWayToTheDirectoryIsNotFollowed() throws {
        let fixture = CacheFixture()
        try fixture.ask("{}")
        let parent = fixture.directory + "/.."
        let real = parent + "/../real"
        #expect(rename(realPath(parent), realPath(parent + "/..") + "/real") == 0)
        #expect(symlink(realPath(real), (fixture.directory as NSString).deletingLastPathComponent) == 0)
        try fixture.ask("{}")
        #expect(fixture.compilations == 2)
        #expect(fixture.warnings.count == 1)
        #expect(fixture.warnings.first?.contains("too many levels of symbolic links") == true)
    }

    @Test func aDirectoryThatOthersMayEnterIsNotUsed() throws {
        let fixture = CacheFixture()
        try fixture.ask("{}")
        #expect(chmod(fixture.directory, 0o710) == 0)
        try fixture.ask("{}")
        #expect(fixture.compilations == 2)
        #expect(fixture.warnings.first?.contains("operation not permitted") == true)
    }

    @Test func aFileThatOthersMayReadIsNotUsed() throws {
        let fixture = CacheFixture()
        try fixture.ask("{}")
        #expect(chmod(try fixture.file(), 0o644) == 0)
        try fixture.ask("{}")
        #expect(fixture.compilations == 2)
        try fixture.ask("{}")
        #expect(fixture.compilations == 2)
    }

    @Test(.enabled(if: geteuid() == 0, "only root can give a file away"))
    func whatBelongsToAnotherUserIsNotUsed() throws {
        let fixture = CacheFixture()
        try fixture.ask("{}")
        #expect(chown(try fixture.file(), 1000, 1000) == 0)
        try fixture.ask("{}")
        #expect(fixture.compilations == 2)
        #expect(chown(fixture.directory, 1000, 1000) == 0)
        try fixture.ask("{}")
        #expect(fixture.compilations == 3)
        #expect(fixture.warnings.count == 1)
    }

    @Test func aHugeFileIsNotRead() throws {
        let fixture = CacheFixture()
        try fixture.ask("{}")
        #expect(truncate(try fixture.file(), 1 << 40) == 0)
        try fixture.ask("{}")
        #expect(fixture.compilations == 2)
    }

    @Test func aFIFOInPlaceOfAFileDoesNotBlock() throws {
        let fixture = CacheFixture()
        try fixture.ask("{}")
        let file = try fixture.file()
        #expect(unlink(file) == 0 && mkfifo(file, 0o600) == 0)
        try fixture.ask("{}")
        #expect(fixture.compilations == 2)
    }

    @Test func aSectionTooLongForTheCacheIsCompiledEachTime() throws {
        let fixture = CacheFixture()
        let section = String(repeating: " ", count: (1 << 18) + 1)
        try fixture.ask(section)
        try fixture.ask(section)
        #expect(fixture.compilations == 2)
        #expect(FileManager.default.fileExists(atPath: fixture.directory) == false)
    }

    @Test func theNumberOfFilesIsBounded() throws {
        let fixture = CacheFixture()
        for number in 0..<SeccompCache.mostEntries + 3 { try fixture.ask("\(number)") }
        #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.directory).count == 3)
    }

    @Test func aProfileThatDoesNotCompileIsNotKept() throws {
        let fixture = CacheFixture()
        for _ in 0..<2 {
            #expect(throws: RuntimeError.self) {
                try fixture.cache.compiled(Array("x".utf8)[...]) { () throws(RuntimeError) in
                    throw RuntimeError(.invalidBundle, "no")
                }
            }
        }
        #expect(FileManager.default.fileExists(atPath: fixture.directory) == false)
    }

    private func overwrite(_ file: String, _ data: Data) throws {
        try data.write(to: URL(fileURLWithPath: file))
        #expect(chmod(file, 0o600) == 0)
    }

    private func realPath(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.path
    }
}

import Diagnostics
import Digests
import Syscalls
import Testing

@testable import GuestImage

/// A kernel, a program and a cache, and how often images were written.
private final class CacheFixture {
    let folder: Folder
    let directory: String
    let kernel: String
    let program: String
    private(set) var warnings: [String] = []

    init() throws {
        folder = try Folder()
        directory = "\(folder.path)/cache/mvrun/guest"
        kernel = try folder.write("bzImage", Self.bzImage(elfKernel(count: 64)))
        program = try folder.write("init", elfKernel(count: 5000))
    }

    static func bzImage(_ kernel: [UInt8]) -> [UInt8] {
        let payload = [0x02, 0x21, 0x4c, 0x18] + littleEndian(66) + [0xf0, 49] + kernel + littleEndian(64)
        return SyntheticBzImage(payload: payload).bytes
    }

    /// Prepares, and gives the kernel's bytes and both files' inode numbers.
    @discardableResult
    func prepare() throws -> (kernel: [UInt8], inodes: [UInt64]) {
        let image = try GuestImage.prepare(
            kernel: try KernelChoice.choose(requested: kernel), initProgram: program,
            cache: ImageCache(directory: directory), warn: { warnings.append($0) })
        return (
            try image.kernel.readAll(limit: 1 << 20, subject: "kernel"),
            [try image.kernel.status().inode, try image.initramfs.status().inode]
        )
    }

    func names(_ part: String) throws -> [String] {
        try OwnedDescriptor.open(directory, .directory).entries().filter { $0.contains(part) }.sorted()
    }
}

@Suite struct ImageCacheTests {
    @Test func imagesAreMadeOnce() throws {
        let fixture = try CacheFixture()
        let first = try fixture.prepare()
        #expect(first.kernel == elfKernel(count: 64))
        #expect(try fixture.prepare().inodes == first.inodes)
        #expect(fixture.warnings == [])
        #expect(try fixture.names("").count == 5)
    }

    @Test func aFileThatHasChangedMakesAnotherImageAndTheOldOneGoes() throws {
        let fixture = try CacheFixture()
        let old = try fixture.prepare()
        let initramfs = try fixture.names("initramfs-")
        var changed = elfKernel(count: 64)
        changed[63] ^= 1
        try fixture.folder.write("bzImage", CacheFixture.bzImage(changed))
        let new = try fixture.prepare()
        #expect(new.kernel == changed)
        #expect(new.inodes[1] == old.inodes[1])
        try fixture.folder.write("init", elfKernel(count: 6000))
        try fixture.prepare()
        #expect(try fixture.names("vmlinux-").count == 1)
        #expect(try fixture.names("initramfs-").count == 1)
        #expect(try fixture.names("initramfs-") != initramfs)
    }

    @Test func theSameContentElsewhereUsesTheSameImage() throws {
        let fixture = try CacheFixture()
        let first = try fixture.prepare()
        let copy = try fixture.folder.write("copy", try readFile(fixture.kernel))
        let image = try GuestImage.openKernel(
            try KernelChoice.choose(requested: copy), cache: ImageCache(directory: fixture.directory))
        #expect(try image.status().inode == first.inodes[0])
    }

    @Test func anImageThatIsOpenToOthersOrOfAnotherLengthIsMadeAnew() throws {
        let fixture = try CacheFixture()
        let first = try fixture.prepare()
        let name = try fixture.names("vmlinux-")[0]
        try changeMode("\(fixture.directory)/\(name)", 0o644)
        let second = try fixture.prepare()
        #expect(second.inodes[0] != first.inodes[0])
        try OwnedDescriptor.open("\(fixture.directory)/\(name)", [.writeOnly, .append]).writeAll([0], subject: name)
        #expect(try fixture.prepare().kernel == first.kernel)
        #expect(fixture.warnings == [])
    }

    @Test func aDirectoryThatOthersMayEnterIsNotUsed() throws {
        let fixture = try CacheFixture()
        try makeDirectories(fixture.directory, mode: 0o755)
        try changeMode(fixture.directory, 0o755)
        #expect(try fixture.prepare().kernel == elfKernel(count: 64))
        #expect(fixture.warnings.count == 2)
        #expect(try fixture.names("") == [])
    }

    @Test func anImageInMemoryCannotBeChanged() throws {
        let fixture = try CacheFixture()
        let file = try GuestImage.openKernel(try KernelChoice.choose(requested: fixture.kernel), cache: nil)
        let again = try OwnedDescriptor.open(file.procPath, .readWrite)
        #expect(throws: SystemError.self) { try again.writeAll([0], subject: "image") }
    }

    @Test func anImageOfTheCacheCannotBeOpenedForWriting() throws {
        let fixture = try CacheFixture()
        guard Credentials.effectiveUser == 0 else { try Test.cancel("only root can make a read-only mount") }
        let file = try GuestImage.openKernel(
            try KernelChoice.choose(requested: fixture.kernel), cache: ImageCache(directory: fixture.directory))
        let error = #expect(throws: SystemError.self) { _ = try OwnedDescriptor.open(file.procPath, .readWrite) }
        #expect(error?.errno == .readOnly)
    }

    @Test func aKernelThatCannotBeUnpackedLeavesNothingBehind() throws {
        let fixture = try CacheFixture()
        try fixture.folder.write("bzImage", SyntheticBzImage(payload: [UInt8](repeating: 1, count: 99)).bytes)
        #expect(throws: RuntimeError.self) { try fixture.prepare() }
        #expect(try fixture.names("new") == [] && fixture.names("vmlinux") == [])
    }

    @Test func whatAKilledMakerLeftIsRemoved() throws {
        let fixture = try CacheFixture()
        try makeDirectories(fixture.directory, mode: 0o700)
        try fixture.folder.write("cache/mvrun/guest/new.1", [1, 2, 3])
        try fixture.prepare()
        #expect(try fixture.names("new") == [])
    }

    @Test func anEntrySurvivesAWriteAndNoDamage() throws {
        let entry = ImageCacheEntry(
            request: [1, 2, 3], image: "vmlinux-00", size: 77, notes: ["overlay"],
            sources: [
                SourceFile(
                    path: "/boot/vmlinuz",
                    identity: FileIdentity(device: .max, inode: 2, size: 3, modified: -4, changed: 5))
            ])
        let bytes = entry.bytes
        #expect(ImageCacheEntry(bytes: bytes) == entry)
        for place in bytes.indices {
            var damaged = bytes
            damaged[place] ^= 1
            #expect(ImageCacheEntry(bytes: damaged) == nil)
            #expect(ImageCacheEntry(bytes: Array(bytes[..<place])) == nil)
        }
    }

    @Test func digestsAreThoseOfTheStandard() {
        // FIPS 180-4, the example of one block.
        #expect(Digest(of: Array("abc".utf8)[...]).name == "ba7816bf8f01cfea414140de5dae2223")
    }
}

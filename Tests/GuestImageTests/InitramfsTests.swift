import Diagnostics
import Syscalls
import Testing

@testable import GuestImage

@Suite struct InitramfsTests {
    private static let module: [UInt8] =
        [0x7f, 0x45, 0x4c, 0x46] + [UInt8](repeating: 9, count: 60) + Array("a module".utf8)

    /// A kernel's modules: some built in, some compressed, a dash in a name, and two that come before others.
    private func modules(in folder: Folder) throws -> String {
        let index = """
            kernel/virtio.ko: kernel/virtio_ring.ko
            kernel/virtio_ring.ko:
            kernel/virtio_mmio.ko: kernel/virtio.ko kernel/virtio_ring.ko
            kernel/virtiofs.ko: kernel/virtio.ko kernel/virtio_ring.ko
            kernel/vsock.ko:
            kernel/vmw_vsock_virtio_transport.ko: kernel/vmw_vsock_virtio_transport_common.ko kernel/vsock.ko
            kernel/vmw_vsock_virtio_transport_common.ko: kernel/vsock.ko
            kernel/virtio-rng.ko: kernel/virtio.ko kernel/virtio_ring.ko

            """
        for line in index.split(separator: "\n") {
            try folder.write("modules/\(line.prefix { $0 != ":" })", signedModule(Self.module))
        }
        try folder.write("modules/modules.builtin", Array("kernel/fs/fuse/fuse.ko\nkernel/af_packet.ko\n".utf8))
        try folder.write("modules/modules.dep", Array(index.utf8))
        return "\(folder.path)/modules"
    }

    @Test func anArchiveIsWhatTheFormatSays() {
        var archive = CPIOArchive()
        archive.addDirectory("dev")
        archive.addCharacterDevice("dev/console", mode: 0o600, major: 5, minor: 1)
        archive.addFile("init", mode: 0o755, content: Array("hello".utf8))
        archive.finish()
        // magic, inode, mode, uid, gid, links, mtime, size, device (2), device it stands for (2), name's length, check
        let expected =
            "070701" + "00000001" + "000041ED" + "00000000" + "00000000" + "00000002" + "00000000" + "00000000"
            + "00000000" + "00000000" + "00000000" + "00000000" + "00000004" + "00000000" + "dev\0" + "\0\0"
            + "070701" + "00000002" + "00002180" + "00000000" + "00000000" + "00000001" + "00000000" + "00000000"
            + "00000000" + "00000000" + "00000005" + "00000001" + "0000000C" + "00000000" + "dev/console\0" + "\0\0"
            + "070701" + "00000003" + "000081ED" + "00000000" + "00000000" + "00000001" + "00000000" + "00000005"
            + "00000000" + "00000000" + "00000000" + "00000000" + "00000005" + "00000000" + "init\0" + "\0"
            + "hello" + "\0\0\0"
            + "070701" + "00000000" + "00000000" + "00000000" + "00000000" + "00000001" + "00000000" + "00000000"
            + "00000000" + "00000000" + "00000000" + "00000000" + "0000000B" + "00000000" + "TRAILER!!!\0" + "\0\0\0"
        let bytes = Array(expected.utf8)
        #expect(archive.bytes.count == 4096)
        #expect(archive.bytes.starts(with: bytes))
        #expect(archive.bytes[bytes.count...].allSatisfy { $0 == 0 })
    }

    @Test(arguments: ["cpio", "busybox"])
    func othersReadTheArchive(program: String) throws {
        let folder = try Folder()
        let made = try Initramfs(
            initProgram: try folder.write("init", elfKernel()), modules: try modules(in: folder))
        let arguments = program == "cpio" ? ["-t", "--quiet"] : ["cpio", "-t"]
        guard let listing = try output(of: program, arguments, input: made.bytes) else {
            try Test.cancel("\(program) is not installed")
        }
        let names = String(decoding: listing, as: UTF8.self).split(separator: "\n").map(String.init)
        #expect(
            names == [
                "dev", "dev/console", "dev/kmsg", "init", "modules", "modules/virtio.ko", "modules/virtio_mmio.ko",
                "modules/virtio_ring.ko", "modules/virtio_rng.ko", "modules/virtiofs.ko",
                "modules/vmw_vsock_virtio_transport.ko", "modules/vmw_vsock_virtio_transport_common.ko",
                "modules/vsock.ko", "modules/order", "proc", "run", "sys",
            ])
    }

    @Test func whatIsNeededIsLoadedBeforeWhatNeedsIt() throws {
        let folder = try Folder()
        let path = try modules(in: folder)
        let index = try ModuleIndex(
            dependencies: try readText("\(path)/modules.dep"), builtIn: try readText("\(path)/modules.builtin"))
        let selection = index.select([
            "virtiofs", "fuse", ModuleIndex.name(of: "x/vmw-vsock-virtio-transport.ko.xz"), "virtio_rng",
        ])
        #expect(
            selection.paths == [
                "kernel/virtio_ring.ko", "kernel/virtio.ko", "kernel/virtiofs.ko", "kernel/vsock.ko",
                "kernel/vmw_vsock_virtio_transport_common.ko", "kernel/vmw_vsock_virtio_transport.ko",
                "kernel/virtio-rng.ko",
            ])
        #expect(selection.missing == [])
    }

    @Test func aCircleOfModulesEnds() throws {
        let index = try ModuleIndex(dependencies: "a.ko: b.ko\nb.ko: a.ko\n", builtIn: "")
        #expect(index.select(["a"]).paths == ["b.ko", "a.ko"])
    }

    @Test func aModuleOutsideItsDirectoryIsRefused() {
        for path in ["/etc/shadow.ko", "../x.ko", "kernel/../../x.ko", "../\u{301}x.ko", "/\u{301}x.ko"] {
            #expect(throws: RuntimeError.self) { try ModuleIndex(dependencies: "\(path):\n", builtIn: "") }
        }
    }

    @Test func whatAGuestCannotDoWithoutIsNamed() throws {
        let folder = try Folder()
        let program = try folder.write("init", elfKernel())
        let path = try modules(in: folder)
        #expect(
            try Initramfs(initProgram: program, modules: path).missing
                == ["virtio_balloon", "virtio_blk", "virtio_net", "virtio_console", "overlay"])
        try folder.write("modules/modules.builtin", [])
        let error = #expect(throws: RuntimeError.self) { try Initramfs(initProgram: program, modules: path) }
        #expect(error?.kind == .unsupported)
        #expect(error?.message.hasSuffix("lacks fuse") == true)
    }

    /// Each with what it needs beside what is loaded anyway, and none where it is built in.
    @Test func whatIsLoadedLaterIsListedByWhoAsksForIt() throws {
        let folder = try Folder()
        let path = try modules(in: folder)
        let more = """
            kernel/net_failover.ko: kernel/failover.ko
            kernel/failover.ko:
            kernel/virtio_net.ko: kernel/net_failover.ko kernel/failover.ko kernel/virtio.ko kernel/virtio_ring.ko
            kernel/overlay.ko:

            """
        for line in more.split(separator: "\n") {
            try folder.write("modules/\(line.prefix { $0 != ":" })", signedModule(Self.module))
        }
        try folder.write("modules/modules.dep", Array((try readText("\(path)/modules.dep") + more).utf8))
        let made = try Initramfs(initProgram: try folder.write("init", elfKernel()), modules: path)
        let text = String(decoding: made.bytes, as: UTF8.self)
        #expect(text.contains("virtio_net failover.ko net_failover.ko virtio_net.ko\nfs-overlay overlay.ko\n\0"))
        #expect(!text.contains("net-pf-17") && !text.contains("virtio_rng.ko\nvirtio_net.ko"))
        #expect(made.missing == ["virtio_balloon", "virtio_blk", "virtio_console"])
    }

    @Test func signaturesAreTakenOff() throws {
        #expect(try ModuleFile.guestContent(of: signedModule(Self.module)) == Self.module)
        #expect(try ModuleFile.guestContent(of: Self.module) == Self.module)
        #expect(try ModuleFile.guestContent(of: signedModule(Self.module, signature: 0)) == Self.module)
        // The lengths say more than there is.
        var lie = signedModule(Self.module)
        lie[lie.count - 28 - 4] = 0xff
        #expect(throws: RuntimeError.self) { try ModuleFile.guestContent(of: lie) }
        // They leave less than a header, which is what fuzzing found.
        lie = signedModule(Self.module)
        let length = 300 + Self.module.count - 10
        lie[lie.count - 28 - 2] = UInt8(length >> 8)
        lie[lie.count - 28 - 1] = UInt8(length & 255)
        #expect(throws: RuntimeError.self) { try ModuleFile.guestContent(of: lie) }
    }

    @Test(arguments: [("xz", ["--check=crc32"]), ("zstd", ["-q"]), ("gzip", ["-n"])])
    func compressedModulesAreDecompressed(program: String, arguments: [String]) throws {
        guard let file = try output(of: program, arguments, input: signedModule(Self.module)) else {
            try Test.cancel("\(program) is not installed")
        }
        #expect(try ModuleFile.guestContent(of: file) == Self.module)
        #expect(throws: RuntimeError.self) { try ModuleFile.guestContent(of: Array(file.dropLast(file.count / 2))) }
    }

    @Test func whatIsNoModuleIsRefused() {
        #expect(throws: RuntimeError.self) { try ModuleFile.guestContent(of: []) }
        #expect(throws: RuntimeError.self) { try ModuleFile.guestContent(of: Array("text".utf8)) }
    }
}

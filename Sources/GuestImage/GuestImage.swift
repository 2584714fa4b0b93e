package import Diagnostics
import Digests
package import Syscalls

/// What a guest boots: the unpacked kernel and the initramfs, as open files.
package struct GuestImage: ~Copyable, Sendable {
    /// An ELF kernel, at its first byte.
    package let kernel: OwnedDescriptor
    /// A cpio archive that fills whole pages, at its first byte.
    package let initramfs: OwnedDescriptor
    /// Optional modules that the kernel has neither built in nor as files, by name: what they drive is missing in the guest.
    package let missingModules: [String]

    /// Raised whenever the same files would make another image than before.
    static let generation = 1

    /// Makes both, or takes them from the cache.
    ///
    /// - Parameters:
    ///   - choice: the kernel.
    ///   - initProgram: the path of mvrun-init.
    ///   - cache: where images are kept; nil makes them in memory each time.
    ///   - warn: told why the cache cannot be used, where it cannot.
    package static func prepare(
        kernel choice: KernelChoice, initProgram: String, cache: ImageCache?, warn: (String) -> Void = { _ in }
    ) throws(RuntimeError) -> GuestImage {
        let kernel = try openKernel(choice, cache: cache, warn: warn)
        let request = "\(generation)\0\(initProgram)\0\(choice.modules ?? "")"
        let initramfs = try during("make the initramfs for \(choice.path)") { () throws in
            try image(kind: "initramfs", request: request, cache: cache, warn: warn) { () throws(RuntimeError) in
                let made = try Initramfs(initProgram: initProgram, modules: choice.modules)
                let bytes = made.bytes
                return ImageCache.Making(
                    sources: made.sources, digest: Digest(of: bytes[...]), size: Int64(bytes.count),
                    notes: made.missing
                ) { file throws(RuntimeError) in
                    try during("write the initramfs") { try file.writeAll(bytes, subject: "initramfs") }
                }
            }
        }
        return GuestImage(kernel: kernel, initramfs: initramfs)
    }

    private init(kernel: consuming OwnedDescriptor, initramfs: consuming ImageCache.Image) {
        self.kernel = kernel
        missingModules = initramfs.notes
        self.initramfs = initramfs.takeFile()
    }

    /// The kernel alone: an ELF file as it is, a bzImage unpacked.
    package static func openKernel(
        _ choice: KernelChoice, cache: ImageCache?, warn: (String) -> Void = { _ in }
    ) throws(RuntimeError) -> OwnedDescriptor {
        let path = choice.path
        return try during("unpack the kernel \(path)") { () throws in
            let file = try OwnedDescriptor.open(path, .nonBlocking)
            guard try file.status().kind == .regular else {
                throw RuntimeError(.invalidBundle, "it is not a regular file")
            }
            if KernelUnpacking.isKernel(try file.bytes(at: 0, count: 64, subject: path)[...]) { return file }
            let request = "\(generation)\0\(path)"
            return try image(kind: "vmlinux", request: request, cache: cache, warn: warn) {
                () throws(RuntimeError) in
                try making(of: path)
            }.takeFile()
        }
    }

    private static func making(of path: String) throws(RuntimeError) -> ImageCache.Making {
        let (source, content) = try during("read it") { try SourceFile.read(path, limit: BzImage.longest) }
        let digest = Digest(of: content[...])
        let size = Int64(try KernelUnpacking.unpackedLength(of: content))
        return ImageCache.Making(sources: [source], digest: digest, size: size, notes: []) {
            file throws(RuntimeError) in
            try KernelUnpacking.unpack(content) { part throws(RuntimeError) in
                var rest = part
                while !rest.isEmpty {
                    let taken = try during("write it") { try file.write(some: rest, subject: "the unpacked kernel") }
                    rest = rest.dropFirst(taken)
                }
            }
        }
    }

    private static func image(
        kind: String, request: String, cache: ImageCache?, warn: (String) -> Void,
        make: () throws(RuntimeError) -> ImageCache.Making
    ) throws(RuntimeError) -> ImageCache.Image {
        guard let cache else { return try ImageCache.imageInMemory(try make()) }
        return try cache.image(kind: kind, request: request, warn: warn, make: make)
    }
}

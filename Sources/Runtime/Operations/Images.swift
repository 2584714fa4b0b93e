package import Diagnostics
package import Images
import OCI
import Syscalls

/// An image, and what is asked of it.
package struct ImageRequest: Sendable {
    /// The image.
    package var image: ImageReference
    /// Where unpacked images are kept, an absolute path; nil for the standard place.
    package var cache: String?
    /// What to run in place of the image's `Cmd`; empty for that.
    package var command: [String] = []
    /// Whether the program gets a terminal.
    package var terminal = true

    /// Asks for an image as it is.
    package init(_ image: ImageReference) {
        self.image = image
    }
}

extension Session {
    /// Makes a bundle of an image.
    ///
    /// - Parameters:
    ///   - request: the image.
    ///   - path: the bundle, absolute: a directory that does not exist, or is empty.
    ///   - isolation: what its config.json asks for.
    ///   - rootless: for an ordinary user, whom all files belong to.
    package func makeBundle(
        of request: ImageRequest, at path: String, isolation: Isolation, rootless: Bool
    ) throws(RuntimeError) {
        let isNew = try makeEmptyDirectory(path)
        do throws(RuntimeError) {
            let config = try withImages(request) { store throws(RuntimeError) in
                try store.unpack(request.image, into: path, rootless: rootless || store.rootless)
            }
            try during("write \(path)/config.json") {
                let root = try OwnedDescriptor.open("\(path)/rootfs", [.path, .directory])
                let program = try program(of: config, request, in: root)
                let kind = sampleKind(rootless: rootless)
                let text = SampleSpec.text(kind, isolation: isolation, program: program, terminal: request.terminal)
                try requireValid(text, in: path)
                try writeFileAtomically(Array(text.utf8), to: "\(path)/config.json", mode: 0o644)
            }
        } catch {
            try? removeTree("\(path)/rootfs", rootless: rootless)
            if isNew { try? removeDirectory(path) }
            throw error
        }
    }

    /// Makes a container of an image and runs it; at its end nothing is left of it but the unpacked image, for the next one.
    ///
    /// - Parameters:
    ///   - image: the image.
    ///   - request: the container; its bundle is made here.
    ///   - detach: return as soon as the program runs.
    ///   - keep: leave the deletion to `mvrun delete`.
    ///   - adoptsOrphans: become the parent of processes that the container leaves.
    /// - Returns: how the program ended, as a shell would show it; 0 where it is not waited for.
    package func run(
        _ image: ImageRequest, _ request: CreateRequest, detach: Bool, keep: Bool, adoptsOrphans: Bool
    ) throws(RuntimeError) -> Int32 {
        try StateStore.check(id: request.id)
        let run = try withImages(image) { images throws(RuntimeError) in
            try ImageRun(image.image, state: store.directory(of: request.id), in: images) {
                config, root throws(RuntimeError) in
                let program = try program(of: config, image, in: root)
                return SampleSpec.text(
                    sampleKind(rootless: images.rootless), isolation: isolation(of: program, request.isolation),
                    program: program, terminal: image.terminal)
            }
        }
        var request = request
        request.bundle = run.path
        request.imageRun = run.path
        do throws(RuntimeError) {
            return try self.run(request, detach: detach, keep: keep, adoptsOrphans: adoptsOrphans)
        } catch {
            // Where the container is still there, the place goes with it.
            if (try? store.record(of: request.id))?.imageRun != run.path {
                try? ImageRun.remove(run.path, rootless: !isPrivileged)
            }
            throw error
        }
    }

    private func withImages<Value>(
        _ request: ImageRequest, _ body: (ImageStore) throws(RuntimeError) -> Value
    ) throws(RuntimeError) -> Value {
        let rootless = !isPrivileged
        if let cache = request.cache { return try ImageStore.with(cache, rootless: rootless, body) }
        return try ImageStore.with(ImageStore.standardDirectory(rootless: rootless), rootless: rootless, body)
    }

    private func program(
        of config: ImageConfig, _ request: ImageRequest, in root: borrowing OwnedDescriptor
    ) throws(RuntimeError) -> ImageProgram {
        let program = try ImageProgram(config, command: request.command, in: root)
        for label in program.refusedLabels {
            log.warn("the image's label \(label) is ignored: an image may not set it")
        }
        return program
    }

    private func sampleKind(rootless: Bool) -> SampleSpec.Kind {
        rootless
            ? .rootless(userID: Credentials.effectiveUser, groupID: Credentials.effectiveGroup) : .privileged
    }

    /// What keeps the container apart: what the command line says, else a virtual machine where it or the image asks for one.
    private func isolation(of program: ImageProgram, _ choice: IsolationChoice?) -> Isolation {
        let wish = program.annotations.contains { $0.key == Self.isolationAnnotation && $0.value == "vm" }
        return switch choice {
        case .container: .container
        case .vm: .vm
        case .auto: wish || machineFault() == nil ? .vm : .container
        case nil: wish || isNamedForMachines ? .vm : .container
        }
    }

    /// Says whose fault it is, should the image have what no config.json may have.
    private func requireValid(_ text: String, in path: String) throws(RuntimeError) {
        do throws(RuntimeError) {
            _ = try Bundle(at: path, config: Array(text.utf8))
        } catch {
            throw error.during("what the image asks for")
        }
    }
}

/// Makes a directory unless it is there and empty.
///
/// - Returns: whether it was made.
private func makeEmptyDirectory(_ path: String) throws(RuntimeError) -> Bool {
    do throws(SystemError) {
        // Others must not come near programs that change their user, and devices, of who knows whom.
        try makeDirectories(String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]), mode: 0o755)
        try makeDirectory(path, mode: 0o700)
        return true
    } catch {
        guard error.errno == .exists, let names = try? OwnedDescriptor.open(path, [.directory]).entries() else {
            throw RuntimeError(error)
        }
        guard names.isEmpty else {
            throw RuntimeError(.alreadyExists, "\(path) is not empty", hint: "a bundle is made in a new directory")
        }
        return false
    }
}

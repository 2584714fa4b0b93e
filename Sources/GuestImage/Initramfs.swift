import Diagnostics
import Syscalls

/// The first root of a guest: mvrun-init as /init, and the modules it loads.
struct Initramfs {
    /// The archive.
    private(set) var bytes: [UInt8]
    /// The files it was made from.
    private(set) var sources: [SourceFile]
    /// The optional modules that the kernel has neither built in nor as files.
    private(set) var missing: [String]

    /// Makes one.
    ///
    /// - Parameters:
    ///   - initProgram: the path of mvrun-init.
    ///   - modules: the kernel's directory of modules; nil where everything is built in.
    init(initProgram: String, modules: String?) throws(RuntimeError) {
        let program = try during("read \(initProgram)") { try SourceFile.read(initProgram, limit: 64 << 20) }
        guard program.content.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else {
            throw RuntimeError(.invalidBundle, "\(initProgram) is not a program")
        }
        var sources = [program.source]
        var missing: [String] = []
        var files: [(name: String, content: [UInt8])] = []
        if let modules {
            let selection = try Self.select(in: modules, sources: &sources)
            missing = selection.missing
            for path in selection.paths {
                let full = "\(modules)/\(path)"
                let content = try during("read the module \(full)") { () throws in
                    let (source, content) = try SourceFile.read(full, limit: ModuleFile.longest)
                    sources.append(source)
                    return try ModuleFile.guestContent(of: content)
                }
                files.append(("\(ModuleIndex.name(of: path)).ko", content))
            }
        }
        self.sources = sources
        self.missing = missing
        bytes = Self.archive(program: program.content, modules: files)
    }

    private static func select(
        in modules: String, sources: inout [SourceFile]
    ) throws(RuntimeError) -> ModuleIndex.Selection {
        var texts: [String] = []
        for name in ModuleIndex.fileNames {
            let path = "\(modules)/\(name)"
            do throws(SystemError) {
                let (source, content) = try SourceFile.read(path, limit: ModuleIndex.longest)
                sources.append(source)
                texts.append(String(decoding: content, as: UTF8.self))
            } catch {
                let release = modules.split(separator: "/").last ?? ""
                throw RuntimeError(error, hint: "depmod \(release) makes modules.dep").during("look for modules")
            }
        }
        let index = try ModuleIndex(dependencies: texts[0], builtIn: texts[1])
        let selection = index.select(GuestModules.essential + GuestModules.optional)
        let lacking = selection.missing.filter { !GuestModules.optional.contains($0) }
        if !lacking.isEmpty {
            throw RuntimeError(
                .unsupported, "the kernel of \(modules) lacks \(lacking.joined(separator: ", "))",
                hint: "Debian's linux-image-cloud-amd64 and linux-image-amd64 have what a guest needs")
        }
        return selection
    }

    /// Puts the archive together; paths in order, directories before what is in them.
    static func archive(program: [UInt8], modules: [(name: String, content: [UInt8])]) -> [UInt8] {
        var archive = CPIOArchive()
        archive.addDirectory("dev")
        // What the kernel opens as standard streams of its first program, and where that reports what goes wrong early.
        archive.addCharacterDevice("dev/console", mode: 0o600, major: 5, minor: 1)
        archive.addCharacterDevice("dev/kmsg", mode: 0o600, major: 1, minor: 11)
        archive.addFile("init", mode: 0o755, content: program)
        archive.addDirectory("modules")
        for module in modules.sorted(by: { $0.name < $1.name }) {
            archive.addFile("modules/\(module.name)", mode: 0o644, content: module.content)
        }
        let order = modules.map { "\($0.name)\n" }.joined()
        archive.addFile("modules/order", mode: 0o644, content: Array(order.utf8))
        for directory in ["proc", "run", "sys"] { archive.addDirectory(directory) }
        archive.finish()
        return archive.bytes
    }
}

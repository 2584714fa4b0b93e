import Diagnostics
import Syscalls

/// The first root of a guest: mvrun-init as /init, and the modules it loads.
struct Initramfs {
    /// The archive.
    private(set) var bytes: [UInt8]
    /// The files it was made from.
    private(set) var sources: [SourceFile]
    /// The modules that a guest can do without, and which the kernel has neither built in nor as files.
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
        var chosen = ChosenModules()
        var files: [(name: String, content: [UInt8])] = []
        if let modules {
            chosen = try Self.choose(in: modules, sources: &sources)
            for path in chosen.paths {
                let full = "\(modules)/\(path)"
                let content = try during("read the module \(full)") { () throws in
                    let (source, content) = try SourceFile.read(full, limit: ModuleFile.longest)
                    sources.append(source)
                    return try ModuleFile.guestContent(of: content)
                }
                files.append((Self.fileName(path), content))
            }
        }
        self.sources = sources
        self.missing = chosen.missing
        bytes = Self.archive(program: program.content, modules: files, order: chosen.order, later: chosen.later)
    }

    /// What of a kernel's modules a guest has.
    private struct ChosenModules {
        /// Their paths, each once.
        var paths: [String] = []
        /// The file of the names of those that are loaded at once.
        var order = ""
        /// The file of those that are loaded when they are asked for.
        var later = ""
        /// Those that the guest can do without, and has to.
        var missing: [String] = []
    }

    private static func fileName(_ path: String) -> String { "\(ModuleIndex.name(of: path)).ko" }

    private static func choose(
        in modules: String, sources: inout [SourceFile]
    ) throws(RuntimeError) -> ChosenModules {
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
        let atOnce = index.select(GuestModules.essential + GuestModules.ordinary)
        let lacking = atOnce.missing.filter { !GuestModules.ordinary.contains($0) }
        if !lacking.isEmpty {
            throw RuntimeError(
                .unsupported, "the kernel of \(modules) lacks \(lacking.joined(separator: ", "))",
                hint: "Debian's linux-image-cloud-amd64 and linux-image-amd64 have what a guest needs")
        }
        var chosen = ChosenModules(paths: atOnce.paths, missing: atOnce.missing)
        chosen.order = atOnce.paths.map { fileName($0) + "\n" }.joined()
        for (request, module) in GuestModules.later {
            let selection = index.select([module])
            chosen.missing += selection.missing
            let paths = selection.paths.filter { !atOnce.paths.contains($0) }
            if paths.isEmpty { continue }
            chosen.later += ([request] + paths.map(fileName)).joined(separator: " ") + "\n"
            chosen.paths += paths.filter { !chosen.paths.contains($0) }
        }
        return chosen
    }

    /// Puts the archive together; paths in order, directories before what is in them.
    static func archive(
        program: [UInt8], modules: [(name: String, content: [UInt8])], order: String, later: String
    ) -> [UInt8] {
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
        archive.addFile("modules/order", mode: 0o644, content: Array(order.utf8))
        if !later.isEmpty { archive.addFile("modules/later", mode: 0o644, content: Array(later.utf8)) }
        for directory in ["proc", "run", "sys"] { archive.addDirectory(directory) }
        archive.finish()
        return archive.bytes
    }
}

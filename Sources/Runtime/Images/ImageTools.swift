import Diagnostics
import Images
import Syscalls

/// The programs of others that images are handled with.
enum ImageTool: String {
    /// Unpacks layers.
    case umoci
    /// Fetches and converts images.
    case skopeo
    /// Says what is in an archive.
    case tar
    /// Removes trees, however deep.
    case rm
    /// Waits until all is on the disk.
    case sync

    /// Runs the program and waits for it.
    ///
    /// - Parameters:
    ///   - arguments: what follows its name.
    ///   - activity: what it is run for.
    /// - Throws: how it ended and its last words, or which package has it.
    func run(_ arguments: [String], to activity: String) throws(RuntimeError) {
        let end = try output(arguments, to: activity)
        guard end.status != 0 else { return }
        let words = lastLines(3, of: end.text.utf8.suffix(2048))
        throw RuntimeError(
            .system, "\(rawValue) ended with status \(end.status)\(words.isEmpty ? "" : ": \(words)")"
        ).during(activity)
    }

    /// What the program prints, and its status.
    func output(_ arguments: [String], to activity: String) throws(RuntimeError) -> (status: Int32, text: String) {
        do throws(RuntimeError) {
            return try outputOfProgram(rawValue, arguments, limit: 16 << 20)
        } catch {
            throw error.hinting(hint).during(activity)
        }
    }

    /// That the program is not there.
    var missing: RuntimeError {
        RuntimeError(.unsupported, "\(rawValue): executable file not found in $PATH", hint: hint)
    }

    private var hint: String { "install it: Debian's package \(rawValue)" }
}

extension ImageReference {
    /// The image as a layout: where it is one already, or copied into one by skopeo.
    ///
    /// - Parameters:
    ///   - work: a directory that goes at the end, for the copy.
    func layout(in work: String) throws(RuntimeError) -> (path: String, tag: String?) {
        let source: String
        switch place {
        case .layout(let directory): return (directory, tag)
        case .archive(let file):
            source = try Self.transport(of: file) + ":\(absolutePath(file))" + (tag.map { ":\($0)" } ?? "")
        case .elsewhere(let transport): source = transport
        }
        let copy = "\(work)/copy"
        try ImageTool.skopeo.run(
            [
                "--override-os", "linux", "--override-arch", "amd64", "copy", "--quiet", "--", source,
                "oci:\(copy):image",
            ],
            to: "fetch \(source)")
        return (copy, "image")
    }

    /// What skopeo calls the form of an archive.
    private static func transport(of file: String) throws(RuntimeError) -> String {
        guard !file.contains(":") else {
            throw RuntimeError(.unsupported, "\(file): skopeo takes no archive with a colon in its path")
        }
        let names = ["oci-layout", "manifest.json"].flatMap { [$0, "./\($0)"] }
        // It complains about those that are not there.
        let found = try ImageTool.tar.output(["--list", "--file", file, "--"] + names, to: "look into \(file)")
        let lines = Set(found.text.split(separator: "\n").map(String.init))
        if lines.contains("oci-layout") || lines.contains("./oci-layout") { return "oci-archive" }
        if lines.contains("manifest.json") || lines.contains("./manifest.json") { return "docker-archive" }
        throw RuntimeError(
            .invalidBundle, "\(file) is no image: it has neither an oci-layout nor a manifest.json in it",
            hint: "\"podman save\", \"docker save\" and \"skopeo copy docker://NAME oci-archive:FILE\" make one")
    }
}

/// Removes a tree with all that is in it; what is mounted there stays.
///
/// - Parameters:
///   - path: the tree; nothing where it does not exist.
///   - rootless: its directories may be closed to their owner.
func removeTree(_ path: String, rootless: Bool = false) throws(RuntimeError) {
    guard (try? status(of: path, followLinks: false)) != nil else { return }
    if rootless { _ = try outputOfProgram("chmod", ["-R", "u+rwX", "--", path]) }
    try ImageTool.rm.run(["-rf", "--one-file-system", "--", path], to: "remove \(path)")
}

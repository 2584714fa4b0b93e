import Diagnostics
import JSON
import OCI
import Syscalls

/// The names under which CRIU knows the standard streams of a container, where they are from outside.
///
/// A restore puts other streams in their place. The names are kept beside the images, in descriptors.json as runc has it.
struct StandardStreams {
    /// The name of each: "pipe:[INODE]", "file[MOUNT:INODE]" for a file of the host, or a path inside.
    let names: [String]

    /// The name of the host's null device, which needs nobody's stream in its place.
    private static let null = "null:"

    /// Looks at the streams of a process.
    ///
    /// - Parameters:
    ///   - pid: the process.
    ///   - mountInfo: the text of its /proc/PID/mountinfo.
    init(of pid: Int32, mountInfo: String) {
        let lines = mountInfo.split(separator: "\n")
        let mounts = Set(lines.compactMap { $0.split(separator: " ").first.flatMap { Int($0) } })
        names = (0..<3).map { number in
            let path = "/proc/\(pid)/fd/\(number)"
            guard let target = try? linkTarget(path) else { return "" }
            guard target.hasPrefix("/"), let text = try? readText("/proc/\(pid)/fdinfo/\(number)"),
                let line = text.split(separator: "\n").first(where: { $0.hasPrefix("mnt_id:") }),
                let mount = line.split(separator: "\t").last.flatMap({ Int($0) }), !mounts.contains(mount),
                let file = try? status(of: path)
            else { return target }
            let key = "file[\(String(mount, radix: 16)):\(String(file.inode, radix: 16))]"
            return file.kind == .characterDevice && target == "/dev/null" ? Self.null + key : key
        }
    }

    /// Reads what was kept beside the images.
    init(besideImages path: String) throws(RuntimeError) {
        let bytes: [UInt8]
        do {
            bytes = try readFile(path)
        } catch {
            throw RuntimeError(error, hint: "is --image-path what checkpoint was given?").during("read the images")
        }
        names = try JSONDocument(bytes, named: path).root.elements.prefix(3).map { $0.string ?? "" }
    }

    /// The text of descriptors.json.
    var json: [UInt8] {
        var writer = JSONWriter(.compact)
        writer.array { array in
            for name in names { array.value(name) }
        }
        return writer.bytes
    }

    /// What a dump has to be told of, since it is nothing of the container's.
    var external: Set<String> {
        Set(keys.filter { $0.hasPrefix("file[") })
    }

    private var keys: [String] {
        names.map { $0.hasPrefix(Self.null) ? String($0.dropFirst(Self.null.utf8.count)) : $0 }
    }

    /// Which descriptor takes the place of each; a file that is more than one stream is replaced by the last, which can be
    /// written to.
    ///
    /// - Parameter null: the number of the null device's open file.
    func replacements(null: Int32) -> [(name: String, number: Int32)] {
        var found: [(name: String, number: Int32)] = []
        for (number, key) in keys.enumerated().reversed() where key.hasPrefix("pipe:") || key.hasPrefix("file[") {
            guard !found.contains(where: { $0.name == key }) else { continue }
            found.append((key, names[number].hasPrefix(Self.null) ? null : Int32(number)))
        }
        return found
    }
}

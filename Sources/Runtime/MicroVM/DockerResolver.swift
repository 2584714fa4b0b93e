import OCI
import Plans
import Syscalls

/// The resolver that docker has in the network namespace of each container of a network that a user has made: it knows the
/// container's neighbours by their names.
///
/// Of a loopback address a guest has one of its own, so what is asked there has to be carried to the host.
enum DockerResolver {
    /// Where it listens.
    private static let address = InternetAddress([127, 0, 0, 11])
    /// What docker writes into the container's /etc/resolv.conf.
    private static let name = "127.0.0.11"
    private static let file = "/etc/resolv.conf"
    private static let limit = 64 << 10

    /// Its address, where the file that is mounted at /etc/resolv.conf names it; nil elsewhere.
    ///
    /// One in the root file system is the image's, and no engine's.
    static func address(in spec: Spec) -> InternetAddress? {
        guard let mount = spec.mounts.last(where: { $0.destination == file }), let source = mount.source,
            source.hasPrefix("/")
        else { return nil }
        do throws(SystemError) {
            // Whatever the bundle names is opened: only a file is read, so that nothing is waited for.
            let found = try OwnedDescriptor.open(source, .path)
            guard try found.status().kind == .regular else { return nil }
            return isNamed(in: try readText(found.procPath, limit: limit)) ? address : nil
        } catch {
            // A mount that cannot be made is an error of its own.
            return nil
        }
    }

    /// Whether a text names it, resolv.conf(5).
    static func isNamed(in text: String) -> Bool {
        text.split(separator: "\n").contains { line in
            let words = line.split { $0 == " " || $0 == "\t" }
            return words.count > 1 && words[0] == "nameserver" && words[1] == name
        }
    }
}

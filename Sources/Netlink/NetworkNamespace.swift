import Plans
import Syscalls

/// A network namespace that is held open, and a socket in it.
final class NetworkNamespace {
    /// The namespace's file.
    let file: OwnedDescriptor
    /// A socket that was opened inside.
    let socket: NetlinkSocket

    private init(file: consuming OwnedDescriptor, socket: consuming NetlinkSocket) {
        self.file = file
        self.socket = socket
    }

    /// The calling thread's own namespace.
    static func current() throws(SystemError) -> NetworkNamespace {
        // Of the thread: setns(2) changes the calling one alone.
        NetworkNamespace(file: try OwnedDescriptor.open("/proc/thread-self/ns/net"), socket: try NetlinkSocket())
    }

    /// The namespace of a file, entered for as long as it takes to open a socket there.
    ///
    /// - Parameters:
    ///   - path: the namespace's file.
    ///   - own: the calling thread's namespace, where the thread is again afterwards.
    /// - Returns: nil where both are the same namespace.
    static func open(_ path: String, from own: NetworkNamespace) throws(SystemError) -> NetworkNamespace? {
        let file = try OwnedDescriptor.open(path)
        guard try !file.status().isSameFile(as: own.file.status()) else { return nil }
        let kind = NamespaceKind.network.cloneFlag
        try enterNamespaces(of: file, kinds: kind, subject: path)
        do {
            let socket = try NetlinkSocket()
            try enterNamespaces(of: own.file, kinds: kind, subject: "the own network namespace")
            return NetworkNamespace(file: file, socket: socket)
        } catch {
            // Where it was the way back that failed it fails again, and its error ends the program's work.
            try? enterNamespaces(of: own.file, kinds: kind, subject: "the own network namespace")
            throw error
        }
    }
}

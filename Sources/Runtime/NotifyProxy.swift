import Diagnostics
import Glibc
import Plans
import Syscalls

/// Tells the caller's service manager when the container's program is ready, sd_notify(3).
///
/// The program finds a socket of its own at /run/notify/notify.sock. Only that it is ready goes on to the host, together
/// with the pid that the host knows: everything else that a container may say is about itself.
final class NotifyProxy {
    private let socket: OwnedDescriptor
    private let managerPath: String
    private var isReady = false

    /// Where the socket is inside.
    static let destination = "/run/notify"

    /// The service manager's socket; nil where nobody asks, or by a name that is not in the file system.
    static var managerPath: String? {
        environmentVariable("NOTIFY_SOCKET").flatMap { $0.hasPrefix("/") ? $0 : nil }
    }

    /// What a container's plan gets for it.
    ///
    /// - Parameter directory: the container's directory.
    static func mount(from directory: String) -> MountStep {
        MountStep(
            index: nil, destination: destination, kind: .bind(.path(directory + "/notify"), recursive: false))
    }

    /// What the program's environment gets for it.
    static var variable: String { "NOTIFY_SOCKET=\(destination)/notify.sock" }

    /// Begins to listen.
    ///
    /// - Parameters:
    ///   - directory: the container's directory, by a short name.
    ///   - managerPath: the service manager's socket.
    init(in directory: String, managerPath: String) throws(RuntimeError) {
        let path = directory + "/notify/notify.sock"
        do {
            if exists(path) { try removeFile(path) }
            socket = try UnixSocket.listen(at: path, .datagrams)
            // The program may be any user.
            try changeMode(path, 0o777)
        } catch {
            throw RuntimeError(error).during("make the notification socket")
        }
        self.managerPath = managerPath
    }

    /// Adds the socket to a set, until the program is ready.
    ///
    /// - Returns: its place; nil where nothing more is waited for.
    func register(in set: inout PollSet) -> Int? {
        isReady ? nil : set.add(socket, .readable)
    }

    /// Looks at a message that is there.
    ///
    /// - Parameter pid: the program, as the host knows it.
    func forward(_ pid: Int32) throws(SystemError) {
        var message = [UInt8](repeating: 0, count: 4096)
        let count = try socket.read(into: &message, subject: "the notification socket")
        let lines = String(decoding: message.prefix(count), as: UTF8.self).split(separator: "\n")
        guard lines.contains("READY=1") else { return }
        isReady = true
        try UnixSocket.connect(to: managerPath, .datagrams)
            .writeAll(Array("MAINPID=\(pid)\nREADY=1\n".utf8), subject: managerPath)
    }

    /// Waits until the program is ready, or has ended.
    func waitUntilReady(_ pid: Int32) throws(RuntimeError) {
        do {
            let process = try openProcess(pid)
            while !isReady {
                var set = PollSet()
                let end = set.add(process, .readable)
                guard let place = register(in: &set) else { return }
                _ = try set.wait()
                if set.isReady(place) { try forward(pid) } else if set.isReady(end) { return }
            }
        } catch {
            if error.errno == .noProcess { return }
            throw RuntimeError(error).during("wait until the program is ready")
        }
    }
}

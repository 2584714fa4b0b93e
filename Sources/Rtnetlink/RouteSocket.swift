import CLinux
import Glibc
import Syscalls

/// A conversation with the kernel about the network that the calling thread is in, rtnetlink(7).
struct RouteSocket: ~Copyable {
    private let file: OwnedDescriptor
    private var sequence: UInt32 = 0

    /// Opens a socket.
    init() throws(SystemError) {
        let type = Int32(SOCK_RAW.rawValue) | CLX_SOCK_CLOEXEC
        // The protocol is 0, NETLINK_ROUTE; what is sent goes to the kernel unless somebody else is named.
        file = OwnedDescriptor(owning: try syscall("socket", on: "NETLINK_ROUTE") { clx_socket(AF_NETLINK, type) })
    }

    /// Asks for something, and waits until it is done.
    ///
    /// - Parameters:
    ///   - message: what is asked for.
    ///   - subject: what it is about, for an error.
    mutating func request(_ message: RouteMessage, subject: String) throws(SystemError) {
        sequence &+= 1
        try file.writeAll(message.bytes(sequence: sequence), subject: subject)
        var buffer = [UInt8](repeating: 0, count: 8192)
        // What else comes, such as the answer to a request that was given up, is passed over.
        for _ in 0..<64 {
            let count = try file.read(into: &buffer, subject: subject)
            guard let answer = RouteAnswer(buffer[..<count]), answer.sequence == sequence else { continue }
            guard answer.errorNumber != 0 else { return }
            throw SystemError(message.kind.name, subject, Errno(rawValue: answer.errorNumber))
        }
        throw SystemError(message.kind.name, subject, .inputOutput)
    }
}

extension RouteMessage.Kind {
    /// Its name in rtnetlink(7).
    fileprivate var name: String {
        switch self {
        case .changeLink: "RTM_NEWLINK"
        case .newAddress: "RTM_NEWADDR"
        case .newRoute: "RTM_NEWROUTE"
        case .newNeighbour: "RTM_NEWNEIGH"
        }
    }
}

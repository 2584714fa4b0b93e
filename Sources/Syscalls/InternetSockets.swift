import CLinux
import Glibc

/// Who sent a datagram, or is to get one, over IPv4.
package struct DatagramPeer: Hashable, Sendable {
    /// Four bytes in network order.
    package var address: [UInt8]
    /// The port.
    package var port: UInt16

    /// Names somebody.
    ///
    /// - Parameters:
    ///   - address: four bytes in network order.
    ///   - port: the port.
    package init(address: [UInt8], port: UInt16) {
        precondition(address.count == 4, "an address of IPv4 has four bytes")
        self.address = address
        self.port = port
    }
}

extension DatagramPeer: CustomStringConvertible {
    /// As in "127.0.0.11:53".
    package var description: String { address.map(String.init).joined(separator: ".") + ":\(port)" }
}

/// Sockets of IPv4 that never wait, ip(7).
package enum InternetSocket {
    /// How many connections may wait to be taken.
    private static let backlog: Int32 = 16

    /// A socket for datagrams to and from one peer alone.
    ///
    /// The corresponding system calls are `socket(2)` and `connect(2)`.
    package static func datagrams(connectedTo peer: DatagramPeer) throws(SystemError) -> OwnedDescriptor {
        let socket = try make(CLX_SOCK_DGRAM)
        let number = socket.number
        try syscall("connect", on: "\(peer)") { unsafe clx_internet_connect(number, peer.address, peer.port) }
        return socket
    }

    /// A socket for datagrams to an address of this host's.
    ///
    /// The corresponding system calls are `socket(2)` and `bind(2)`.
    ///
    /// - Parameter own: the address, with the port 0 for any that is free.
    package static func datagrams(at own: DatagramPeer) throws(SystemError) -> OwnedDescriptor {
        let socket = try make(CLX_SOCK_DGRAM)
        let number = socket.number
        try syscall("bind", on: "\(own)") { unsafe clx_internet_bind(number, own.address, own.port) }
        return socket
    }

    /// A socket that takes connections.
    ///
    /// The corresponding system calls are `socket(2)`, `bind(2)` and `listen(2)`.
    ///
    /// - Parameter own: its address, with the port 0 for any that is free.
    package static func listen(at own: DatagramPeer) throws(SystemError) -> OwnedDescriptor {
        let socket = try make(CLX_SOCK_STREAM)
        let number = socket.number
        try syscall("bind", on: "\(own)") { unsafe clx_internet_bind(number, own.address, own.port) }
        try syscall("listen", on: "\(own)") { Glibc.listen(number, backlog) }
        return socket
    }

    /// The port that a socket is bound to.
    ///
    /// The corresponding system call is `getsockname(2)`.
    package static func port(of socket: borrowing OwnedDescriptor) throws(SystemError) -> UInt16 {
        let number = socket.number
        return UInt16(truncatingIfNeeded: try syscall("getsockname", on: "\(number)") { clx_internet_port(number) })
    }

    /// What tells this process's network namespace from others.
    ///
    /// The corresponding option is `SO_NETNS_COOKIE` of `socket(7)`, which Linux has from 5.14 on.
    package static func namespace() throws(SystemError) -> UInt64 {
        let socket = try make(CLX_SOCK_DGRAM)
        let cookie = clx_internet_namespace(socket.number)
        guard cookie != 0 else { throw SystemError("getsockopt", "SO_NETNS_COOKIE", .notSupported) }
        return cookie
    }

    private static func make(_ type: Int32) throws(SystemError) -> OwnedDescriptor {
        OwnedDescriptor(
            owning: try syscall("socket", on: "AF_INET") {
                clx_socket(AF_INET, type | CLX_SOCK_CLOEXEC | O_NONBLOCK)
            })
    }
}

extension OwnedDescriptor {
    /// Receives a datagram, where one is there.
    ///
    /// The corresponding system call is `recvfrom(2)` with MSG_DONTWAIT.
    ///
    /// - Parameter limit: the most bytes; the rest is cut off.
    package borrowing func receiveDatagram(limit: Int) throws(SystemError) -> (bytes: [UInt8], peer: DatagramPeer) {
        let number = self.number
        var peer = DatagramPeer(address: [0, 0, 0, 0], port: 0)
        // SAFETY: the kernel writes at most the buffer's length, and says how much of it it wrote.
        let bytes = try unsafe unclearedBytes(upTo: limit) { buffer throws(SystemError) in
            try syscall("recvfrom", on: "\(number)") {
                unsafe clx_internet_receive(number, buffer.baseAddress, buffer.count, &peer.address, &peer.port)
            }
        }
        return (bytes, peer)
    }

    /// Sends a datagram to somebody, or drops it where there is no room.
    ///
    /// The corresponding system call is `sendto(2)` with MSG_DONTWAIT.
    package borrowing func send(_ datagram: [UInt8], to peer: DatagramPeer) throws(SystemError) {
        let number = self.number
        _ = try syscall("sendto", on: "\(peer)") {
            // SAFETY: the kernel only reads, and no more than the array's length.
            unsafe datagram.withUnsafeBytes {
                unsafe clx_internet_send(number, $0.baseAddress, $0.count, peer.address, peer.port)
            }
        }
    }
}

import CLinux
import Glibc

/// One end of a connection that keeps packets apart: a unix(7) socket of type SOCK_SEQPACKET.
package struct PacketSocket: ~Copyable, Sendable {
    /// The socket.
    package let descriptor: OwnedDescriptor

    /// Takes a socket.
    package init(_ descriptor: consuming OwnedDescriptor) {
        self.descriptor = descriptor
    }

    /// Two connected ends.
    ///
    /// The corresponding system call is `socketpair(2)`.
    package static func pair() throws(SystemError) -> PacketSocketPair {
        var numbers: [Int32] = [-1, -1]
        try syscall("socketpair", on: "AF_UNIX") {
            unsafe clx_socketpair(CLX_SOCK_SEQPACKET | CLX_SOCK_CLOEXEC, &numbers)
        }
        return PacketSocketPair(
            ours: PacketSocket(OwnedDescriptor(owning: numbers[0])),
            theirs: PacketSocket(OwnedDescriptor(owning: numbers[1])))
    }

    /// Sends one packet and, where given, a descriptor with it.
    ///
    /// The corresponding system call is `sendmsg(2)`.
    package borrowing func send(_ packet: [UInt8]) throws(SystemError) {
        try send(packet, raw: -1)
    }

    /// Sends one packet and a descriptor with it (SCM_RIGHTS).
    ///
    /// The corresponding system call is `sendmsg(2)`.
    package borrowing func send(_ packet: [UInt8], with passed: borrowing OwnedDescriptor) throws(SystemError) {
        try send(packet, raw: passed.number)
    }

    private borrowing func send(_ packet: [UInt8], raw passed: Int32) throws(SystemError) {
        let number = descriptor.number
        let sent = try syscall("sendmsg", on: "\(number)") {
            unsafe packet.withUnsafeBytes { unsafe clx_send_descriptor(number, $0.baseAddress, $0.count, passed) }
        }
        if sent != packet.count { throw SystemError("sendmsg", "\(number)", .inputOutput) }
    }

    /// Receives one packet, and the descriptor that came with it.
    ///
    /// The corresponding system call is `recvmsg(2)`.
    ///
    /// - Parameter limit: the most bytes a packet may have; the rest is cut off.
    /// - Returns: the packet, empty where the other end is gone.
    package borrowing func receive(
        limit: Int = 65536
    ) throws(SystemError) -> ReceivedPacket {
        let number = descriptor.number
        var passed: Int32 = -1
        let packet: [UInt8]
        do {
            // SAFETY: the kernel writes at most the buffer's length, and says how much of it it wrote.
            packet = try unsafe unclearedBytes(upTo: limit) { buffer throws(SystemError) in
                try syscall("recvmsg", on: "\(number)") {
                    unsafe clx_receive_descriptor(number, buffer.baseAddress, buffer.count, &passed)
                }
            }
        } catch let error where error.errno.rawValue == ECONNRESET {
            // The other end closed with packets of ours unread; for the reader that is its end as well.
            packet = []
        }
        guard passed >= 0 else { return ReceivedPacket(bytes: packet, passed: nil) }
        return ReceivedPacket(bytes: packet, passed: OwnedDescriptor(owning: passed))
    }
}

/// The two ends of a connection.
package struct PacketSocketPair: ~Copyable {
    /// The end that this process keeps.
    package var ours: PacketSocket
    /// The end for somebody else.
    package var theirs: PacketSocket

    /// The first end alone; the other is closed here, so that the other process's end is the only one left.
    package consuming func takeOurs() -> PacketSocket {
        ours
    }

    /// The second end alone, for a clone of this process: with the first one open it would never hear of its end.
    package consuming func takeTheirs() -> PacketSocket {
        theirs
    }
}

/// A packet, and what came with it.
package struct ReceivedPacket: ~Copyable {
    /// The bytes; empty where the other end is gone.
    package var bytes: [UInt8]
    /// The descriptor that came with it.
    package var passed: OwnedDescriptor?
}

/// Unix sockets with a name in the file system, unix(7).
package enum UnixSocket {
    /// The kinds of socket that mvrun uses.
    package enum Kind: Sendable {
        /// SOCK_STREAM.
        case stream
        /// SOCK_SEQPACKET.
        case packets
        /// SOCK_DGRAM.
        case datagrams
    }

    private static func make(_ kind: Kind, waits: Bool = true) throws(SystemError) -> OwnedDescriptor {
        let type =
            switch kind {
            case .stream: CLX_SOCK_STREAM
            case .packets: CLX_SOCK_SEQPACKET
            case .datagrams: CLX_SOCK_DGRAM
            }
        return OwnedDescriptor(
            owning: try syscall("socket", on: "AF_UNIX") {
                clx_socket(AF_UNIX, type | CLX_SOCK_CLOEXEC | (waits ? 0 : O_NONBLOCK))
            })
    }

    /// A socket bound to a path of less than 108 bytes; one that takes connections listens already.
    package static func listen(at path: String, _ kind: Kind) throws(SystemError) -> OwnedDescriptor {
        let socket = try make(kind)
        let number = socket.number
        try syscall("bind", on: path) { unsafe clx_unix_bind(number, path) }
        if kind != .datagrams {
            try syscall("listen", on: path) { Glibc.listen(number, 1) }
        }
        return socket
    }

    /// A socket connected to a path of less than 108 bytes.
    ///
    /// - Parameters:
    ///   - path: where the other end listens.
    ///   - kind: the kind of both.
    ///   - waits: whether to wait where the other end has many connections to take; a socket that does not never waits.
    package static func connect(
        to path: String, _ kind: Kind, waits: Bool = true
    ) throws(SystemError) -> OwnedDescriptor {
        let socket = try make(kind, waits: waits)
        let number = socket.number
        try syscall("connect", on: path) { unsafe clx_unix_connect(number, path) }
        return socket
    }

    /// The next connection.
    ///
    /// The corresponding system call is `accept4(2)`.
    package static func accept(_ listener: borrowing OwnedDescriptor) throws(SystemError) -> OwnedDescriptor {
        let number = listener.number
        return OwnedDescriptor(owning: try syscall("accept4", on: "\(number)") { clx_accept(number) })
    }
}

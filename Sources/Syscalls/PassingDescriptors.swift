import CLinux
import Glibc

extension PacketSocket {
    /// Sends one packet and several descriptors with it (SCM_RIGHTS).
    ///
    /// The corresponding system call is `sendmsg(2)`.
    ///
    /// - Parameters:
    ///   - packet: the bytes.
    ///   - descriptors: the numbers of open files, up to 10, which the caller keeps.
    package borrowing func send(_ packet: [UInt8], withAll descriptors: [Int32]) throws(SystemError) {
        let number = descriptor.number
        let sent = try syscall("sendmsg", on: "\(number)") {
            unsafe packet.withUnsafeBytes { bytes in
                unsafe descriptors.withUnsafeBufferPointer { list in
                    unsafe clx_send_rights(number, bytes.baseAddress, bytes.count, list.baseAddress, list.count)
                }
            }
        }
        if sent != packet.count { throw SystemError("sendmsg", "\(number)", .inputOutput) }
    }

    /// Receives one packet and the descriptors that came with it, up to 10, which the caller closes.
    ///
    /// The corresponding system call is `recvmsg(2)`.
    ///
    /// - Parameter limit: the most bytes a packet may have; the rest is cut off.
    /// - Returns: the packet, empty where the other end is gone, and the numbers of the descriptors.
    package borrowing func receiveAll(
        limit: Int = 65536
    ) throws(SystemError) -> (packet: [UInt8], descriptors: [Int32]) {
        let number = descriptor.number
        var packet = [UInt8](repeating: 0, count: limit)
        var descriptors = [Int32](repeating: -1, count: Int(CLX_RIGHTS_LIMIT))
        var found = 0
        let count: Int
        do {
            count = try syscall("recvmsg", on: "\(number)") {
                // SAFETY: the kernel writes at most the array's length, and the shim at most 10 numbers.
                unsafe packet.withUnsafeMutableBytes { bytes in
                    unsafe descriptors.withUnsafeMutableBufferPointer { list in
                        unsafe clx_receive_rights(number, bytes.baseAddress, bytes.count, list.baseAddress, &found)
                    }
                }
            }
        } catch let error where error.errno.rawValue == ECONNRESET {
            count = 0
        }
        packet.removeLast(limit - count)
        return (packet, Array(descriptors.prefix(found)))
    }
}

extension UnixSocket {
    /// Gives a socket in the file system a second name in the same directory.
    ///
    /// The corresponding system call is `link(2)`.
    package static func link(_ path: String, as other: String) throws(SystemError) {
        try syscall("link", on: other) { unsafe Glibc.link(path, other) }
    }
}

extension OwnedDescriptor {
    /// Makes a terminal hand everything through as it is: whoever is behind its other side has a terminal of its own.
    ///
    /// - Parameter terminal: either side.
    package static func makeRaw(_ terminal: borrowing OwnedDescriptor) throws(SystemError) {
        let number = terminal.number
        var modes = termios()
        try syscall("tcgetattr", on: "\(number)") { unsafe tcgetattr(number, &modes) }
        unsafe cfmakeraw(&modes)
        try syscall("tcsetattr", on: "\(number)") { unsafe tcsetattr(number, TCSANOW, &modes) }
    }
}

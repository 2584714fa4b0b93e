import CLinux
import Glibc

/// Sockets between a guest and its host, vsock(7).
package enum VirtualSocket {
    /// How long the other side may take to answer: a monitor that gets no processor answers late.
    private static let connectSeconds: Int32 = 60

    /// A stream connected to a port.
    ///
    /// The corresponding system calls are `socket(2)` and `connect(2)`.
    package static func connect(to port: UInt32, of contextID: UInt32) throws(SystemError) -> OwnedDescriptor {
        let socket = OwnedDescriptor(
            owning: try syscall("socket", on: "AF_VSOCK") {
                clx_socket(CLX_AF_VSOCK, CLX_SOCK_STREAM | CLX_SOCK_CLOEXEC)
            })
        let number = socket.number
        try syscall("connect", on: "vsock port \(port)") {
            clx_vsock_connect(number, contextID, port, connectSeconds)
        }
        return socket
    }
}

extension OwnedDescriptor {
    /// Sends as much to a socket as it takes at once, whatever its flags say.
    ///
    /// The corresponding system call is `send(2)` with MSG_DONTWAIT.
    ///
    /// - Returns: how many bytes were taken.
    package borrowing func sendNow(_ bytes: ArraySlice<UInt8>, subject: String) throws(SystemError) -> Int {
        let number = self.number
        return try syscall("send", on: subject) {
            // SAFETY: the kernel only reads, and no more than the slice's length.
            unsafe bytes.withUnsafeBytes { unsafe clx_send_now(number, $0.baseAddress, $0.count) }
        }
    }

    /// A socket will not be written to any more: the other side reads its end.
    ///
    /// The corresponding system call is `shutdown(2)`.
    package borrowing func endWriting() throws(SystemError) {
        let number = self.number
        try syscall("shutdown", on: "SHUT_WR \(number)") { clx_shutdown(number, CLX_SHUT_WR) }
    }
}

/// Microseconds of a clock that only goes forward; in a guest that is not suspended, since its kernel began.
///
/// The corresponding system call is `clock_gettime(2)`.
package func monotonicMicroseconds() -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1000
}

/// What only the first process of a machine asks of its kernel.
package enum Kernel {
    /// Loads a module.
    ///
    /// The corresponding system call is `finit_module(2)`.
    package static func loadModule(_ file: borrowing OwnedDescriptor, subject: String) throws(SystemError) {
        let number = file.number
        try syscall("finit_module", on: subject) { unsafe clx_finit_module(number, "") }
    }

    /// Writes what the file systems still hold, sync(2).
    package static func synchronize() {
        sync()
    }

    /// The end of what the kernel has logged, each line with its level as in `<6>`.
    ///
    /// The corresponding system call is `syslog(2)`.
    ///
    /// - Parameter limit: the most bytes.
    package static func log(limit: Int) throws(SystemError) -> String {
        var bytes = [UInt8](repeating: 0, count: limit)
        let count = try syscall("syslog", on: "SYSLOG_ACTION_READ_ALL") {
            unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe clx_read_kernel_log(buffer.assumingMemoryBound(to: CChar.self).baseAddress, Int32(buffer.count))
            }
        }
        return String(decoding: bytes.prefix(Int(count)), as: UTF8.self)
    }

    /// Resets the machine; it returns only to throw.
    ///
    /// The corresponding system call is `reboot(2)` with RB_AUTOBOOT.
    package static func reboot() throws(SystemError) {
        try syscall("reboot", on: "RB_AUTOBOOT") { clx_reboot(CLX_RB_AUTOBOOT) }
    }
}

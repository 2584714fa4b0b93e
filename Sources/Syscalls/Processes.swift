import CLinux
import Glibc

/// How a process ended.
package enum ProcessEnd: Equatable, Sendable {
    /// By exit(2), with this status.
    case exited(Int32)
    /// By this signal.
    case signalled(Int32)

    /// The status a shell would show: the exit status, or 128 and the signal.
    package var shellStatus: Int32 {
        switch self {
        case .exited(let status): status
        case .signalled(let signal): 128 + signal
        }
    }
}

/// Waits for a child.
///
/// The corresponding system call is `waitpid(2)`.
///
/// - Parameters:
///   - pid: the child; -1 for any.
///   - block: false to return at once.
///   - cloned: true for a child without an exit signal (`__WALL`).
/// - Returns: the child and how it ended; nil where none has ended yet.
package func waitForChild(
    _ pid: Int32, block: Bool = true, cloned: Bool = false
) throws(SystemError) -> (pid: Int32, end: ProcessEnd)? {
    var status: Int32 = 0
    let wallFlag: Int32 = 0x4000_0000
    let found = try syscall("waitpid", on: "\(pid)") {
        unsafe clx_waitpid(pid, &status, (block ? 0 : WNOHANG) | (cloned ? wallFlag : 0))
    }
    if found == 0 { return nil }
    let signal = clx_status_signal(status)
    return (found, signal != 0 ? .signalled(signal) : .exited(clx_status_code(status)))
}

/// A descriptor that stands for a process.
///
/// The corresponding system call is `pidfd_open(2)`.
package func openProcess(_ pid: Int32) throws(SystemError) -> OwnedDescriptor {
    OwnedDescriptor(owning: try syscall("pidfd_open", on: "\(pid)") { clx_pidfd_open(pid) })
}

extension OwnedDescriptor {
    /// Sends a signal to the process this pidfd stands for.
    ///
    /// The corresponding system call is `pidfd_send_signal(2)`.
    ///
    /// - Parameter signal: the number; 0 only asks whether the process exists.
    package borrowing func sendSignal(_ signal: Int32) throws(SystemError) {
        let number = self.number
        try syscall("pidfd_send_signal", on: "signal \(signal)") { clx_pidfd_send_signal(number, signal) }
    }
}

/// Signals a process by its number.
///
/// The corresponding system call is `kill(2)`.
///
/// - Parameters:
///   - pid: the process; only a child that was not waited for is sure to be the one that is meant.
///   - signal: the number; 0 only asks whether the process exists.
package func sendSignal(_ signal: Int32, to pid: Int32) throws(SystemError) {
    try syscall("kill", on: "\(pid)") { kill(pid, signal) }
}

/// This process's id.
package func currentProcess() -> Int32 {
    getpid()
}

/// Ends this process at once, without running what atexit(3) registered.
package func exitNow(_ status: Int32) -> Never {
    _exit(status)
}

/// Starts a session.
///
/// The corresponding system call is `setsid(2)`.
package func startSession() throws(SystemError) {
    try syscall("setsid", on: "") { setsid() }
}

/// A clone of this single-threaded process in new namespaces; it returns twice, as fork(2) does.
///
/// - Parameters:
///   - namespaces: CLONE_NEW* flags.
///   - asSibling: the clone is a child of this process's parent.
/// - Returns: the clone's pid, or 0 in the clone.
package func forkProcess(namespaces: UInt64, asSibling: Bool) throws(SystemError) -> Int32 {
    try syscall("clone3", on: "") { clx_fork(namespaces, asSibling ? 1 : 0) }
}

/// Replaces the program of this process.
///
/// The corresponding system call is `execve(2)`; it returns only to throw.
///
/// - Parameters:
///   - path: the program.
///   - arguments: argv.
///   - environment: NAME=value each.
package func execute(_ path: String, arguments: [String], environment: [String]) throws(SystemError) -> Never {
    // SAFETY: the copies live until the exec succeeds; where it fails they are freed, each once.
    let argv = unsafe cStrings(arguments)
    let envp = unsafe cStrings(environment)
    unsafe execve(path, argv, envp)
    let code = Errno.current
    unsafe free(argv)
    unsafe free(envp)
    throw SystemError("execve", path, code)
}

/// One block of memory that holds a null-terminated list of null-terminated strings, as execve(2) wants it.
func cStrings(_ texts: [String]) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> {
    let stride = unsafe MemoryLayout<UnsafeMutablePointer<CChar>?>.stride
    let listSize = (texts.count + 1) * stride
    let textSize = texts.reduce(0) { $0 + $1.utf8.count + 1 }
    // SAFETY: the block is as large as the list and all texts together; every write below stays inside by these counts.
    guard let block = unsafe malloc(listSize + textSize) else { preconditionFailure("out of memory before an exec") }
    let list = unsafe block.bindMemory(to: UnsafeMutablePointer<CChar>?.self, capacity: texts.count + 1)
    var next = unsafe (unsafe block + listSize).bindMemory(to: CChar.self, capacity: textSize)
    for (index, text) in texts.enumerated() {
        unsafe list[index] = unsafe next
        for byte in text.utf8 {
            unsafe next.pointee = CChar(bitPattern: byte)
            unsafe next += 1
        }
        unsafe next.pointee = 0
        unsafe next += 1
    }
    unsafe list[texts.count] = nil
    return unsafe list
}

/// A prctl(2) request with up to two arguments.
package func processControl(
    _ option: Int32, _ first: UInt = 0, _ second: UInt = 0, subject: StaticString
) throws(SystemError) {
    try syscall("prctl", on: "\(subject)") { clx_prctl(option, first, second, 0, 0) }
}

/// The requests of prctl(2) that mvrun makes.
package enum ProcessControl {
    /// No exec gains privileges from here on: PR_SET_NO_NEW_PRIVS.
    package static func setNoNewPrivileges() throws(SystemError) {
        try processControl(CLX_PR_SET_NO_NEW_PRIVS, 1, subject: "PR_SET_NO_NEW_PRIVS")
    }

    /// Whether others of the same user may trace this process or read its descriptors: PR_SET_DUMPABLE.
    package static func setDumpable(_ dumpable: Bool) throws(SystemError) {
        try processControl(CLX_PR_SET_DUMPABLE, dumpable ? 1 : 0, subject: "PR_SET_DUMPABLE")
    }

    /// Permitted capabilities survive the change of all user ids: PR_SET_KEEPCAPS.
    package static func setKeepCapabilities(_ keep: Bool) throws(SystemError) {
        try processControl(CLX_PR_SET_KEEPCAPS, keep ? 1 : 0, subject: "PR_SET_KEEPCAPS")
    }

    /// Orphans below this process become its children: PR_SET_CHILD_SUBREAPER.
    package static func setChildSubreaper() throws(SystemError) {
        try processControl(CLX_PR_SET_CHILD_SUBREAPER, 1, subject: "PR_SET_CHILD_SUBREAPER")
    }

    /// This process gets a signal when the thread that made it ends: PR_SET_PDEATHSIG.
    package static func setParentDeathSignal(_ signal: Int32) throws(SystemError) {
        try processControl(CLX_PR_SET_PDEATHSIG, UInt(signal), subject: "PR_SET_PDEATHSIG")
    }
}

/// Joins a new session keyring.
///
/// The corresponding request is `KEYCTL_JOIN_SESSION_KEYRING` of `keyctl(2)`.
package func joinSessionKeyring(_ name: String) throws(SystemError) {
    try syscall("keyctl", on: name) { unsafe clx_keyctl_join_session(name) }
}

/// Marks descriptors close-on-exec.
///
/// The corresponding system call is `close_range(2)`.
///
/// - Parameter first: the lowest number that is marked.
package func closeOnExec(from first: Int32) throws(SystemError) {
    try syscall("close_range", on: "\(first)") {
        clx_close_range(UInt32(bitPattern: first), UInt32.max, CLX_CLOSE_RANGE_CLOEXEC)
    }
}

import CLinux
import Glibc

/// The names and numbers of signals, signal(7).
package enum SignalNames {
    private static let names: [(name: String, number: Int32)] = [
        ("HUP", 1), ("INT", 2), ("QUIT", 3), ("ILL", 4), ("TRAP", 5), ("ABRT", 6), ("BUS", 7), ("FPE", 8), ("KILL", 9),
        ("USR1", 10), ("SEGV", 11), ("USR2", 12), ("PIPE", 13), ("ALRM", 14), ("TERM", 15), ("STKFLT", 16),
        ("CHLD", 17), ("CONT", 18), ("STOP", 19), ("TSTP", 20), ("TTIN", 21), ("TTOU", 22), ("URG", 23), ("XCPU", 24),
        ("XFSZ", 25), ("VTALRM", 26), ("PROF", 27), ("WINCH", 28), ("IO", 29), ("PWR", 30), ("SYS", 31), ("IOT", 6),
        ("CLD", 17), ("POLL", 29),
    ]

    /// The number of a signal.
    ///
    /// - Parameter text: a number, or a name with or without `SIG`, in any case; `RTMIN+n` and `RTMAX-n` too.
    /// - Returns: nil for what is no signal.
    package static func number(of text: String) -> Int32? {
        let last = clx_sigrtmax()
        if let number = Int32(text) { return (0...last).contains(number) ? number : nil }
        var name = text.uppercased()
        if name.hasPrefix("SIG") { name.removeFirst(3) }
        if let known = names.first(where: { $0.name == name }) { return known.number }
        let first = clx_sigrtmin()
        for (base, start) in [("RTMIN", first), ("RTMAX", last)] where name.hasPrefix(base) {
            let offset = name.dropFirst(base.utf8.count)
            guard let distance = offset.isEmpty ? 0 : Int32(offset), offset.first != "0" else { return nil }
            let number = start + distance
            return (first...last).contains(number) ? number : nil
        }
        return nil
    }

    /// The name of a signal, as in "SIGTERM"; for one without a name its number.
    package static func name(of number: Int32) -> String {
        names.first { $0.number == number }.map { "SIG" + $0.name } ?? "signal \(number)"
    }
}

/// The signals of this process that it reads instead of being interrupted by them.
package struct SignalQueue: ~Copyable {
    /// Becomes readable when a signal is there.
    package let descriptor: OwnedDescriptor

    /// Blocks every signal that can be, and opens the queue of those that come.
    ///
    /// The mask is inherited by children: whoever starts one resets it.
    ///
    /// The corresponding system call is `signalfd(2)`.
    package init() throws(SystemError) {
        var mask = sigset_t()
        unsafe sigfillset(&mask)
        // A fault of this process itself must end it; blocked, the kernel would end it without a core.
        for fault in [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS] { unsafe sigdelset(&mask, fault) }
        try syscall("sigprocmask", on: "SIG_SETMASK") { unsafe sigprocmask(SIG_SETMASK, &mask, nil) }
        descriptor = OwnedDescriptor(
            owning: try syscall("signalfd", on: "") { unsafe clx_signalfd(&mask) })
    }

    /// The next signal; nil where none is there.
    package borrowing func next() throws(SystemError) -> Int32? {
        let number = descriptor.number
        var signal: Int32 = 0
        do {
            try syscall("read", on: "the queue of signals") { unsafe clx_read_signal(number, &signal) }
        } catch {
            guard error.errno == .wouldBlock else { throw error }
            return nil
        }
        return signal
    }
}

/// Empties the mask of blocked signals, and gives those that callers are known to ignore their default action: how a program
/// wants to find them.
///
/// Signals with a handler get their default action by the exec itself. Of the others only those are named that a shell,
/// nohup(1) or an engine may have ignored; asking for each of 64 would be a sixth of all calls of a start.
///
/// - Parameter ignored: the signals that this process ignores, a bit each, the lowest for signal 1; nil where that is not known.
package func resetSignals(ignored: UInt32? = nil) {
    let ignoredByCallers = [
        SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM, SIGCHLD, SIGUSR1, SIGUSR2, SIGTSTP, SIGTTIN, SIGTTOU, SIGXFSZ,
    ]
    for number in ignoredByCallers where ignored.map({ $0 >> UInt32(number - 1) & 1 == 1 }) ?? true {
        _ = signal(number, SIG_DFL)
    }
    var mask = sigset_t()
    unsafe sigemptyset(&mask)
    unsafe _ = sigprocmask(SIG_SETMASK, &mask, nil)
}

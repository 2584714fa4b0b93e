import Diagnostics
import Glibc
import Syscalls

/// A program that this process waits for: it gets the signals that this process gets, and the keys of its terminal.
///
/// Signals are queued from the moment this value is made, before the program exists, so none is lost and none ends mvrun
/// halfway through the making of a container.
struct Foreground: ~Copyable {
    private let signals: SignalQueue

    /// Begins to queue signals.
    init() throws(SystemError) {
        signals = try SignalQueue()
    }

    /// Waits for the program's end.
    ///
    /// - Parameters:
    ///   - pid: the program, a child of this process.
    ///   - process: its pidfd, where the caller has one.
    ///   - terminal: the main side of its terminal, where it has one.
    ///   - notifications: what it says to the service manager.
    /// - Returns: how it ended.
    consuming func wait(
        for pid: Int32, _ process: consuming OwnedDescriptor? = nil, terminal: consuming OwnedDescriptor?,
        notifications: NotifyProxy? = nil
    ) throws(SystemError) -> ProcessEnd {
        let process = try Self.descriptor(process, of: pid)
        guard let terminal else { return try wait(for: pid, process, notifications) }
        var relay = try TerminalRelay(terminal)
        while true {
            var set = PollSet()
            let signalPlace = set.add(signals.descriptor, .readable)
            let places = relay.register(in: &set)
            let notification = notifications?.register(in: &set)
            _ = try set.wait()
            try relay.carry(set, places)
            if let notification, set.isReady(notification) { try notifications?.forward(pid) }
            guard set.isReady(signalPlace) else { continue }
            let events = try takeSignals(for: pid, process)
            if events.sizeChanged { relay.copySize() }
            guard let end = events.end else { continue }
            try relay.drain()
            return end
        }
    }

    private static func descriptor(
        _ given: consuming OwnedDescriptor?, of pid: Int32
    ) throws(SystemError) -> OwnedDescriptor {
        if let given { return given }
        return try openProcess(pid)
    }

    private func wait(
        for pid: Int32, _ process: borrowing OwnedDescriptor, _ notifications: NotifyProxy?
    ) throws(SystemError) -> ProcessEnd {
        // It may have ended before the queue was looked at for the first time; its SIGCHLD is in the queue all the same.
        while true {
            var set = PollSet()
            set.add(signals.descriptor, .readable)
            let notification = notifications?.register(in: &set)
            _ = try set.wait()
            if let notification, set.isReady(notification) { try notifications?.forward(pid) }
            if let end = try takeSignals(for: pid, process).end { return end }
        }
    }

    /// Passes queued signals on.
    private func takeSignals(
        for pid: Int32, _ process: borrowing OwnedDescriptor
    ) throws(SystemError) -> (end: ProcessEnd?, sizeChanged: Bool) {
        var sizeChanged = false
        while let signal = try signals.next() {
            switch signal {
            case SIGCHLD:
                // Behind the end there is nothing to be passed on.
                if let end = try reap(pid) { return (end, sizeChanged) }
            case SIGWINCH: sizeChanged = true
            // What concerns mvrun's own files and its own place in its session.
            case SIGPIPE, SIGURG, SIGTTIN, SIGTTOU: continue
            default:
                do {
                    try process.sendSignal(signal)
                } catch {
                    // It has ended and its SIGCHLD is on the way.
                    guard error.errno == .noProcess else { throw error }
                }
            }
        }
        return (nil, sizeChanged)
    }

    /// Waits for every child that has ended, up to the program: as a subreaper, this process inherits those of the container.
    private func reap(_ pid: Int32) throws(SystemError) -> ProcessEnd? {
        do {
            while let (child, end) = try waitForChild(-1, block: false, cloned: true) {
                if child == pid { return end }
            }
        } catch {
            guard error.errno == .noChild else { throw error }
        }
        return nil
    }
}

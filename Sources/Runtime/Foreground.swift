import Diagnostics
import Glibc
package import Syscalls

/// A program that this process waits for: it gets the signals that this process gets, and the keys of its terminal.
///
/// Signals are queued from the moment this value is made, before the program exists, so none is lost and none ends mvrun
/// halfway through the making of a container.
package struct Foreground: ~Copyable {
    private let signals: SignalQueue

    /// Begins to queue signals.
    package init() throws(SystemError) {
        signals = try SignalQueue()
    }

    /// Waits for the program's end.
    ///
    /// - Parameters:
    ///   - pid: the program, a child of this process.
    ///   - terminal: the main side of its terminal, where it has one.
    /// - Returns: how it ended.
    package consuming func wait(
        for pid: Int32, terminal: consuming OwnedDescriptor?
    ) throws(SystemError) -> ProcessEnd {
        let process = try openProcess(pid)
        guard let terminal else { return try wait(for: pid, process) }
        var relay = try TerminalRelay(terminal)
        while true {
            var set = PollSet()
            let signalPlace = set.add(signals.descriptor, .readable)
            let places = relay.register(in: &set)
            _ = try set.wait()
            try relay.carry(set, places)
            guard set.isReady(signalPlace) else { continue }
            let events = try takeSignals(for: pid, process)
            if events.sizeChanged { relay.copySize() }
            guard let end = events.end else { continue }
            try relay.drain()
            return end
        }
    }

    private func wait(for pid: Int32, _ process: borrowing OwnedDescriptor) throws(SystemError) -> ProcessEnd {
        // It may have ended before the queue was looked at for the first time; its SIGCHLD is in the queue all the same.
        while true {
            var set = PollSet()
            set.add(signals.descriptor, .readable)
            _ = try set.wait()
            if let end = try takeSignals(for: pid, process).end { return end }
        }
    }

    /// Passes queued signals on.
    private func takeSignals(
        for pid: Int32, _ process: borrowing OwnedDescriptor
    ) throws(SystemError) -> (end: ProcessEnd?, sizeChanged: Bool) {
        var end: ProcessEnd?
        var sizeChanged = false
        while let signal = try signals.next() {
            switch signal {
            case SIGCHLD: end = try reap(pid) ?? end
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
        return (end, sizeChanged)
    }

    /// Waits for every child that has ended: as a subreaper, this process inherits those of the container.
    private func reap(_ pid: Int32) throws(SystemError) -> ProcessEnd? {
        var found: ProcessEnd?
        do {
            while let (child, end) = try waitForChild(-1, block: false, cloned: true) {
                if child == pid { found = end }
            }
        } catch {
            guard error.errno == .noChild else { throw error }
        }
        return found
    }
}

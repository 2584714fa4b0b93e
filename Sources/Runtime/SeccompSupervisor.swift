import Glibc
package import Planning
import Synchronization
package import Syscalls

/// Answers the notifications of a container's filter, for `--explain-seccomp` and `--record-seccomp`.
///
/// It may be driven by a loop that polls `listener` and calls `handleOne`, or drive itself by `start` on a thread of its
/// own: the stage makes calls under the filter while the launcher waits for the stage, so that something else has to
/// answer meanwhile.
package final class SeccompSupervisor: Sendable {
    /// How calls are answered.
    package enum Answers: Sendable {
        /// As the profile's filter would have, and each new one is told.
        case explaining(SeccompExplanation)
        /// All are made.
        case recording
    }

    /// What identifies calls of which one is like the other.
    private struct Kind: Hashable {
        let architecture: UInt32
        let number: UInt32
        let action: SeccompAction
    }

    private struct State {
        var recording = SeccompRecording()
        var blocked: [Kind: (event: SeccompEvent, count: Int)] = [:]
        var order: [Kind] = []
    }

    /// The filter's listener.
    package let listener: SeccompListener
    private let answers: Answers
    private let tell: @Sendable (SeccompEvent) -> Void
    private let state = Mutex(State())

    /// More kinds of blocked calls than any kernel and profile have are not kept.
    private static let mostKinds = 4096

    /// Takes over a listener.
    ///
    /// - Parameters:
    ///   - listener: the descriptor that came with the filter.
    ///   - answers: how calls are answered.
    ///   - tell: told each kind of blocked call once, when it is first made, on the thread that answers.
    package init(
        listener: consuming OwnedDescriptor, _ answers: Answers,
        tell: @escaping @Sendable (SeccompEvent) -> Void = { _ in }
    ) {
        self.listener = SeccompListener(listener)
        self.answers = answers
        self.tell = tell
    }

    /// Answers one call; waits where none is there.
    package func handleOne() throws(SystemError) {
        guard let notification = try listener.receive() else { return }
        let attempt = SyscallAttempt(
            architecture: notification.architecture, number: notification.number,
            instructionPointer: notification.instructionPointer, arguments: notification.arguments)
        switch answers {
        case .recording:
            state.withLock { $0.recording.add(attempt) }
            try listener.resume(notification)
        case .explaining(let explanation):
            let action = explanation.action(for: attempt)
            // Nothing but what blocks asks; should the two filters ever disagree, the original is right.
            guard action.blocks else { return try listener.resume(notification) }
            note(notification, attempt, action, explanation)
            try block(notification, action)
        }
    }

    /// Answers calls until no process has the filter any more, or `stop` is at its end.
    package func handleAll(until stop: borrowing OwnedDescriptor) throws(SystemError) {
        while true {
            var files = PollSet()
            let asked = files.add(listener.descriptor, .readable)
            let stopped = files.add(stop, .readable)
            _ = try files.wait()
            if files.isReady(stopped) { return }
            if files.isAtEnd(asked) { return }
            if files.isReady(asked) { try handleOne() }
        }
    }

    /// The kinds of blocked calls in the order in which they were first made, each with how often.
    package var blocked: [(event: SeccompEvent, count: Int)] {
        state.withLock { state in state.order.compactMap { state.blocked[$0] } }
    }

    /// The calls of a recording.
    package var recording: SeccompRecording {
        state.withLock { $0.recording }
    }

    private func note(
        _ notification: SeccompNotification, _ attempt: SyscallAttempt, _ action: SeccompAction,
        _ explanation: SeccompExplanation
    ) {
        let kind = Kind(architecture: attempt.architecture, number: attempt.number, action: action)
        let isKnown = state.withLock { state in
            guard let known = state.blocked[kind] else { return state.order.count >= Self.mostKinds }
            state.blocked[kind] = (known.event, known.count + 1)
            return true
        }
        if isKnown { return }
        let name = attempt.name
        let event = SeccompEvent(
            attempt: attempt, name: name, pid: notification.pid, command: command(of: notification), action: action,
            reason: explanation.reason(for: attempt, name: name))
        state.withLock { state in
            state.blocked[kind] = (event, 1)
            state.order.append(kind)
        }
        tell(event)
    }

    /// Does what the profile says.
    ///
    /// A process that the profile kills dies of SIGKILL instead of SIGSYS: no other signal is sure to end the first
    /// process of a pid namespace. The same goes for SCMP_ACT_TRAP, whose SIGSYS only the kernel can make.
    private func block(_ notification: SeccompNotification, _ action: SeccompAction) throws(SystemError) {
        switch action {
        case .errno(let number):
            try listener.refuse(notification, with: Errno(rawValue: Int32(number)))
        default:
            if notification.pid > 0, listener.stillWaits(notification) {
                try? sendSignal(SIGKILL, to: notification.pid)
            }
            try listener.refuse(notification, with: .noSystemCall)
        }
    }

    /// The name of the thread that waits, comm of proc(5).
    private func command(of notification: SeccompNotification) -> String? {
        guard notification.pid > 0, let text = try? readText("/proc/\(notification.pid)/comm"),
            listener.stillWaits(notification)
        else { return nil }
        return String(text.prefix { $0 != "\n" })
    }
}

/// A call that a profile blocked.
package struct SeccompEvent: Equatable, Sendable, CustomStringConvertible {
    /// The call.
    package let attempt: SyscallAttempt
    /// Its name, where it has one.
    package let name: String?
    /// Who made it; 0 for a process that is not to be seen from here.
    package let pid: Int32
    /// The name of the thread, where it was to be read.
    package let command: String?
    /// What happened to it.
    package let action: SeccompAction
    /// Which part of the profile that comes from.
    package let reason: String

    /// The call as a line, as in `sh (pid 7) called mount(0x7ffe, 0x0, …): operation not permitted: …`.
    package var description: String {
        let who = (command ?? "a process") + (pid > 0 ? " (pid \(pid))" : "")
        let arguments = attempt.arguments.map { "0x" + String($0, radix: 16) }.joined(separator: ", ")
        return "\(who) called \(name ?? "system call \(attempt.number)")(\(arguments)): \(outcome): \(reason)"
    }

    private var outcome: String {
        switch action {
        case .errno(let number): "\(Errno(rawValue: Int32(number)))"
        case .killThread, .killProcess: "killed"
        case .trap: "killed, for want of a way to send it the SIGSYS"
        case .allow, .log, .trace, .notify: "made"
        }
    }
}

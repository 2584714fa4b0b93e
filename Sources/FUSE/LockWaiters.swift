import Glibc
import Synchronization
import Syscalls

/// Requests that wait for locks of the host's.
///
/// One thread, while there are any, tries them in turn. A lock that another program holds comes free without anybody being
/// told; and a thread that waits in the kernel could be interrupted only by a signal.
final class LockWaiters: Sendable {
    private struct Waiter {
        let unique: UInt64
        let attempt: @Sendable () throws(Errno) -> Void
        let send: @Sendable ([UInt8]) -> Void
    }

    private struct State {
        var waiters: [Waiter] = []
        var isRunning = false
    }

    private let state = Mutex(State())
    private let limit: Int

    init(limit: Int) {
        self.limit = limit
    }

    /// Whether there is room for one more.
    func checkRoom() throws(Errno) {
        if state.withLock({ $0.waiters.count }) >= limit { throw Errno(rawValue: ENOLCK) }
    }

    /// Tries a lock until it is there.
    func wait(
        unique: UInt64, attempt: @escaping @Sendable () throws(Errno) -> Void,
        send: @escaping @Sendable ([UInt8]) -> Void
    ) {
        let starts = state.withLock { state in
            state.waiters.append(Waiter(unique: unique, attempt: attempt, send: send))
            defer { state.isRunning = true }
            return !state.isRunning
        }
        guard starts else { return }
        do {
            _ = try RunningThread { self.run() }
        } catch let error {
            state.withLock { $0.isRunning = false }
            end(error: error.errno) { _ in true }
        }
    }

    /// Ends the wait of a request, if it waits.
    func interrupt(_ unique: UInt64) {
        end(error: .interrupted) { $0 == unique }
    }

    /// Ends all of them.
    func cancelAll() {
        end(error: .interrupted) { _ in true }
    }

    private func end(error: Errno?, where matches: (UInt64) -> Bool) {
        let ended = state.withLock { state in
            let ended = state.waiters.filter { matches($0.unique) }
            state.waiters.removeAll { matches($0.unique) }
            return ended
        }
        for waiter in ended {
            var reply = Reply()
            reply.close(unique: waiter.unique, error: error)
            waiter.send(reply.bytes)
        }
    }

    private func run() {
        var pauseMicroseconds: UInt32 = 500
        while true {
            let all = state.withLock { state in
                if state.waiters.isEmpty { state.isRunning = false }
                return state.waiters
            }
            if all.isEmpty { return }
            for waiter in all {
                do {
                    try waiter.attempt()
                    end(error: nil) { $0 == waiter.unique }
                    pauseMicroseconds = 500
                } catch let error {
                    if error != .wouldBlock && error != .accessDenied { end(error: error) { $0 == waiter.unique } }
                }
            }
            usleep(pauseMicroseconds)
            pauseMicroseconds = min(pauseMicroseconds * 2, 16_000)
        }
    }
}

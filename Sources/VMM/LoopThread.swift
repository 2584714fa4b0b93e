package import Board
import Glibc
import Synchronization
package import Syscalls

/// A thread that runs an event loop and does nothing else: that of a device's queue whose work would keep the machine's
/// loop from everything else.
package final class LoopThread: Sendable {
    /// The loop.
    package let loop: EventLoop
    private let thread = Mutex<pthread_t?>(nil)
    private let entering = Mutex<(@Sendable () -> Bool)?>(nil)

    /// Makes a loop that nobody runs yet.
    package init() throws(SystemError) {
        loop = try EventLoop()
    }

    /// Starts the thread; signals are blocked in it as they are in the caller.
    ///
    /// - Parameter entering: called on the thread before its loop runs, which it does not where this says false.
    package func start(entering: (@Sendable () -> Bool)? = nil) throws(SystemError) {
        self.entering.withLock { $0 = entering }
        var thread = pthread_t()
        // The thread's own hold on this object, which it gives back when it ends.
        let context = unsafe Unmanaged.passRetained(self)
        let code = unsafe pthread_create(
            &thread, nil,
            { context in
                guard let context = unsafe context else { return nil }
                unsafe Unmanaged<LoopThread>.fromOpaque(context).takeRetainedValue().work()
                return nil
            }, context.toOpaque())
        guard code == 0 else {
            unsafe context.release()
            throw SystemError("pthread_create", "a loop", Errno(rawValue: code))
        }
        let started = thread
        self.thread.withLock { $0 = started }
    }

    private func work() {
        let entering = entering.withLock { $0.take() }
        guard entering?() ?? true else { return }
        // A loop that cannot wait any more serves nobody; the guest's requests stay unanswered.
        try? loop.run()
    }
}

import Glibc

/// A thread of this process that runs until its body returns.
package struct RunningThread: Sendable {
    private let thread: pthread_t

    /// What a thread is started with: kept alive by the reference that it is given.
    private final class Body: Sendable {
        let run: @Sendable () -> Void

        init(_ run: @escaping @Sendable () -> Void) {
            self.run = run
        }
    }

    /// Starts a thread.
    ///
    /// The corresponding function is `pthread_create(3)`.
    package init(_ body: @escaping @Sendable () -> Void) throws(SystemError) {
        var thread = pthread_t()
        // SAFETY: the thread takes the reference over; where there is none, it is released here.
        let start = unsafe Unmanaged.passRetained(Body(body))
        let result = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, start.toOpaque())
        guard result == 0 else {
            unsafe start.release()
            throw SystemError("pthread_create", "", Errno(rawValue: result))
        }
        self.thread = thread
    }

    /// Waits until the thread has ended; once only.
    ///
    /// The corresponding function is `pthread_join(3)`.
    package func join() {
        _ = pthread_join(thread, nil)
    }
}

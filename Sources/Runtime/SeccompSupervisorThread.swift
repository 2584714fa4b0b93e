import Glibc
import Synchronization
package import Syscalls

/// A supervisor at work on a thread of its own.
package struct SeccompSupervisorThread: ~Copyable {
    /// What the thread does.
    private final class Work: Sendable {
        let supervisor: SeccompSupervisor
        /// A byte in it is the sign to stop.
        let stop: PipeEnds
        let failure = Mutex<SystemError?>(nil)

        init(_ supervisor: SeccompSupervisor, stop: consuming PipeEnds) {
            self.supervisor = supervisor
            self.stop = stop
        }

        func run() {
            do throws(SystemError) {
                try supervisor.handleAll(until: stop.reading)
            } catch {
                failure.withLock { $0 = error }
            }
        }
    }

    private let work: Work
    private let thread: pthread_t

    /// Starts the thread.
    ///
    /// Only for the runs that ask about their calls: a process with threads cannot enter a user namespace any more, and a
    /// thread costs as much as the rest of a start.
    package init(_ supervisor: SeccompSupervisor) throws(SystemError) {
        let work = Work(supervisor, stop: try makePipe())
        let passed = unsafe Unmanaged.passRetained(work)
        var thread = pthread_t()
        // SAFETY: the reference that is passed is taken over by the thread, or released here where there is none.
        let result = unsafe pthread_create(
            &thread, nil,
            { context in
                guard let context = unsafe context else { return nil }
                unsafe Unmanaged<Work>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, unsafe passed.toOpaque())
        if result != 0 {
            unsafe passed.release()
            throw SystemError("pthread_create", "seccomp supervisor", Errno(rawValue: result))
        }
        self.work = work
        self.thread = thread
    }

    /// Stops answering, once the run is over, and waits for the thread's end.
    ///
    /// - Throws: why it stopped answering before.
    package consuming func finish() throws(SystemError) {
        try work.stop.writing.writeAll([0], subject: "stop")
        _ = pthread_join(thread, nil)
        if let failure = work.failure.withLock({ $0 }) { throw failure }
    }
}

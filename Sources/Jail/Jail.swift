import CLinux
import Synchronization
package import Syscalls

/// What a monitor shuts its threads in with, before the guest runs its first instruction; none can be undone.
///
/// The first thread makes it, starts the other ones, each of which enters by itself, waits for them, and enters as the last one.
/// docs/security.md says what it stops.
package final class Jail: Sendable {
    private struct Arrivals {
        var count = 0
        var failure: SystemError?
    }

    private let features: JailFeatures
    private let refusal: FilterAssembler.Refusal
    private let process = currentProcess()
    private let arrivals = Mutex(Arrivals())
    private let arrived: EventDescriptor
    private let processorFilter: [UInt8]

    /// Prepares the whole process: nobody else of the same user may trace it or read its memory, and its threads share one heap,
    /// for those of their own would take system calls that no filter has to allow.
    ///
    /// To be called before the first thread starts.
    ///
    /// - Parameters:
    ///   - features: what the machine has.
    ///   - report: an open file on which a forbidden call is reported before the process dies of it; nil for the kernel's own
    ///     audit log alone.
    package init(_ features: JailFeatures, report: Int32? = nil) throws(SystemError) {
        self.features = features
        refusal = report == nil ? .kill : .report
        arrived = try EventDescriptor()
        try ProcessControl.setDumpable(false)
        _ = clx_one_heap()
        if let report { try syscall("sigaction", on: "SIGSYS") { clx_report_forbidden_calls(report) } }
        processorFilter = FilterAssembler.assemble(
            ThreadRules.rules(for: .processor, features, process: process), refusal: refusal)
    }

    /// The calling thread enters, and is named; `awaitThreads` tells the first thread how that went.
    ///
    /// - Parameters:
    ///   - kind: what the thread is for.
    ///   - name: its name, up to 15 bytes.
    ///   - prepare: done first, on the thread.
    /// - Returns: false where it could not; then it has to end.
    package func enter(
        _ kind: ThreadKind, named name: String, preparing prepare: () throws(SystemError) -> Void = {}
    ) -> Bool {
        var failure: SystemError?
        do throws(SystemError) {
            unsafe _ = clx_name_thread(name, 1)
            try prepare()
            // What tells of it is allowed to every kind.
            try install(kind)
        } catch {
            failure = error
        }
        arrivals.withLock { state in
            state.count += 1
            state.failure = state.failure ?? failure
        }
        arrived.signal()
        return failure == nil
    }

    /// Waits until so many threads have entered.
    ///
    /// - Throws: why one could not.
    package func awaitThreads(_ count: Int) throws(SystemError) {
        while true {
            let (present, failure) = arrivals.withLock { ($0.count, $0.failure) }
            if let failure { throw failure }
            if present >= count { return }
            var set = PollSet()
            set.add(arrived.file, .readable)
            _ = try set.wait()
            arrived.drain()
        }
    }

    /// The first thread enters.
    ///
    /// Its name stays that of the program, by which the process is known.
    package func close() throws(SystemError) {
        unsafe _ = clx_name_thread("loop", 0)
        try install(.loop)
    }

    private func install(_ kind: ThreadKind) throws(SystemError) {
        let filter =
            kind == .processor
            ? processorFilter
            : FilterAssembler.assemble(ThreadRules.rules(for: kind, features, process: process), refusal: refusal)
        _ = try Scheduling.installSeccomp(filter, flags: 0)
    }
}

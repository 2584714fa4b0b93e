import Diagnostics
import FUSE
import Jail
import Plans
import Syscalls

/// How a monitor shuts itself in: around the whole process what its plan says that it needs, around each thread what that
/// kind of thread does.
///
/// It comes after everything was opened and before the first thread is started; docs/security.md says what it is worth.
struct MonitorJail {
    /// What the threads enter.
    let jail: Jail
    private let plan: MachinePlan

    /// Shuts the process in: what its threads inherit.
    init(_ plan: MachinePlan) throws(RuntimeError) {
        self.plan = plan
        let features = JailFeatures(offersVsock: plan.offersVsock, hasFileWindow: plan.fileWindowMiB > 0)
        do throws(SystemError) {
            jail = try Jail(features, report: plan.reportsForbiddenCalls ? 2 : nil)
            if let fence = try PathFence() {
                try Self.allowStreams(fence)
                for share in plan.shares { try Self.allow(share, fence) }
                try fence.raise()
            }
        } catch {
            throw RuntimeError(error).during("shut the monitor in")
        }
    }

    /// Waits until so many threads have entered, and shuts the calling one, which is the first, in as the last: the only one
    /// whose filter lets it open files by their paths, and which does so with the standard streams of programs alone.
    func close(around threads: Int) throws(RuntimeError) {
        do throws(SystemError) {
            try jail.awaitThreads(threads)
            if let fence = try PathFence() {
                try Self.allowStreams(fence)
                try fence.raise()
            }
            try jail.close()
        } catch {
            throw RuntimeError(error).during("shut the monitor's threads in")
        }
    }

    /// A share: everything that its server does there, and of one that cannot be changed only what reads.
    private static func allow(_ share: FileShare, _ fence: borrowing PathFence) throws(SystemError) {
        let rights: PathFence.Rights = share.readOnly ? .reading : .serving
        let file = try OwnedDescriptor.open(share.path, .path)
        // The rights of a directory are none of a file's.
        try fence.allow(file, share.isFile ? rights.intersection(.fileContent) : rights)
    }

    /// The standard streams that are opened anew, so as not to wait: named pipes and terminals.
    private static func allowStreams(_ fence: borrowing PathFence) throws(SystemError) {
        for number in Int32(0)...2 {
            guard let stream = try? OwnedDescriptor.standardStream(number) else { continue }
            switch (try? stream.status())?.kind {
            case .fifo?, .characterDevice?: try fence.allow(stream, .fileContent)
            default: break
            }
        }
    }

    /// What the file server may hold, by how many descriptors this process may have; half of them are left to all others.
    static var serverLimits: ServerLimits {
        let (most, openFiles): (UInt64, Int32) = (16384, 7)
        let limit = (try? Scheduling.limit(openFiles, of: 0))?.soft ?? 1024
        return ServerLimits(descriptors: Int(clamping: min(most, limit / 2)))
    }
}

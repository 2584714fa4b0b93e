import Synchronization
import Syscalls

/// How many descriptors hold locks of clients: they are bounded as open files are, CVE-2020-10717.
final class LockCount: Sendable {
    private let count = Atomic(0)

    /// The present number.
    var value: Int { count.load(ordering: .relaxed) }

    fileprivate func add(_ change: Int) { count.add(change, ordering: .relaxed) }
}

/// The open file description that holds what an owner in the client has locked of a file.
final class LockFile: Sendable {
    let file: ServedFile
    private let count: LockCount

    init(_ file: ServedFile, count: LockCount) {
        self.file = file
        self.count = count
        count.add(1)
    }

    deinit { count.add(-1) }
}

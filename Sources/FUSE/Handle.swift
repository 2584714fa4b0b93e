import Synchronization
import Syscalls

/// A file or directory that the client has open.
final class Handle: Sendable {
    /// Where a directory is being read.
    struct Cursor {
        /// Entries in the form of getdents64(2) that did not fit into the last reply.
        var entries: [UInt8] = []
        /// Where the first of them starts.
        var next = 0
        /// The offset that continues with that one.
        var offset: UInt64 = 0
    }

    let number: UInt64
    let inode: Inode
    let file: ServedFile
    let isDirectory: Bool
    let isWritable: Bool
    let cursor = Mutex(Cursor())

    init(number: UInt64, inode: Inode, file: ServedFile, isDirectory: Bool, isWritable: Bool) {
        self.number = number
        self.inode = inode
        self.file = file
        self.isDirectory = isDirectory
        self.isWritable = isWritable
    }
}

/// What the client has open.
final class HandleTable: Sendable {
    private let state = Mutex(SlotTable<Handle>(firstNumber: 1))
    private let limit: Int

    init(limit: Int) {
        self.limit = limit
    }

    /// The handle behind a number that a client gave.
    func find(_ number: UInt64) throws(Errno) -> Handle {
        guard let handle = self[number] else { throw .badDescriptor }
        return handle
    }

    subscript(number: UInt64) -> Handle? {
        state.withLock { $0[number] }
    }

    /// Whether there is room for one more.
    func checkRoom() throws(Errno) {
        if state.withLock({ $0.count }) >= limit { throw Errno(rawValue: 23) }
    }

    /// Adds an open file.
    func add(_ file: ServedFile, of inode: Inode, isDirectory: Bool, isWritable: Bool) -> Handle {
        let handle = state.withLock { table in
            table.add {
                Handle(number: $0, inode: inode, file: file, isDirectory: isDirectory, isWritable: isWritable)
            }
        }
        inode.state.withLock { $0.handle = handle.number }
        return handle
    }

    /// Takes one out.
    func remove(_ number: UInt64) -> Handle? {
        let handle = state.withLock { $0.remove(number) }
        handle?.inode.state.withLock { if $0.handle == number { $0.handle = 0 } }
        return handle
    }

    /// Takes all out.
    func removeAll() {
        let old = state.withLock { table -> SlotTable<Handle> in
            defer { table = SlotTable(firstNumber: 1) }
            return table
        }
        _ = consume old
    }
}

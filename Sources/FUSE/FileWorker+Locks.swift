import Glibc
import Synchronization
import Syscalls

extension FileWorker {
    /// A lock as a client describes it, fuse_lk_in.
    private struct LockRequest {
        let handle: Handle
        let owner: UInt64
        let lock: ServedFile.RangeLock
        let isWhole: Bool
    }

    private func lockRequest(_ reader: inout RequestReader) throws(Errno) -> LockRequest {
        guard server.locks == .host else { throw .noSystemCall }
        let (handle, owner) = (try server.handles.find(reader.uint64()), try reader.uint64())
        let (start, end) = (try reader.uint64(), try reader.uint64())
        let (kind, _) = (Int32(bitPattern: try reader.uint32()), try reader.uint32())
        let flags = try reader.uint32()
        guard [F_RDLCK, F_WRLCK, F_UNLCK].contains(kind), start <= end, let first = Int64(exactly: start) else {
            throw .invalidArgument
        }
        // Up to the last byte that there can be is all that follows.
        let length = end >= UInt64(Int64.max) ? 0 : Int64(end - start) + 1
        return LockRequest(
            handle: handle, owner: owner,
            lock: ServedFile.RangeLock(kind: kind, start: first, length: length),
            isWhole: flags & Wire.lockFlock != 0)
    }

    /// The open file description that holds what an owner has locked of a file: its close drops all of it.
    private func lockFile(_ request: LockRequest) throws(Errno) -> ServedFile {
        let inode = request.handle.inode
        if let known = inode.state.withLock({ $0.locks[request.owner] }) { return known.file }
        try server.handles.checkRoom()
        guard inode.state.withLock({ $0.locks.count }) < server.limits.waitingLocks,
            server.lockCount.value < server.limits.handles / 4
        else {
            throw Errno(rawValue: ENOLCK)
        }
        let mode = request.handle.isWritable ? O_RDWR : O_RDONLY
        let file = try server.descriptors.reopen(server.file(of: inode), flags: mode | O_NONBLOCK)
        return inode.state.withLock { state in
            if let other = state.locks[request.owner] { return other.file }
            state.locks[request.owner] = LockFile(file, count: server.lockCount)
            return file
        }
    }

    /// One try.
    private func take(_ request: LockRequest) throws(Errno) -> @Sendable () throws(Errno) -> Void {
        let file = request.isWhole ? request.handle.file : try lockFile(request)
        let (lock, isWhole) = (request.lock, request.isWhole)
        return { () throws(Errno) in
            if isWhole { try file.lockWhole(lock.kind) } else { try file.lock(lock) }
        }
    }

    func conflictingLock(_ request: Request, _ reader: inout RequestReader) throws(Errno) -> Reply {
        let asked = try lockRequest(&reader)
        let found = try lockFile(asked).conflict(with: asked.lock)
        var reply = Reply()
        reply.append(UInt64(found.start))
        reply.append(found.length == 0 ? UInt64(Int64.max) : UInt64(found.start + found.length - 1))
        reply.append(found.kind)
        // Whose it is means nothing to the client.
        reply.append(UInt32(0))
        return reply
    }

    func lock(_ request: Request, _ reader: inout RequestReader) throws(Errno) -> Reply {
        try take(lockRequest(&reader))()
        return Reply()
    }

    /// A lock that is waited for: by a thread of its own, for this one has others to serve.
    func lockWaiting(_ request: Request, _ reader: inout RequestReader) throws(Errno) -> Outcome {
        let attempt = try take(lockRequest(&reader))
        do {
            try attempt()
            return .reply(Reply())
        } catch let error {
            guard error == .wouldBlock || error == .accessDenied else { throw error }
        }
        try server.waiters.checkRoom()
        let send = request.exchange.deferReply()
        server.waiters.wait(unique: request.header.unique, attempt: attempt, send: send)
        return .later
    }
}

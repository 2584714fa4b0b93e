import Glibc
import Synchronization
import Syscalls

extension FileWorker {
    /// The flags of open(2) that count on the host, of those that a client gives.
    ///
    /// A client that writes late reads the rest of a page first, and decides itself where a file ends.
    func openMode(_ flags: Int32) -> Int32 {
        let late = server.features.contains(.writebackCache)
        var mode = flags & (O_ACCMODE | O_DSYNC | O_SYNC)
        if mode & O_ACCMODE == O_ACCMODE { mode &= ~O_ACCMODE | O_RDWR }
        if late, mode & O_ACCMODE == O_WRONLY { mode = mode & ~O_ACCMODE | O_RDWR }
        if !late { mode |= flags & O_APPEND }
        return mode
    }

    /// What a client may do with the content of a file that it opens: fuse_open_out's flags.
    var contentFlags: UInt32 {
        var flags: UInt32 = 0
        switch server.cache {
        case .never: flags |= Wire.replyDirectIO
        case .auto: break
        case .always: flags |= Wire.replyKeepCache
        }
        // Only locks of the host's have to go when a file is closed.
        if server.locks == .client { flags |= Wire.replyNoFlush }
        return flags
    }

    func appendOpen(_ handle: Handle, flags: UInt32, to reply: inout Reply) {
        reply.append(handle.number)
        reply.append(flags)
        reply.append(UInt32(0))
    }

    func open(_ request: Request, _ reader: inout RequestReader) throws(Errno) -> Reply {
        let (flags, openFlags) = (Int32(bitPattern: try reader.uint32()), try reader.uint32())
        if request.isRoot { throw .isDirectory }
        let inode = try inode(request)
        // Devices of the host's among them, CVE-2020-35517; clients open theirs themselves.
        guard inode.kind == S_IFREG else { throw inode.isDirectory ? .isDirectory : Errno(rawValue: ENXIO) }
        let isWritable = flags & O_ACCMODE != O_RDONLY
        if inode.share.isReadOnly, isWritable || flags & O_TRUNC != 0 { throw .readOnly }
        try server.handles.checkRoom()
        if flags & O_TRUNC != 0 { try thread.keepSetIDBits(openFlags & Wire.openKillPrivileges == 0) }
        let mode = openMode(flags) | flags & O_TRUNC
        let file = try server.descriptors.reopen(server.file(of: inode), flags: mode)
        var replyFlags = contentFlags
        if server.cache == .auto, try isUnchanged(inode, file) { replyFlags |= Wire.replyKeepCache }
        let handle = server.handles.add(file, of: inode, isDirectory: false, isWritable: isWritable)
        var reply = Reply()
        appendOpen(handle, flags: replyFlags, to: &reply)
        return reply
    }

    /// Whether the content is what it was when the client opened the file before, so that what it has cached is right.
    private func isUnchanged(_ inode: Inode, _ file: ServedFile) throws(Errno) -> Bool {
        let stamp = ContentStamp(try file.attributes())
        let settled = stamp.isSettled ? stamp : nil
        return inode.state.withLock { state in
            defer { state.stamp = settled }
            return state.stamp == stamp
        }
    }

    /// The handle of a regular file.
    private func contentHandle(_ number: UInt64, writable: Bool = false) throws(Errno) -> Handle {
        let handle = try server.handles.find(number)
        if handle.isDirectory { throw .isDirectory }
        if writable {
            if handle.inode.share.isReadOnly { throw .readOnly }
            guard handle.isWritable else { throw .badDescriptor }
        }
        return handle
    }

    func read(_ request: Request, _ reader: inout RequestReader) throws(Errno) -> Reply {
        let (handle, position) = (try contentHandle(reader.uint64()), try reader.offset())
        let count = min(Int(try reader.uint32()), Wire.maxTransfer, max(request.room, 0))
        var reply = Reply()
        // A client that caches takes the end of a short answer for that of the file, and shortens it.
        reply.appended = try repeated(count, isPartOfUse: server.cache == .never) { done throws(Errno) in
            try request.exchange.readIntoReply(
                at: Wire.replyHeaderSize + done, count: count - done, from: handle.file,
                position: position + Int64(done))
        }
        return reply
    }

    func write(_ request: Request, _ reader: inout RequestReader) throws(Errno) -> Reply {
        let (handle, position) = (try contentHandle(reader.uint64(), writable: true), try reader.offset())
        let (count, flags) = (Int(try reader.uint32()), try reader.uint32())
        let start = Wire.requestHeaderSize + Wire.writeBodySize
        guard count <= Wire.maxTransfer, count <= request.exchange.requestLength - start else {
            throw .invalidArgument
        }
        try thread.keepSetIDBits(flags & Wire.writeKillPrivileges == 0)
        // Pages that a client writes back are clean to it afterwards, however many were taken.
        let done = try repeated(count, isPartOfUse: flags & Wire.writeFromCache == 0) { done throws(Errno) in
            try request.exchange.writeRequest(
                at: start + done, count: count - done, to: handle.file, position: position + Int64(done))
        }
        var reply = Reply()
        reply.append(UInt32(done))
        reply.append(UInt32(0))
        return reply
    }

    /// Repeats a transfer until all is done, or no more is to be had.
    ///
    /// - Parameters:
    ///   - count: how many bytes there are.
    ///   - isPartOfUse: whether an error behind a part that was done is left to the next request; else it is this one's.
    ///   - transfer: moves bytes behind those that were done, and returns how many; 0 at the end.
    private func repeated(
        _ count: Int, isPartOfUse: Bool, _ transfer: (Int) throws(Errno) -> Int
    ) throws(Errno) -> Int {
        var done = 0
        while done < count {
            do {
                let part = try transfer(done)
                if part == 0 { break }
                done += part
            } catch {
                if isPartOfUse, done > 0 { break }
                throw error
            }
        }
        return done
    }

    func flush(_ request: Request, _ reader: inout RequestReader) throws(Errno) -> Reply {
        let handle = try server.handles.find(reader.uint64())
        try reader.skip(8)
        let owner = try reader.uint64()
        // Closing the description drops what the owner has locked by it.
        let closed = handle.inode.state.withLock { $0.locks.removeValue(forKey: owner) }
        _ = consume closed
        return Reply()
    }

    func release(_ reader: inout RequestReader) throws(Errno) -> Reply {
        let number = try reader.uint64()
        if number == FileWorker.rootHandle { return Reply() }
        guard let handle = server.handles.remove(number) else { throw .badDescriptor }
        _ = consume handle
        return Reply()
    }

    func synchronise(_ reader: inout RequestReader) throws(Errno) -> Reply {
        let (number, flags) = (try reader.uint64(), try reader.uint32())
        if number == FileWorker.rootHandle { return Reply() }
        try server.handles.find(number).file.synchronise(dataOnly: flags & Wire.fsyncDataOnly != 0)
        return Reply()
    }

    func synchroniseFileSystem(_ request: Request) throws(Errno) -> Reply {
        if request.isRoot { return Reply() }
        let inode = try inode(request)
        if inode.share.isReadOnly { return Reply() }
        let file = try server.file(of: inode)
        let kinds: [UInt32] = [S_IFREG, S_IFDIR]
        guard kinds.contains(inode.kind) else { throw .invalidArgument }
        try server.descriptors.reopen(file, flags: O_RDONLY | O_NONBLOCK).synchroniseFileSystem()
        return Reply()
    }

    func allocate(_ reader: inout RequestReader) throws(Errno) -> Reply {
        let handle = try contentHandle(reader.uint64(), writable: true)
        let (position, length) = (try reader.offset(), try reader.offset())
        let mode = try reader.uint32()
        // FALLOC_FL_KEEP_SIZE, PUNCH_HOLE and ZERO_RANGE.
        guard mode & ~0x13 == 0 else { throw .notSupported }
        try handle.file.allocate(mode: Int32(mode), from: position, length: length)
        return Reply()
    }

    func seek(_ reader: inout RequestReader) throws(Errno) -> Reply {
        let handle = try contentHandle(reader.uint64())
        let (position, whence) = (try reader.offset(), try reader.uint32())
        // SEEK_DATA and SEEK_HOLE; the others are the client's own business.
        guard whence == 3 || whence == 4 else { throw .invalidArgument }
        var reply = Reply()
        reply.append(try handle.file.seek(position, whence: Int32(whence)))
        return reply
    }

    func copyRange(_ reader: inout RequestReader) throws(Errno) -> Reply {
        let (source, position) = (try contentHandle(reader.uint64()), try reader.offset())
        try reader.skip(8)
        let target = try contentHandle(reader.uint64(), writable: true)
        let (targetPosition, count) = (try reader.offset(), try reader.uint64())
        guard try reader.uint64() == 0 else { throw .invalidArgument }
        // A thread is not to be kept for minutes by one request; the client asks for the rest.
        let limited = Int(min(count, 64 << 20))
        var reply = Reply()
        reply.append(
            UInt32(try source.file.copy(from: position, to: target.file, at: targetPosition, count: limited)))
        reply.append(UInt32(0))
        return reply
    }
}

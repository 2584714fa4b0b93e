import Glibc
import Synchronization
import Syscalls

extension FileWorker {
    /// The handle of the root that is made up.
    static let rootHandle = UInt64.max
    /// How much of a directory is read at a time.
    private static let chunk = 16384
    /// The most that one READDIR gets.
    private static let maxDirectoryReply = 1 << 17

    func openDirectory(_ request: Request) throws(Errno) -> Reply {
        var reply = Reply()
        let cacheFlags = server.cache == .always ? Wire.replyCacheDirectory | Wire.replyKeepCache : 0
        if request.isRoot {
            reply.append(FileWorker.rootHandle)
            reply.append(cacheFlags)
            reply.append(UInt32(0))
            return reply
        }
        let inode = try inode(request)
        guard inode.isDirectory else { throw .notDirectory }
        try server.handles.checkRoom()
        let file = try server.descriptors.reopen(server.file(of: inode), flags: O_RDONLY | O_DIRECTORY)
        let handle = server.handles.add(file, of: inode, isDirectory: true, isWritable: false)
        appendOpen(handle, flags: cacheFlags, to: &reply)
        return reply
    }

    func readDirectory(_ request: Request, _ reader: inout RequestReader, plus: Bool) throws(Errno) -> Reply {
        let (number, offset) = (try reader.uint64(), try reader.uint64())
        let room = min(Int(try reader.uint32()), Self.maxDirectoryReply, max(request.room, 0))
        var reply = Reply()
        let limit = Wire.replyHeaderSize + room
        reply.reserve(limit)
        if number == Self.rootHandle {
            try readRoot(from: offset, into: &reply, limit: limit, plus: plus)
            return reply
        }
        let handle = try server.handles.find(number)
        guard handle.isDirectory else { throw .notDirectory }
        var cursor = handle.cursor.withLock { cursor in
            defer { cursor = Handle.Cursor(offset: .max) }
            return cursor
        }
        if cursor.offset != offset {
            guard let place = Int64(exactly: offset) else { throw .invalidArgument }
            _ = try handle.file.seek(place, whence: SEEK_SET)
            cursor = Handle.Cursor(offset: offset)
        }
        var isFull = false
        while !isFull {
            if cursor.next == cursor.entries.count {
                // What was told already is not to be lost for an error behind it.
                let before = reply.count
                do {
                    try handle.file.readEntries(into: &cursor.entries, limit: Self.chunk)
                } catch let error {
                    if before == Wire.replyHeaderSize { throw error }
                    break
                }
                cursor.next = 0
                if cursor.entries.isEmpty { break }
            }
            while let entry = DirectoryEntry(cursor.entries, at: cursor.next) {
                guard append(entry, of: handle, to: &reply, limit: limit, plus: plus) else {
                    isFull = true
                    break
                }
                cursor.next += entry.length
                cursor.offset = entry.offset
            }
        }
        if reply.count == Wire.replyHeaderSize && isFull { throw .invalidArgument }
        let rest = cursor
        handle.cursor.withLock { $0 = rest }
        return reply
    }

    /// Adds an entry; false where there is no room for it.
    private func append(
        _ entry: DirectoryEntry, of handle: Handle, to reply: inout Reply, limit: Int, plus: Bool
    ) -> Bool {
        let size = (plus ? 128 : 0) + (24 + entry.name.count + 7) & ~7
        guard size <= limit - reply.count else { return false }
        var inode = entry.inode
        let start = reply.count
        if plus {
            if let name = FileName(component: entry.name),
                let attributes = try? handle.file.attributes(of: name),
                let seen = try? see(attributes, in: handle.inode, name)
            {
                appendEntry(seen, attributes, to: &reply)
                inode = seen.shownInode
            } else {
                // Node 0: the client looks it up itself, should it want to know.
                reply.append(zeroes: 128)
            }
        }
        appendEntry(entry.name, inode: inode, offset: entry.offset, kind: entry.kind, to: &reply)
        reply.append(zeroes: size - (reply.count - start))
        return true
    }

    /// Adds fuse_dirent without what fills it up.
    private func appendEntry(
        _ name: some Collection<UInt8>, inode: UInt64, offset: UInt64, kind: UInt32, to reply: inout Reply
    ) {
        reply.append(inode)
        reply.append(offset)
        reply.append(UInt32(name.count))
        reply.append(kind)
        reply.append(contentsOf: name)
    }

    private func readRoot(
        from offset: UInt64, into reply: inout Reply, limit: Int, plus: Bool
    ) throws(Errno) {
        let own = [[UInt8(ascii: ".")], [UInt8(ascii: "."), UInt8(ascii: ".")]]
        let count = UInt64(server.shares.count + own.count)
        for index in min(offset, count)..<count {
            let place = Int(index)
            let name = place < own.count ? own[place] : Self.shareName(place - own.count)
            let size = (plus ? 128 : 0) + (24 + name.count + 7) & ~7
            guard size <= limit - reply.count else { return }
            let start = reply.count
            var (inode, kind) = (Wire.rootNode, S_IFDIR >> 12)
            if place >= own.count, let root = server.root(place - own.count) {
                (inode, kind) = (root.shownInode, root.kind >> 12)
            }
            if plus { reply.append(zeroes: 128) }
            appendEntry(name, inode: inode, offset: index + 1, kind: kind, to: &reply)
            reply.append(zeroes: size - (reply.count - start))
        }
    }
}

/// One entry in the form of getdents64(2).
private struct DirectoryEntry {
    let inode: UInt64
    let offset: UInt64
    let length: Int
    let kind: UInt32
    let name: ArraySlice<UInt8>

    /// The entry at a place; nil at the end.
    init?(_ bytes: [UInt8], at start: Int) {
        guard bytes.count - start >= 19 else { return nil }
        func number(_ place: Int, _ size: Int) -> UInt64 {
            (0..<size).reduce(0) { $0 | UInt64(bytes[start + place + $1]) << UInt64(8 * $1) }
        }
        inode = number(0, 8)
        offset = number(8, 8)
        length = Int(number(16, 2))
        kind = UInt32(bytes[start + 18])
        guard length > 19, length <= bytes.count - start else { return nil }
        let all = bytes[(start + 19)..<(start + length)]
        name = all.prefix { $0 != 0 }
    }
}

import Glibc
import Syscalls

/// The client's window: which parts of files lie in it is the client's to say, what it may do with them the server's.
extension FileWorker {
    /// SETUPMAPPING, of the request's node: Linux names no handle.
    func map(_ request: Request, _ reader: inout RequestReader) throws(Errno) -> Reply {
        guard let window = server.window else { throw .noSystemCall }
        try reader.skip(8)
        let (position, count) = (try reader.offset(), try reader.uint64())
        let (flags, offset) = (try reader.uint64(), try reader.uint64())
        try require(offset, count, in: window)
        // The file's last byte has a place too.
        guard UInt64(position) & (window.unit - 1) == 0, UInt64(position) <= UInt64(Int64.max) - count else {
            throw .invalidArgument
        }
        let inode = try inode(request)
        guard inode.kind == S_IFREG else { throw .invalidArgument }
        let writable = flags & Wire.mapWrite != 0
        if writable && inode.share.isReadOnly { throw .readOnly }
        let mode = writable ? O_RDWR : O_RDONLY
        let file = try server.descriptors.reopen(server.file(of: inode), flags: mode | O_NONBLOCK)
        try window.map(file, from: position, count: count, at: offset, writable: writable)
        return Reply()
    }

    /// REMOVEMAPPING: any number of parts.
    func unmap(_ reader: inout RequestReader) throws(Errno) -> Reply {
        guard let window = server.window else { throw .noSystemCall }
        let count = try reader.uint32()
        guard Int(count) <= reader.remaining / 16 else { throw .invalidArgument }
        for _ in 0..<count {
            let (offset, count) = (try reader.uint64(), try reader.uint64())
            try require(offset, count, in: window)
            try window.unmap(at: offset, count)
        }
        return Reply()
    }

    /// Refuses a part that is not whole units of the window: so the client cannot make more mappings than there are units.
    private func require(_ offset: UInt64, _ count: UInt64, in window: any FileWindow) throws(Errno) {
        guard (offset | count) & (window.unit - 1) == 0, count > 0, offset < window.size, count <= window.size - offset
        else { throw .invalidArgument }
    }
}

import Glibc
import Syscalls

extension FileWorker {
    /// The inode that a request is about; the root that is made up is none.
    func inode(_ request: Request) throws(Errno) -> Inode {
        try server.inodes.find(request.header.node)
    }

    /// The inode that a request is about to change.
    func changeableInode(_ request: Request) throws(Errno) -> Inode {
        if request.isRoot { throw .readOnly }
        return try changeable(inode(request))
    }

    /// An inode that may be changed.
    func changeable(_ inode: Inode) throws(Errno) -> Inode {
        if inode.share.isReadOnly { throw .readOnly }
        return inode
    }

    /// A directory in which names may be changed.
    func changeableDirectory(_ number: UInt64) throws(Errno) -> (inode: Inode, file: ServedFile) {
        if number == Wire.rootNode { throw .readOnly }
        let inode = try changeable(server.inodes.find(number))
        guard inode.isDirectory else { throw .notDirectory }
        return (inode, try server.file(of: inode))
    }

    // MARK: Entries

    /// Tells the client of a file under a name, fuse_entry_out.
    func appendEntry(_ inode: Inode, _ attributes: FileAttributes, to reply: inout Reply) {
        let timeout = server.cache.timeout
        reply.append(node: inode.number, entryTimeout: timeout, attributeTimeout: timeout)
        append(attributes, of: inode, to: &reply)
    }

    /// Adds fuse_attr.
    func append(_ attributes: FileAttributes, of inode: Inode, to reply: inout Reply) {
        let isSubmount = inode.isMountPoint && inode.isDirectory && server.features.contains(.submounts)
        reply.append(attributes, inode: inode.shownInode, flags: isSubmount ? Wire.attributeSubmount : 0)
    }

    /// Remembers that the client is told of a file.
    func see(
        _ attributes: FileAttributes, in parent: Inode, _ name: FileName?, pin: ServedFile? = nil
    ) throws(Errno) -> Inode {
        try server.inodes.see(
            attributes, share: parent.share, parent: parent, name: name, pin: pin,
            submounts: server.features.contains(.submounts), isMountPoint: parent.key.mount != attributes.mount)
    }

    /// The reply that tells of what has a name now.
    func entryReply(_ name: FileName, in directory: ServedFile, of parent: Inode) throws(Errno) -> Reply {
        let attributes = try directory.attributes(of: name)
        var reply = Reply()
        appendEntry(try see(attributes, in: parent, name), attributes, to: &reply)
        return reply
    }

    func lookup(_ request: Request, _ reader: inout RequestReader) throws(Errno) -> Reply {
        let name = try reader.name()
        if request.isRoot { return try lookupShare(name) }
        let parent = try inode(request)
        guard parent.isDirectory else { throw .notDirectory }
        let directory = try server.file(of: parent)
        do {
            return try entryReply(name, in: directory, of: parent)
        } catch let error {
            guard error == .noEntry, server.cache != .never else { throw error }
            // Node 0: there is nothing, and that may be believed as long as anything else.
            var reply = Reply()
            reply.append(node: 0, entryTimeout: server.cache.timeout, attributeTimeout: Timeout(seconds: 0))
            reply.append(zeroes: 88)
            return reply
        }
    }

    private func lookupShare(_ name: FileName) throws(Errno) -> Reply {
        guard let index = Int(String(decoding: name.bytes, as: UTF8.self)), let inode = server.root(index),
            FileWorker.shareName(index).elementsEqual(name.bytes)
        else { throw .noEntry }
        var reply = Reply()
        appendEntry(inode, try inode.share.file.attributes(), to: &reply)
        return reply
    }

    /// What the share of an index is called.
    static func shareName(_ index: Int) -> [UInt8] { Array(String(index).utf8) }

    // MARK: Attributes

    func getAttributes(_ request: Request) throws(Errno) -> Reply {
        var reply = Reply()
        if request.isRoot {
            appendTimeout(to: &reply)
            appendRoot(to: &reply)
            return reply
        }
        let inode = try inode(request)
        let attributes = try server.attributes(of: inode)
        appendTimeout(to: &reply)
        append(attributes, of: inode, to: &reply)
        return reply
    }

    func appendTimeout(to reply: inout Reply) {
        reply.append(server.cache.timeout.seconds)
        reply.append(UInt32(0))
        reply.append(UInt32(0))
    }

    /// Adds fuse_attr of the root that is made up: a directory of root's that everybody may read.
    func appendRoot(to reply: inout Reply) {
        reply.append(Wire.rootNode)
        reply.append(zeroes: 52)
        reply.append(S_IFDIR | 0o555)
        reply.append(UInt32(2) + UInt32(server.shares.count))
        reply.append(zeroes: 12)
        reply.append(UInt32(4096))
        reply.append(UInt32(0))
    }

    func extendedStatus(_ request: Request) throws(Errno) -> Reply {
        if request.isRoot { throw .noSystemCall }
        let inode = try inode(request)
        let attributes = try server.attributes(of: inode)
        var reply = Reply()
        reply.append(server.cache.timeout.seconds)
        reply.append(zeroes: 24)
        // The basic fields, and the time of birth where there is one.
        reply.append(UInt32(0x7ff | (attributes.birth.seconds != 0 ? 0x800 : 0)))
        reply.append(attributes.blockSize)
        reply.append(UInt64(0))
        for value in [attributes.links, attributes.user, attributes.group] { reply.append(value) }
        reply.append(UInt16(truncatingIfNeeded: attributes.mode))
        reply.append(UInt16(0))
        for value in [inode.shownInode, attributes.size, attributes.blocks, 0] { reply.append(value) }
        for time in [attributes.access, attributes.birth, attributes.change, attributes.modification] {
            reply.append(time)
        }
        reply.append(attributes.representedDevice.major)
        reply.append(attributes.representedDevice.minor)
        reply.append(zeroes: 8 + 112)
        return reply
    }

    func setAttributes(_ request: Request, _ reader: inout RequestReader) throws(Errno) -> Reply {
        let inode = try changeableInode(request)
        let changes = AttributeChanges(rawValue: try reader.uint32())
        try reader.skip(4)
        let (handleNumber, size) = (try reader.uint64(), try reader.uint64())
        try reader.skip(8)
        let seconds = (access: Int64(bitPattern: try reader.uint64()), change: Int64(bitPattern: try reader.uint64()))
        try reader.skip(8)
        let nanoseconds = (access: try reader.uint32(), change: try reader.uint32())
        try reader.skip(4)
        let mode = try reader.uint32()
        try reader.skip(4)
        let (user, group) = (try reader.uint32(), try reader.uint32())

        let file = try server.file(of: inode)
        if !changes.isDisjoint(with: [.user, .group]) {
            try file.changeOwner(
                user: changes.contains(.user) ? user : .max, group: changes.contains(.group) ? group : .max)
        }
        if changes.contains(.mode) {
            try thread.keepSetIDBits(true)
            try server.descriptors.changeMode(of: file, mode & 0o7777)
        }
        if changes.contains(.size) {
            guard let size = Int64(exactly: size) else { throw Errno(rawValue: EFBIG) }
            try thread.keepSetIDBits(!changes.contains(.killPrivileges))
            try truncate(inode, file, handle: changes.contains(.handle) ? handleNumber : nil, to: size)
        }
        if !changes.isDisjoint(with: [.access, .modification]) {
            try file.changeTimes(
                access: Self.change(changes, .access, .accessNow, seconds.access, nanoseconds.access),
                modification: Self.change(
                    changes, .modification, .modificationNow, seconds.change, nanoseconds.change))
        }
        let attributes = try file.attributes()
        var reply = Reply()
        appendTimeout(to: &reply)
        append(attributes, of: inode, to: &reply)
        return reply
    }

    private static func change(
        _ changes: AttributeChanges, _ field: AttributeChanges, _ now: AttributeChanges, _ seconds: Int64,
        _ nanoseconds: UInt32
    ) -> ServedFile.TimeChange? {
        guard changes.contains(field) else { return nil }
        if changes.contains(now) { return .now }
        return .time(FileAttributes.Time(seconds: seconds, nanoseconds: nanoseconds))
    }

    private func truncate(_ inode: Inode, _ file: ServedFile, handle number: UInt64?, to size: Int64) throws(Errno) {
        guard inode.kind == S_IFREG else { throw inode.isDirectory ? .isDirectory : .invalidArgument }
        if let number, let handle = server.handles[number], handle.inode === inode, handle.isWritable {
            return try handle.file.truncate(to: size)
        }
        try server.descriptors.reopen(file, flags: O_WRONLY | O_NONBLOCK).truncate(to: size)
    }

    func readLink(_ request: Request) throws(Errno) -> Reply {
        if request.isRoot { throw .invalidArgument }
        let inode = try inode(request)
        guard inode.kind == S_IFLNK else { throw .invalidArgument }
        var reply = Reply()
        reply.append(contentsOf: try server.file(of: inode).linkTarget())
        return reply
    }

    /// Clients that check permissions themselves, as all of ours are told to, do not ask.
    func checkAccess(_ request: Request, _ reader: inout RequestReader) throws(Errno) -> Reply {
        let mask = try reader.uint32()
        if request.isRoot {
            if mask & 2 != 0 { throw .readOnly }
            return Reply()
        }
        let inode = try inode(request)
        if mask & 2 != 0 && inode.share.isReadOnly { throw .readOnly }
        let attributes = try server.attributes(of: inode)
        var granted = attributes.mode
        if request.header.user == attributes.user {
            granted >>= 6
        } else if request.header.group == attributes.group {
            granted >>= 3
        }
        if request.header.user == 0 { granted = attributes.isDirectory || attributes.mode & 0o111 != 0 ? 7 : 6 }
        guard mask & ~granted & 7 == 0 else { throw .accessDenied }
        return Reply()
    }

    func capacity(_ request: Request) throws(Errno) -> Reply {
        var reply = Reply()
        if request.isRoot {
            reply.append(zeroes: 40)
            for value: UInt32 in [4096, 255, 4096] { reply.append(value) }
            reply.append(zeroes: 28)
            return reply
        }
        let capacity = try server.file(of: inode(request)).capacity()
        for value in [
            capacity.blocks, capacity.freeBlocks, capacity.availableBlocks, capacity.files, capacity.freeFiles,
        ] { reply.append(value) }
        for value in [capacity.blockSize, capacity.nameLength, capacity.fragmentSize] { reply.append(value) }
        reply.append(zeroes: 28)
        return reply
    }
}

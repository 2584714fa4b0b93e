import Glibc
import Syscalls

extension FileWorker {
    /// Does what makes a file as the client does it.
    private func acting<Value>(
        for request: Request, group: UInt32?, umask: UInt32, insist: Bool = true,
        _ body: () throws(Errno) -> Value
    ) throws(Errno) -> Value {
        // The kernel applies the umask only where the directory has no default ACL. So it is told the client's.
        thread.setUmask(umask)
        return try thread.acting(
            user: request.header.user, group: request.header.group, otherGroup: group, insist: insist, body)
    }

    func makeLink(_ request: Request, _ reader: inout RequestReader) throws(Errno) -> Reply {
        let group = try reader.creationGroup(request.header)
        let name = try reader.name()
        guard let target = FileName(text: try reader.text(), limit: 4095) else { throw .noEntry }
        let (parent, directory) = try changeableDirectory(request.header.node)
        try acting(for: request, group: group, umask: 0) { () throws(Errno) in
            try directory.makeLink(name, to: target)
        }
        return try entryReply(name, in: directory, of: parent)
    }

    func makeNode(_ request: Request, _ reader: inout RequestReader) throws(Errno) -> Reply {
        let group = try reader.creationGroup(request.header)
        let (mode, device, umask) = (try reader.uint32(), try reader.uint32(), try reader.uint32())
        try reader.skip(4)
        let name = try reader.name()
        let (parent, directory) = try changeableDirectory(request.header.node)
        switch mode & S_IFMT {
        case S_IFREG, S_IFIFO, S_IFSOCK, 0: break
        // What overlayfs puts in the place of a removed file: no device, and nobody can open it.
        case S_IFCHR where device == 0: break
        // A device of the host's, CVE-2020-35517.
        case S_IFCHR, S_IFBLK: throw .notPermitted
        default: throw .invalidArgument
        }
        try acting(for: request, group: group, umask: umask) { () throws(Errno) in
            try directory.makeNode(name, mode: mode & (S_IFMT | 0o7777))
        }
        return try entryReply(name, in: directory, of: parent)
    }

    func makeDirectory(_ request: Request, _ reader: inout RequestReader) throws(Errno) -> Reply {
        let group = try reader.creationGroup(request.header)
        let (mode, umask) = (try reader.uint32(), try reader.uint32())
        let name = try reader.name()
        let (parent, directory) = try changeableDirectory(request.header.node)
        try acting(for: request, group: group, umask: umask) { () throws(Errno) in
            try directory.makeDirectory(name, mode: mode & 0o7777)
        }
        return try entryReply(name, in: directory, of: parent)
    }

    func create(_ request: Request, _ reader: inout RequestReader) throws(Errno) -> Reply {
        let group = try reader.creationGroup(request.header)
        let (flags, mode, umask) = (try reader.uint32(), try reader.uint32(), try reader.uint32())
        let openFlags = try reader.uint32()
        let name = try reader.name()
        let (parent, directory) = try changeableDirectory(request.header.node)
        try server.handles.checkRoom()
        let access = openMode(Int32(bitPattern: flags))
        var made: ServedFile?
        do {
            made = try acting(for: request, group: group, umask: umask) { () throws(Errno) in
                try directory.create(name, flags: access, mode: mode)
            }
        } catch let error {
            guard error == .exists, Int32(bitPattern: flags) & O_EXCL == 0 else { throw error }
        }
        if let made {
            let attributes = try made.attributes()
            return openReply(made, try see(attributes, in: parent, name), attributes, flags: access)
        }
        // Somebody else has made it. The client's kernel has checked nothing of it: only what the user may do is done.
        let found = try directory.find(name)
        let attributes = try found.attributes()
        guard attributes.isRegular else { throw attributes.isDirectory ? .isDirectory : .stale }
        let truncate = Int32(bitPattern: flags) & O_TRUNC
        if openFlags & Wire.openKillPrivileges != 0 { try thread.keepSetIDBits(false) }
        let file = try acting(for: request, group: group, umask: umask, insist: false) { () throws(Errno) in
            try server.descriptors.reopen(found, flags: access | truncate)
        }
        return openReply(file, try see(attributes, in: parent, name), try file.attributes(), flags: access)
    }

    func createUnnamed(_ request: Request, _ reader: inout RequestReader) throws(Errno) -> Reply {
        let group = try reader.creationGroup(request.header)
        let (flags, mode, umask) = (try reader.uint32(), try reader.uint32(), try reader.uint32())
        let (parent, directory) = try changeableDirectory(request.header.node)
        try server.handles.checkRoom()
        let access = openMode(Int32(bitPattern: flags))
        guard access & O_ACCMODE != O_RDONLY else { throw .invalidArgument }
        let temporary: Int32 = 0o20_000_000 | O_DIRECTORY
        let exclusive = Int32(bitPattern: flags) & O_EXCL
        let file = try acting(for: request, group: group, umask: umask) { () throws(Errno) in
            try server.descriptors.reopen(directory, flags: access | temporary | exclusive, mode: mode & 0o7777)
        }
        let attributes = try file.attributes()
        let inode = try see(attributes, in: parent, nil)
        try server.inodes.pin(inode, file)
        return openReply(file, inode, attributes, flags: access)
    }

    /// The reply to what makes a file and opens it: fuse_entry_out and fuse_open_out.
    private func openReply(_ file: ServedFile, _ inode: Inode, _ attributes: FileAttributes, flags: Int32) -> Reply {
        let isWritable = flags & O_ACCMODE != O_RDONLY
        let handle = server.handles.add(file, of: inode, isDirectory: false, isWritable: isWritable)
        var reply = Reply()
        appendEntry(inode, attributes, to: &reply)
        appendOpen(handle, flags: contentFlags, to: &reply)
        return reply
    }

    func link(_ request: Request, _ reader: inout RequestReader) throws(Errno) -> Reply {
        let old = try reader.uint64()
        let name = try reader.name()
        let (parent, directory) = try changeableDirectory(request.header.node)
        if old == Wire.rootNode { throw .notPermitted }
        let inode = try changeable(server.inodes.find(old))
        guard inode.share === parent.share else { throw .crossDevice }
        guard !inode.isDirectory else { throw .notPermitted }
        let file = try server.file(of: inode)
        try directory.link(file, in: server.descriptors, as: name)
        return try entryReply(name, in: directory, of: parent)
    }

    func remove(_ request: Request, _ reader: inout RequestReader, directory isDirectory: Bool) throws(Errno) -> Reply {
        let name = try reader.name()
        let (parent, directory) = try changeableDirectory(request.header.node)
        let key = try server.keepFile(named: name, in: directory, of: parent)
        try directory.remove(name, directory: isDirectory)
        server.moved(key, from: parent, name, to: nil, nil)
        return Reply()
    }

    func rename(_ request: Request, _ reader: inout RequestReader, withFlags: Bool) throws(Errno) -> Reply {
        let targetNumber = try reader.uint64()
        let flags = withFlags ? try reader.uint32() : 0
        if withFlags { try reader.skip(4) }
        let (name, newName) = (try reader.name(), try reader.name())
        // RENAME_NOREPLACE, RENAME_EXCHANGE and RENAME_WHITEOUT.
        guard flags & ~7 == 0 else { throw .invalidArgument }
        let (parent, directory) = try changeableDirectory(request.header.node)
        let (target, newDirectory) = try changeableDirectory(targetNumber)
        guard parent.share === target.share else { throw .crossDevice }
        let replaced = try server.keepFile(named: newName, in: newDirectory, of: target)
        try directory.rename(name, to: newName, in: newDirectory, flags: flags)
        let isExchange = flags & 2 != 0
        if isExchange {
            server.moved(replaced, from: target, newName, to: parent, name)
        } else {
            server.moved(replaced, from: target, newName, to: nil, nil)
        }
        if let attributes = try? newDirectory.attributes(of: newName) {
            server.moved(InodeKey(attributes, share: target.share), from: parent, name, to: target, newName)
        }
        return Reply()
    }
}

import Glibc
import Syscalls

extension FileWorker {
    /// The most that an attribute or the list of their names holds, XATTR_SIZE_MAX.
    private static let maxSize = 65536

    private func attributeName(_ reader: inout RequestReader) throws(Errno) -> FileName {
        guard let name = FileName(text: try reader.text(), limit: 255) else { throw Errno(rawValue: ERANGE) }
        return name
    }

    /// Whether clients may change an attribute of files.
    ///
    /// Of those that mean something to the kernel, only ACLs: `trusted.` is what overlay file systems of the host's
    /// believe in, and capabilities count on the host too, CVE-2021-20263.
    private func checkChange(_ name: FileName, of inode: Inode) throws(Errno) {
        if name.hasPrefix("user.") { return }
        if name.isEqual(to: "system.posix_acl_access") || name.isEqual(to: "system.posix_acl_default") { return }
        if name.isEqual(to: "security.capability") {
            if inode.share.allowsFileCapabilities { return }
            throw .notPermitted
        }
        throw .notSupported
    }

    func setExtendedAttribute(_ request: Request, _ reader: inout RequestReader) throws(Errno) -> Reply {
        let inode = try changeableInode(request)
        let (size, flags) = (Int(try reader.uint32()), try reader.uint32())
        var special: UInt32 = 0
        if server.features.contains(.extendedSetxattr) {
            special = try reader.uint32()
            try reader.skip(4)
        }
        let name = try attributeName(&reader)
        guard size <= Self.maxSize else { throw Errno(rawValue: E2BIG) }
        let value = try reader.rest(size)
        // XATTR_CREATE and XATTR_REPLACE.
        guard flags & ~3 == 0 else { throw .invalidArgument }
        try checkChange(name, of: inode)
        try thread.keepSetIDBits(special & Wire.setxattrKillSetGroupID == 0)
        try server.file(of: inode).setExtendedAttribute(name, to: value, flags: Int32(flags))
        return Reply()
    }

    func removeExtendedAttribute(_ request: Request, _ reader: inout RequestReader) throws(Errno) -> Reply {
        let inode = try changeableInode(request)
        let name = try attributeName(&reader)
        try checkChange(name, of: inode)
        try server.file(of: inode).removeExtendedAttribute(name)
        return Reply()
    }

    func extendedAttribute(_ request: Request, _ reader: inout RequestReader) throws(Errno) -> Reply {
        let size = Int(try reader.uint32())
        try reader.skip(4)
        let name = try attributeName(&reader)
        if request.isRoot { throw Errno(rawValue: ENODATA) }
        let limit = min(size, Self.maxSize, max(request.room, 0))
        return sized(size, try server.file(of: inode(request)).extendedAttribute(name, limit: limit))
    }

    func extendedAttributeNames(_ request: Request, _ reader: inout RequestReader) throws(Errno) -> Reply {
        let size = Int(try reader.uint32())
        if request.isRoot { return sized(size, ([], 0)) }
        let limit = min(size, Self.maxSize, max(request.room, 0))
        return sized(size, try server.file(of: inode(request)).extendedAttributeNames(limit: limit))
    }

    /// The value, or its size alone to a client that asks for no bytes.
    private func sized(_ asked: Int, _ found: (value: [UInt8], size: Int)) -> Reply {
        var reply = Reply()
        if asked == 0 {
            reply.append(UInt32(found.size))
            reply.append(UInt32(0))
        } else {
            reply.append(contentsOf: found.value)
        }
        return reply
    }
}

import Glibc
package import Syscalls

/// One thread's part of a server: to be made, and used, on that thread alone.
package final class FileWorker {
    let server: FileServer
    let thread: ServingThread
    private var head: [UInt8] = []

    /// Prepares the calling thread for serving; its working directory and its umask are its own from then on.
    package init(_ server: FileServer) throws(SystemError) {
        self.server = server
        thread = try ServingThread(descriptors: server.descriptors)
    }

    /// What becomes of a request.
    enum Outcome {
        /// It is answered.
        case reply(Reply)
        /// It has no answer.
        case silence
        /// The answer comes later.
        case later
    }

    /// Answers one request.
    package func handle(_ exchange: any FUSEExchange) {
        let length = exchange.requestLength
        let writeHead = Wire.requestHeaderSize + Wire.writeBodySize
        guard length >= Wire.requestHeaderSize, length <= Wire.maxHead + writeHead else { return exchange.finish() }
        // The content of a WRITE is not copied. Which opcode it is, is decided by the copy of the header.
        exchange.copyRequest(min(length, writeHead), into: &head)
        if length > head.count, head[4] != UInt8(Opcode.write.rawValue) || head[5] | head[6] | head[7] != 0 {
            let opcode = Array(head[4..<8])
            exchange.copyRequest(length, into: &head)
            // Memory that changes between the two copies must not change what the first decided.
            guard Array(head[4..<8]) == opcode else { return exchange.finish() }
        }
        var reader = RequestReader(head)
        guard let header = try? reader.header(requestLength: length) else { return exchange.finish() }
        let request = Request(header: header, exchange: exchange)
        // What has no answer needs no room for one; anything else is not begun without.
        if exchange.replyCapacity < Wire.replyHeaderSize {
            switch Opcode(rawValue: header.opcode) {
            case .forget, .batchForget, .interrupt: break
            default: return exchange.finish()
            }
        }
        do {
            switch try perform(request, &reader) {
            case .silence: exchange.finish()
            case .later: break
            case .reply(var reply):
                reply.close(unique: header.unique, error: nil)
                guard reply.count + reply.appended <= exchange.replyCapacity else {
                    return refuse(request, Errno(rawValue: ERANGE))
                }
                exchange.reply(reply.bytes, appended: reply.appended)
            }
        } catch let error {
            refuse(request, error)
        }
    }

    private func refuse(_ request: Request, _ error: Errno) {
        guard request.exchange.replyCapacity >= Wire.replyHeaderSize else { return request.exchange.finish() }
        var reply = Reply()
        reply.close(unique: request.header.unique, error: error)
        request.exchange.reply(reply.bytes, appended: 0)
    }

    private func perform(_ request: Request, _ reader: inout RequestReader) throws(Errno) -> Outcome {
        guard let opcode = Opcode(rawValue: request.header.opcode) else { throw .noSystemCall }
        switch opcode {
        case .initialise: return .reply(try initialise(&reader))
        case .forget:
            server.inodes.forget(request.header.node, try reader.uint64())
            return .silence
        case .batchForget: return try forgetMany(&reader)
        case .interrupt:
            server.waiters.interrupt(try reader.uint64())
            return .silence
        case .destroy:
            server.stop()
            return .reply(Reply())
        case .setlkw where server.isReady: return try lockWaiting(request, &reader)
        default:
            guard server.isReady else { throw .inputOutput }
            return .reply(try answer(opcode, request, &reader))
        }
    }

    private func answer(_ opcode: Opcode, _ request: Request, _ reader: inout RequestReader) throws(Errno) -> Reply {
        switch opcode {
        case .lookup: try lookup(request, &reader)
        case .getattr: try getAttributes(request)
        case .statx: try extendedStatus(request)
        case .setattr: try setAttributes(request, &reader)
        case .readlink: try readLink(request)
        case .access: try checkAccess(request, &reader)
        case .statfs: try capacity(request)
        case .symlink: try makeLink(request, &reader)
        case .mknod: try makeNode(request, &reader)
        case .mkdir: try makeDirectory(request, &reader)
        case .create: try create(request, &reader)
        case .tmpfile: try createUnnamed(request, &reader)
        case .link: try link(request, &reader)
        case .unlink: try remove(request, &reader, directory: false)
        case .rmdir: try remove(request, &reader, directory: true)
        case .rename, .rename2: try rename(request, &reader, withFlags: opcode == .rename2)
        case .open: try open(request, &reader)
        case .read: try read(request, &reader)
        case .write: try write(request, &reader)
        case .flush: try flush(request, &reader)
        case .release: try release(&reader)
        case .fsync, .fsyncdir: try synchronise(&reader)
        case .syncfs: try synchroniseFileSystem(request)
        case .fallocate: try allocate(&reader)
        case .lseek: try seek(&reader)
        case .copyFileRange: try copyRange(&reader)
        case .setupMapping: try map(request, &reader)
        case .removeMapping: try unmap(&reader)
        case .opendir: try openDirectory(request)
        case .readdir, .readdirplus: try readDirectory(request, &reader, plus: opcode == .readdirplus)
        case .releasedir: try release(&reader)
        case .setxattr: try setExtendedAttribute(request, &reader)
        case .getxattr: try extendedAttribute(request, &reader)
        case .listxattr: try extendedAttributeNames(request, &reader)
        case .removexattr: try removeExtendedAttribute(request, &reader)
        case .getlk: try conflictingLock(request, &reader)
        case .setlk: try lock(request, &reader)
        case .initialise, .forget, .batchForget, .interrupt, .destroy, .setlkw: throw .noSystemCall
        }
    }

    private func forgetMany(_ reader: inout RequestReader) throws(Errno) -> Outcome {
        let count = try reader.uint32()
        try reader.skip(4)
        for _ in 0..<min(Int(count), reader.remaining / 16) {
            server.inodes.forget(try reader.uint64(), try reader.uint64())
        }
        return .silence
    }

    private func initialise(_ reader: inout RequestReader) throws(Errno) -> Reply {
        let (major, minor) = (try reader.uint32(), try reader.uint32())
        let (readAhead, low) = (try reader.uint32(), try reader.uint32())
        var reply = Reply()
        if major > Wire.major {
            // The client asks again, with our version.
            reply.append(Wire.major)
            reply.append(Wire.minor)
            reply.append(zeroes: 56)
            return reply
        }
        guard major == Wire.major, minor >= Wire.oldestMinor else { throw Errno(rawValue: EPROTO) }
        var offered = Features(rawValue: UInt64(low))
        if offered.contains(.extendedInit), reader.remaining >= 4 {
            offered = Features(rawValue: UInt64(low) | UInt64(try reader.uint32()) << 32)
        }
        var wanted: Features = [
            .asyncRead, .atomicTruncate, .bigWrites, .dontMask, .readdirPlus, .readdirPlusAuto, .asyncDirectIO,
            .parallelDirectories, .posixACL, .maxPages, .submounts, .killPrivileges, .extendedSetxattr,
            .extendedInit, .createGroup, .directIOMapping,
        ]
        if server.locks == .host { wanted.formUnion([.posixLocks, .flockLocks]) }
        if server.cache == .auto { wanted.insert(.autoInvalidate) }
        if server.cache != .never { wanted.insert(.cacheSymlinks) }
        if server.writeback && server.cache != .never { wanted.insert(.writebackCache) }
        if server.window != nil { wanted.insert(.mapAlignment) }
        let agreed = wanted.intersection(offered)
        try server.start(agreed)
        reply.append(Wire.major)
        reply.append(min(Wire.minor, minor))
        reply.append(min(readAhead, UInt32(Wire.maxTransfer)))
        reply.append(UInt32(truncatingIfNeeded: agreed.rawValue))
        reply.append(UInt16(64))
        reply.append(UInt16(48))
        reply.append(UInt32(Wire.maxTransfer))
        reply.append(UInt32(1))
        reply.append(UInt16(Wire.maxTransfer / 4096))
        // In which units files are mapped, as a power of two.
        reply.append(UInt16(agreed.contains(.mapAlignment) ? server.window?.unit.trailingZeroBitCount ?? 0 : 0))
        reply.append(UInt32(truncatingIfNeeded: agreed.rawValue >> 32))
        reply.append(zeroes: 28)
        return reply
    }
}

/// A request that is being answered.
struct Request {
    let header: RequestHeader
    let exchange: any FUSEExchange

    /// Whether it is about the root that is made up.
    var isRoot: Bool { header.node == Wire.rootNode }
    /// How many bytes the reply may have behind its header.
    var room: Int { exchange.replyCapacity - Wire.replyHeaderSize }
}

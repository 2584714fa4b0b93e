/// What a request asks for, with the numbers of linux/fuse.h.
///
/// Those that are not here get ENOSYS, upon which the kernel does not ask again.
enum Opcode: UInt32 {
    case lookup = 1
    case forget = 2
    case getattr = 3
    case setattr = 4
    case readlink = 5
    case symlink = 6
    case mknod = 8
    case mkdir = 9
    case unlink = 10
    case rmdir = 11
    case rename = 12
    case link = 13
    case open = 14
    case read = 15
    case write = 16
    case statfs = 17
    case release = 18
    case fsync = 20
    case setxattr = 21
    case getxattr = 22
    case listxattr = 23
    case removexattr = 24
    case flush = 25
    case initialise = 26
    case opendir = 27
    case readdir = 28
    case releasedir = 29
    case fsyncdir = 30
    case getlk = 31
    case setlk = 32
    case setlkw = 33
    case access = 34
    case create = 35
    case interrupt = 36
    case destroy = 38
    case batchForget = 42
    case fallocate = 43
    case readdirplus = 44
    case rename2 = 45
    case lseek = 46
    case copyFileRange = 47
    case setupMapping = 48
    case removeMapping = 49
    case syncfs = 50
    case tmpfile = 51
    case statx = 52
}

/// What client and server agree on at first, the flags of INIT.
struct Features: OptionSet {
    let rawValue: UInt64

    static let asyncRead = Features(rawValue: 1 << 0)
    static let posixLocks = Features(rawValue: 1 << 1)
    static let atomicTruncate = Features(rawValue: 1 << 3)
    static let bigWrites = Features(rawValue: 1 << 5)
    static let dontMask = Features(rawValue: 1 << 6)
    static let flockLocks = Features(rawValue: 1 << 10)
    static let autoInvalidate = Features(rawValue: 1 << 12)
    static let readdirPlus = Features(rawValue: 1 << 13)
    static let readdirPlusAuto = Features(rawValue: 1 << 14)
    static let asyncDirectIO = Features(rawValue: 1 << 15)
    static let writebackCache = Features(rawValue: 1 << 16)
    static let parallelDirectories = Features(rawValue: 1 << 18)
    static let posixACL = Features(rawValue: 1 << 20)
    static let maxPages = Features(rawValue: 1 << 22)
    static let cacheSymlinks = Features(rawValue: 1 << 23)
    static let mapAlignment = Features(rawValue: 1 << 26)
    static let submounts = Features(rawValue: 1 << 27)
    static let killPrivileges = Features(rawValue: 1 << 28)
    static let extendedSetxattr = Features(rawValue: 1 << 29)
    static let extendedInit = Features(rawValue: 1 << 30)
    static let createGroup = Features(rawValue: 1 << 34)
    static let directIOMapping = Features(rawValue: 1 << 36)
}

/// Flags and limits of the wire.
enum Wire {
    static let major: UInt32 = 7
    static let minor: UInt32 = 38
    /// That of kernel 5.4: the shapes of all structures here are no older.
    static let oldestMinor: UInt32 = 31
    static let rootNode: UInt64 = 1
    static let requestHeaderSize = 40
    /// fuse_write_in, between the header and the content of a write.
    static let writeBodySize = 40
    static let replyHeaderSize = 16
    /// The most that one READ or WRITE moves.
    static let maxTransfer = 1 << 20
    /// The most of a request that is looked at, content of files apart: what a batch of FORGETs may take.
    static let maxHead = maxTransfer + 4096

    static let getattrHandle: UInt32 = 1
    static let writeFromCache: UInt32 = 1
    static let writeKillPrivileges: UInt32 = 1 << 2
    static let openKillPrivileges: UInt32 = 1
    static let releaseFlockUnlock: UInt32 = 2
    static let lockFlock: UInt32 = 1
    static let fsyncDataOnly: UInt32 = 1
    static let setxattrKillSetGroupID: UInt32 = 1

    static let replyDirectIO: UInt32 = 1 << 0
    static let replyKeepCache: UInt32 = 1 << 1
    static let replyCacheDirectory: UInt32 = 1 << 3
    static let replyNoFlush: UInt32 = 1 << 5

    static let mapWrite: UInt64 = 1

    static let attributeSubmount: UInt32 = 1
    static let extensionGroups: UInt32 = 32
}

/// Which of the fields of a SETATTR count.
struct AttributeChanges: OptionSet {
    let rawValue: UInt32

    static let mode = AttributeChanges(rawValue: 1 << 0)
    static let user = AttributeChanges(rawValue: 1 << 1)
    static let group = AttributeChanges(rawValue: 1 << 2)
    static let size = AttributeChanges(rawValue: 1 << 3)
    static let access = AttributeChanges(rawValue: 1 << 4)
    static let modification = AttributeChanges(rawValue: 1 << 5)
    static let handle = AttributeChanges(rawValue: 1 << 6)
    static let accessNow = AttributeChanges(rawValue: 1 << 7)
    static let modificationNow = AttributeChanges(rawValue: 1 << 8)
    static let killPrivileges = AttributeChanges(rawValue: 1 << 11)
}

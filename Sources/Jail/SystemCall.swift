/// The system calls that a monitor makes once it is shut in, with their numbers on x86-64, asm/unistd_64.h.
package enum SystemCall: UInt32, CaseIterable, Sendable {
    case read = 0
    case write = 1
    case close = 3
    case fstat = 5
    case poll = 7
    case lseek = 8
    case mmap = 9
    case munmap = 11
    case brk = 12
    case rtSigprocmask = 14
    case rtSigreturn = 15
    case ioctl = 16
    case pread64 = 17
    case pwrite64 = 18
    case readv = 19
    case writev = 20
    case mremap = 25
    case madvise = 28
    case getpid = 39
    case socket = 41
    case connect = 42
    case sendto = 44
    case sendmsg = 46
    case recvmsg = 47
    case shutdown = 48
    case exit = 60
    case fcntl = 72
    case flock = 73
    case fsync = 74
    case fdatasync = 75
    case truncate = 76
    case ftruncate = 77
    case fchdir = 81
    case umask = 95
    case setgroups = 116
    case setfsuid = 122
    case setfsgid = 123
    case capget = 125
    case capset = 126
    case fstatfs = 138
    case gettid = 186
    case setxattr = 188
    case getxattr = 191
    case listxattr = 194
    case removexattr = 197
    case futex = 202
    case getdents64 = 217
    case restartSyscall = 219
    case clockGettime = 228
    case clockNanosleep = 230
    case exitGroup = 231
    case epollWait = 232
    case epollCtl = 233
    case tgkill = 234
    case openat = 257
    case mkdirat = 258
    case mknodat = 259
    case fchownat = 260
    case newfstatat = 262
    case unlinkat = 263
    case linkat = 265
    case symlinkat = 266
    case readlinkat = 267
    case fchmodat = 268
    case unshare = 272
    case utimensat = 280
    case timerfdCreate = 283
    case fallocate = 285
    case timerfdSettime = 286
    case accept4 = 288
    case eventfd2 = 290
    case preadv = 295
    case pwritev = 296
    case syncfs = 306
    case renameat2 = 316
    case getrandom = 318
    case copyFileRange = 326
    case statx = 332
    case openat2 = 437

    /// The name that its man page has, as strace(1) prints it.
    package var name: String {
        var name = ""
        for character in "\(self)" {
            if character.isUppercase { name += "_" }
            name += character.lowercased()
        }
        return name
    }
}

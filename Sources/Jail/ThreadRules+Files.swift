/// The file server's thread: every name is looked up below a directory that is open, which the shares are from the start.
extension ThreadRules {
    static func filesRules(_ features: JailFeatures) -> [CallRule] {
        var rules = filesContent + filesNames + filesAttributes + filesIdentity + filesLoop
        if features.hasFileWindow {
            // PROT_READ, or PROT_WRITE as well, MAP_SHARED | MAP_FIXED; then what takes its place when it goes: MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
            // MAP_FIXED without any access.
            rules += [
                .allow(
                    .mmap, .argument(2, 1, 3), .argument(3, 0x11),
                    for: "maps a file into the guest's window"),
                .allow(.mmap, .argument(2, 0), .argument(3, 0x4032), for: "takes one out of it"),
            ]
        }
        return rules
    }

    private static let filesContent: [CallRule] = [
        .allow(.statx, for: "what is known of a file"),
        .allow(.openat2, for: "a name, looked up beneath a directory without links; a file made there"),
        // O_CREAT. What a name may lead to cannot be seen here: it is what Landlock is for.
        .allow(.openat, .argument(2, without: 0o100), for: "opens anew, by /proc/self/fd, what was found"),
        .allow(.close, for: "the client forgets a file"),
        .allow(.preadv, for: "reads into the guest's memory"),
        .allow(.pwritev, for: "writes from the guest's memory"),
        .allow(.fsync, for: "FSYNC"),
        .allow(.fdatasync, for: "FSYNC of the content alone"),
        .allow(.syncfs, for: "SYNCFS"),
        .allow(.fallocate, for: "FALLOCATE"),
        .allow(.copyFileRange, for: "COPY_FILE_RANGE"),
        .allow(.lseek, for: "LSEEK, and where a directory is read on"),
        .allow(.ftruncate, for: "SETATTR of the size"),
        .allow(.getdents64, for: "READDIR"),
        .allow(.fstatfs, for: "STATFS"),
    ]

    private static let filesNames: [CallRule] = [
        .allow(.mkdirat, for: "MKDIR"),
        .allow(.mknodat, for: "MKNOD"),
        .allow(.symlinkat, for: "SYMLINK"),
        .allow(.readlinkat, for: "READLINK"),
        .allow(.linkat, for: "LINK"),
        .allow(.unlinkat, for: "UNLINK, RMDIR"),
        .allow(.renameat2, for: "RENAME"),
    ]

    private static let filesAttributes: [CallRule] = [
        .allow(.fchownat, for: "SETATTR of the owner"),
        .allow(.fchmodat, for: "SETATTR of the mode"),
        .allow(.utimensat, for: "SETATTR of times"),
        .allow(.getxattr, for: "GETXATTR"),
        .allow(.listxattr, for: "LISTXATTR"),
        .allow(.setxattr, for: "SETXATTR"),
        .allow(.removexattr, for: "REMOVEXATTR"),
    ]

    /// What makes a file the client's from the first moment on.
    private static let filesIdentity: [CallRule] = [
        .allow(.setfsuid, for: "acts as the client's user"),
        .allow(.setfsgid, for: "and as its group"),
        .expect(.setgroups, for: "and as another group of it, which kernels from 6.3 on name"),
        .allow(.capget, for: "which rights are in force"),
        .allow(.capset, for: "gives up, and takes back, what keeps set-user-ID bits"),
        .allow(.umask, for: "the client's umask"),
    ]

    private static let filesLoop: [CallRule] = [
        .allow(.epollWait, for: "waits for requests"),
        .allow(.read, for: "empties an eventfd"),
        .allow(.write, for: "interrupts"),
    ]
}

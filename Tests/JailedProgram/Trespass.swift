import Glibc

/// Calls that no thread of a monitor has any business with.
enum Trespass {
    /// Makes one.
    ///
    /// - Returns: true where there was nothing to make.
    static func make(_ name: String) -> Bool {
        switch name {
        case "nothing": return true
        case "exec": _ = unsafe execve("/bin/true", [nil], [nil])
        case "thread":
            var thread = pthread_t()
            _ = unsafe pthread_create(&thread, nil, { _ in nil }, nil)
        case "socket": _ = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        case "executable": _ = unsafe mmap(nil, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        case "protection":
            let page = unsafe mmap(nil, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            _ = unsafe mprotect(page, 4096, PROT_READ | PROT_EXEC)
        case "handler": _ = signal(SIGSEGV, SIG_IGN)
        case "file": _ = open("/tmp/mvrun-jail-test", O_CREAT | O_WRONLY, 0o600)
        case "kill": _ = kill(getppid(), 0)
        case "mount": _ = unsafe mount("none", "/tmp", "tmpfs", 0, nil)
        case "identity": _ = setuid(0)
        case "terminal": _ = tcflush(0, TCIFLUSH)
        case "fault": unsafe UnsafeMutablePointer<Int>(bitPattern: 8)?.pointee = 1
        case "trap":
            let empty: [Int] = []
            _ = empty[getpid() > 0 ? 1 : 0]
        default: return true
        }
        return false
    }
}

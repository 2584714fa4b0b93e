import CLinux
import Syscalls

/// What each kind of thread may call, a rule at a time, with its reason.
///
/// Everything else ends the monitor.
///
/// No kind may start a program or a thread, open a socket that is not of the unix kind, make memory executable, handle signals
/// anew, trace, mount, change namespaces, or ask for privileges.
package enum ThreadRules {
    /// The rules of a kind of thread.
    ///
    /// - Parameters:
    ///   - kind: the kind.
    ///   - features: what the machine has.
    ///   - process: this process's id, as it sees it.
    package static func rules(for kind: ThreadKind, _ features: JailFeatures, process: Int32) -> [CallRule] {
        switch kind {
        case .loop: loopRules(features, process: process) + memory + pauses
        case .processor: processorRules(features) + memory + pauses
        case .files: filesRules(features) + memory + pauses
        case .disk: diskRules + memory + pauses
        }
    }

    /// What malloc(3), locks and fallbacks of the C library do on any thread.
    private static let memory: [CallRule] = [
        // FUTEX_WAIT, FUTEX_WAKE, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, private ones: none that requeues.
        .share(
            .futex, .argument(1, 128, 129, 393), for: "waits for a mutex, or for the turn of a loop, and wakes others"),
        // FUTEX_LOCK_PI and FUTEX_UNLOCK_PI.
        .expect(.futex, .argument(1, 134, 135), for: "a mutex of Swift's that two threads want at the same moment"),
        .share(.gettid, for: "a mutex of Swift's asks once for the thread's number, in each module"),
        .share(.brk, for: "malloc grows or shrinks the heap"),
        // PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS.
        .share(.mmap, .argument(2, 3), .argument(3, 0x22), for: "malloc gets a large block"),
        .share(.munmap, for: "malloc gives a large block back"),
        .expect(.mremap, for: "realloc of a large block, which Swift's arrays do without and its runtime may do"),
    ]

    /// What the kernel or the host makes a thread call.
    private static let pauses: [CallRule] = [
        .expect(.restartSyscall, for: "a wait with a time limit goes on after SIGSTOP and SIGCONT, or a frozen cgroup"),
        .expect(.clockGettime, for: "the clock, where the host's kernel has none that is read without a call"),
    ]

    // MARK: The event loop

    private static func loopRules(_ features: JailFeatures, process: Int32) -> [CallRule] {
        var rules = loopWaits + loopFiles + loopMachine
        rules += [
            .allow(
                .tgkill, .argument(0, UInt32(bitPattern: process)), .argument(2, UInt32(clx_kvm_kick_signal())),
                for: "gets a processor out of the guest"),
            .allow(.exitGroup, for: "the monitor's end"),
        ]
        if features.offersVsock {
            // AF_UNIX; SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK.
            rules += [
                .allow(
                    .socket, .argument(0, 1), .argument(1, 0x80801, 0x80001), .argument(2, 0),
                    for: "somebody in the guest connects to a port of the host's"),
                .allow(.connect, for: "the same"),
            ]
        }
        return rules
    }

    private static let loopWaits: [CallRule] = [
        .allow(.epollWait, for: "waits for everything"),
        .allow(.read, for: "eventfds, timers, signals, streams, frames of a tap"),
        .allow(.write, for: "interrupts, streams, errors"),
        .allow(.epollCtl, for: "a stream, a timer or a connection comes or goes"),
        .allow(.close, for: "the same"),
        .allow(.timerfdCreate, for: "how long somebody may take: the balloon, figures"),
        .allow(.timerfdSettime, for: "the same"),
        .allow(.poll, for: "whether a stream that others share is ready"),
        .allow(.clockNanosleep, for: "waits until every processor has stopped, for a pause"),
        .allow(.rtSigprocmask, for: "pthread_kill(3), before and behind tgkill(2)"),
        .allow(.getpid, for: "pthread_kill(3)"),
        // FUTEX_WAIT_BITSET with FUTEX_CLOCK_REALTIME, the only one that is not private.
        .allow(.futex, .argument(1, 265), for: "waits for a processor's thread to end"),
    ]

    private static let loopFiles: [CallRule] = [
        .allow(.accept4, for: "mvrun, or a program of the host, connects"),
        .allow(.recvmsg, for: "mvrun's requests, and the files that come with them"),
        .allow(.sendmsg, for: "the answers"),
        .allow(.sendto, for: "streams that are sockets"),
        .allow(.shutdown, for: "the end of one"),
        .allow(.readv, for: "frames from a tap into the guest's buffers"),
        .allow(.writev, for: "frames of the guest's"),
        .allow(.pread64, for: "the plan of an exec; statm; the console's log when it is full"),
        .allow(.fstat, for: "the plan's length, and what kind of file a stream is"),
        .allow(.newfstatat, for: "the same, as glibc does it"),
        .allow(.ftruncate, for: "the console's log is full: its older half goes"),
        .allow(.lseek, for: "the same"),
        // Neither O_CREAT nor O_TRUNC nor O_PATH.
        .allow(.openat, .argument(2, without: 0o10_001_100), for: "a stream, opened anew not to wait"),
        // F_GETFD, F_GETFL, F_DUPFD_CLOEXEC.
        .allow(.fcntl, .argument(1, 1, 3, 1030), for: "a stream that leads both ways has two descriptors"),
        // TCGETS, TIOCGWINSZ, TIOCGPTN.
        .allow(.ioctl, .argument(1, 0x5401, 0x5413, 0x8004_5430), for: "whether a stream is a terminal, and its size"),
    ]

    private static let loopMachine: [CallRule] = [
        .allow(.eventfd2, for: "a network card is plugged in"),
        .allow(
            .ioctl, .argument(1, UInt32(CLX_KVM_IRQFD), UInt32(CLX_KVM_IOEVENTFD)),
            for: "the same: its interrupt, its queues"),
        // TUNSETVNETHDRSZ.
        .allow(.ioctl, .argument(1, 0x4004_54D8), for: "the same: the header of its frames"),
        .allow(.getrandom, for: "the guest's random numbers"),
        // MADV_DONTNEED.
        .allow(.madvise, .argument(2, 4), for: "the balloon gives memory back"),
    ]

    // MARK: A virtual CPU

    private static func processorRules(_ features: JailFeatures) -> [CallRule] {
        var rules: [CallRule] = [
            .allow(.ioctl, .argument(1, UInt32(CLX_KVM_RUN)), for: "runs the guest"),
            .allow(.write, for: "interrupts and notifications; the console's log"),
            .allow(.read, for: "empties an eventfd"),
            .allow(.rtSigreturn, for: "the end of the signal that gets it out of the guest"),
            .allow(.poll, for: "waits while the machine is paused"),
            .allow(.epollCtl, for: "a driver starts or resets a device whose files are waited for"),
            .allow(.close, for: "a reset of the file system or of the sockets: what was open is closed"),
            .allow(.pread64, for: "the console's log is full: its older half goes"),
            .allow(.ftruncate, for: "the same"),
            .allow(.lseek, for: "the same"),
            // TUNSETOFFLOAD.
            .allow(.ioctl, .argument(1, 0x4004_54D0), for: "a driver starts a network card"),
            .allow(.rtSigprocmask, for: "the thread ends"),
            .allow(.madvise, .argument(2, 4), for: "the same: its stack"),
            .allow(.exit, for: "the same"),
            .expect(
                .ioctl, .argument(1, UInt32(CLX_KVM_GET_REGS)), for: "says where a guest is that KVM cannot go on with"),
            .expect(.shutdown, for: "a reset of the sockets: a stream that is one ends"),
        ]
        if features.hasFileWindow {
            // MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED without any access.
            rules.append(
                .allow(
                    .mmap, .argument(2, 0), .argument(3, 0x4032), for: "a reset of the file system empties its window"))
        }
        return rules
    }

    // MARK: The disk

    private static let diskRules: [CallRule] = [
        .allow(.epollWait, for: "waits for requests"),
        .allow(.preadv, for: "reads"),
        .allow(.pwritev, for: "writes"),
        .allow(.read, for: "empties an eventfd"),
        .allow(.write, for: "interrupts"),
        .allow(.fdatasync, for: "flushes"),
        .expect(.fallocate, for: "discards and zeroes, where the guest trims its file system"),
    ]
}

extension Spec.ResourceLimit {
    /// The resources of setrlimit(2).
    package enum Kind: String, SpecificationName {
        case cpu = "RLIMIT_CPU"
        case fileSize = "RLIMIT_FSIZE"
        case data = "RLIMIT_DATA"
        case stack = "RLIMIT_STACK"
        case core = "RLIMIT_CORE"
        case residentSet = "RLIMIT_RSS"
        case processes = "RLIMIT_NPROC"
        case openFiles = "RLIMIT_NOFILE"
        case lockedMemory = "RLIMIT_MEMLOCK"
        case addressSpace = "RLIMIT_AS"
        case fileLocks = "RLIMIT_LOCKS"
        case pendingSignals = "RLIMIT_SIGPENDING"
        case messageQueues = "RLIMIT_MSGQUEUE"
        case nice = "RLIMIT_NICE"
        case realtimePriority = "RLIMIT_RTPRIO"
        case realtimeTime = "RLIMIT_RTTIME"

        /// What an error calls one of these.
        package static let noun = "a resource limit"

        /// The kernel's number, asm-generic/resource.h.
        package var number: Int32 {
            switch self {
            case .cpu: 0
            case .fileSize: 1
            case .data: 2
            case .stack: 3
            case .core: 4
            case .residentSet: 5
            case .processes: 6
            case .openFiles: 7
            case .lockedMemory: 8
            case .addressSpace: 9
            case .fileLocks: 10
            case .pendingSignals: 11
            case .messageQueues: 12
            case .nice: 13
            case .realtimePriority: 14
            case .realtimeTime: 15
            }
        }
    }
}

extension Spec.Scheduler {
    /// The scheduling policies of sched(7).
    package enum Policy: String, SpecificationName {
        case other = "SCHED_OTHER"
        case firstInFirstOut = "SCHED_FIFO"
        case roundRobin = "SCHED_RR"
        case batch = "SCHED_BATCH"
        case isochronous = "SCHED_ISO"
        case idle = "SCHED_IDLE"
        case deadline = "SCHED_DEADLINE"

        /// What an error calls one of these.
        package static let noun = "a scheduling policy"

        /// The kernel's number, linux/sched.h.
        ///
        /// That of SCHED_ISO is reserved, and Linux does not implement it.
        package var number: UInt32 {
            switch self {
            case .other: 0
            case .firstInFirstOut: 1
            case .roundRobin: 2
            case .batch: 3
            case .isochronous: 4
            case .idle: 5
            case .deadline: 6
            }
        }
    }

    /// The flags of sched_setattr(2).
    package enum Flag: String, SpecificationName {
        case resetOnFork = "SCHED_FLAG_RESET_ON_FORK"
        case reclaim = "SCHED_FLAG_RECLAIM"
        case deadlineOverrun = "SCHED_FLAG_DL_OVERRUN"
        case keepPolicy = "SCHED_FLAG_KEEP_POLICY"
        case keepParameters = "SCHED_FLAG_KEEP_PARAMS"
        case utilizationClampMinimum = "SCHED_FLAG_UTIL_CLAMP_MIN"
        case utilizationClampMaximum = "SCHED_FLAG_UTIL_CLAMP_MAX"

        /// What an error calls one of these.
        package static let noun = "a scheduling flag"

        /// The kernel's bit, linux/sched.h.
        package var bit: UInt64 {
            switch self {
            case .resetOnFork: 0x01
            case .reclaim: 0x02
            case .deadlineOverrun: 0x04
            case .keepPolicy: 0x08
            case .keepParameters: 0x10
            case .utilizationClampMinimum: 0x20
            case .utilizationClampMaximum: 0x40
            }
        }
    }
}

extension Spec.IOPriority {
    /// The scheduling classes of ioprio_set(2).
    package enum Class: String, SpecificationName {
        case realtime = "IOPRIO_CLASS_RT"
        case bestEffort = "IOPRIO_CLASS_BE"
        case idle = "IOPRIO_CLASS_IDLE"

        /// What an error calls one of these.
        package static let noun = "an I/O scheduling class"

        /// The kernel's number, linux/ioprio.h.
        package var number: Int32 {
            switch self {
            case .realtime: 1
            case .bestEffort: 2
            case .idle: 3
            }
        }
    }

    /// What ioprio_set(2) takes: the class in the upper bits, the level in the lower 13.
    package var mask: Int32 {
        self.class.number << 13 | priority
    }
}

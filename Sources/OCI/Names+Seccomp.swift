extension Spec.Seccomp {
    /// What happens to a system call; the names are libseccomp's.
    package enum Action: String, SpecificationName {
        case kill = "SCMP_ACT_KILL"
        case killProcess = "SCMP_ACT_KILL_PROCESS"
        case killThread = "SCMP_ACT_KILL_THREAD"
        case trap = "SCMP_ACT_TRAP"
        case errno = "SCMP_ACT_ERRNO"
        case trace = "SCMP_ACT_TRACE"
        case allow = "SCMP_ACT_ALLOW"
        case log = "SCMP_ACT_LOG"
        case notify = "SCMP_ACT_NOTIFY"

        /// What an error calls one of these.
        package static let noun = "a seccomp action"

        /// The kernel's SECCOMP_RET_* value, linux/seccomp.h, without the 16 bits of data.
        package var value: UInt32 {
            switch self {
            case .kill, .killThread: 0x0000_0000
            case .killProcess: 0x8000_0000
            case .trap: 0x0003_0000
            case .errno: 0x0005_0000
            case .notify: 0x7FC0_0000
            case .trace: 0x7FF0_0000
            case .log: 0x7FFC_0000
            case .allow: 0x7FFF_0000
            }
        }

        /// Whether the action carries an error number.
        package var takesErrno: Bool {
            self == .errno || self == .trace
        }
    }

    /// How an argument is compared; the names are libseccomp's.
    package enum Operator: String, SpecificationName {
        case notEqual = "SCMP_CMP_NE"
        case less = "SCMP_CMP_LT"
        case lessOrEqual = "SCMP_CMP_LE"
        case equal = "SCMP_CMP_EQ"
        case greaterOrEqual = "SCMP_CMP_GE"
        case greater = "SCMP_CMP_GT"
        case maskedEqual = "SCMP_CMP_MASKED_EQ"

        /// What an error calls one of these.
        package static let noun = "a seccomp operator"

        /// libseccomp's number, enum scmp_compare.
        package var number: UInt32 {
            switch self {
            case .notEqual: 1
            case .less: 2
            case .lessOrEqual: 3
            case .equal: 4
            case .greaterOrEqual: 5
            case .greater: 6
            case .maskedEqual: 7
            }
        }
    }

    /// The architectures that libseccomp 2.6 names.
    package enum Architecture: String, SpecificationName {
        case x86 = "SCMP_ARCH_X86"
        // The machine's own name for itself; without the underscore it would be another number.
        // swift-format-ignore: AlwaysUseLowerCamelCase
        case x86_64 = "SCMP_ARCH_X86_64"
        case x32 = "SCMP_ARCH_X32"
        case arm = "SCMP_ARCH_ARM"
        case aarch64 = "SCMP_ARCH_AARCH64"
        case mips = "SCMP_ARCH_MIPS"
        case mips64 = "SCMP_ARCH_MIPS64"
        case mips64n32 = "SCMP_ARCH_MIPS64N32"
        case mipsel = "SCMP_ARCH_MIPSEL"
        case mipsel64 = "SCMP_ARCH_MIPSEL64"
        case mipsel64n32 = "SCMP_ARCH_MIPSEL64N32"
        case ppc = "SCMP_ARCH_PPC"
        case ppc64 = "SCMP_ARCH_PPC64"
        case ppc64le = "SCMP_ARCH_PPC64LE"
        case s390 = "SCMP_ARCH_S390"
        case s390x = "SCMP_ARCH_S390X"
        case parisc = "SCMP_ARCH_PARISC"
        case parisc64 = "SCMP_ARCH_PARISC64"
        case riscv64 = "SCMP_ARCH_RISCV64"
        case loongarch64 = "SCMP_ARCH_LOONGARCH64"
        case m68k = "SCMP_ARCH_M68K"
        case sh = "SCMP_ARCH_SH"
        case sheb = "SCMP_ARCH_SHEB"

        /// What an error calls one of these.
        package static let noun = "a seccomp architecture"

        /// The name as seccomp_arch_resolve_name(3) takes it.
        package var libraryName: String {
            rawValue.dropFirst("SCMP_ARCH_".utf8.count).lowercased()
        }
    }

    /// The flags of seccomp(2).
    package enum Flag: String, SpecificationName {
        case threadSynchronization = "SECCOMP_FILTER_FLAG_TSYNC"
        case log = "SECCOMP_FILTER_FLAG_LOG"
        case speculationAllowed = "SECCOMP_FILTER_FLAG_SPEC_ALLOW"
        case waitKillable = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"

        /// What an error calls one of these.
        package static let noun = "a seccomp flag"

        /// The kernel's bit, linux/seccomp.h.
        package var bit: UInt32 {
            switch self {
            case .threadSynchronization: 1 << 0
            case .log: 1 << 1
            case .speculationAllowed: 1 << 2
            case .waitKillable: 1 << 5
            }
        }
    }
}

package import OCI

/// What a filter does with a system call, with its number: a SECCOMP_RET_* value understood.
package enum SeccompAction: Hashable, Sendable {
    /// Kill the thread with SIGSYS.
    case killThread
    /// Kill the process with SIGSYS.
    case killProcess
    /// Send the thread a SIGSYS that it may handle.
    case trap
    /// Answer with an error number instead of making the call.
    case errno(UInt16)
    /// Let a tracer decide; it is given the number.
    case trace(UInt16)
    /// Make the call.
    case allow
    /// Make the call and log it.
    case log
    /// Ask the listener.
    case notify

    /// Puts the two members of a profile together.
    ///
    /// - Parameters:
    ///   - action: `defaultAction` or `action`.
    ///   - number: `defaultErrnoRet` or `errnoRet`; EPERM where it is absent.
    package init(_ action: Spec.Seccomp.Action, number: UInt32?) {
        let number = number.map(UInt16.init(truncatingIfNeeded:)) ?? 1
        switch action {
        case .kill, .killThread: self = .killThread
        case .killProcess: self = .killProcess
        case .trap: self = .trap
        case .errno: self = .errno(number)
        case .trace: self = .trace(number)
        case .allow: self = .allow
        case .log: self = .log
        case .notify: self = .notify
        }
    }

    /// Reads what a filter returned; an unknown action kills the process, as the kernel does.
    package init(returnValue: UInt32) {
        let number = UInt16(truncatingIfNeeded: returnValue)
        switch returnValue & 0xffff_0000 {
        case 0x0000_0000: self = .killThread
        case 0x0003_0000: self = .trap
        case 0x0005_0000: self = .errno(number)
        case 0x7ff0_0000: self = .trace(number)
        case 0x7fff_0000: self = .allow
        case 0x7ffc_0000: self = .log
        case 0x7fc0_0000: self = .notify
        default: self = .killProcess
        }
    }

    /// The value a filter returns, SECCOMP_RET_*.
    package var returnValue: UInt32 {
        switch self {
        case .killThread: 0x0000_0000
        case .killProcess: 0x8000_0000
        case .trap: 0x0003_0000
        case .errno(let number): 0x0005_0000 | UInt32(number)
        case .trace(let number): 0x7ff0_0000 | UInt32(number)
        case .allow: 0x7fff_0000
        case .log: 0x7ffc_0000
        case .notify: 0x7fc0_0000
        }
    }

    /// Whether the call is not made and nobody is asked.
    package var blocks: Bool {
        switch self {
        case .killThread, .killProcess, .trap, .errno: true
        case .trace, .allow, .log, .notify: false
        }
    }
}

extension Spec.Seccomp {
    /// What happens to a call that no rule matches.
    package var standardAction: SeccompAction {
        SeccompAction(defaultAction, number: defaultErrnoRet)
    }
}

extension Spec.Seccomp.Rule {
    /// What happens to the calls, with its number.
    package var fullAction: SeccompAction {
        SeccompAction(action, number: errnoRet)
    }

    /// The conditions that must hold together, set by set: one set holding is enough.
    ///
    /// One condition for each argument is a conjunction. Two for the same argument are what no filter could express when
    /// profiles were invented, so all of them became rules of their own: runc and crun keep that, and profiles rely on it.
    package var alternatives: [[Spec.Seccomp.Argument]] {
        let repeats = Set(args.map(\.index)).count < args.count
        return repeats ? args.map { [$0] } : [args]
    }
}

extension Spec.Seccomp.Argument {
    /// Whether the condition holds for a call.
    package func holds(for attempt: SyscallAttempt) -> Bool {
        let argument = attempt.arguments.count > Int(index) ? attempt.arguments[Int(index)] : 0
        return switch op {
        case .notEqual: argument != value
        case .less: argument < value
        case .lessOrEqual: argument <= value
        case .equal: argument == value
        case .greaterOrEqual: argument >= value
        case .greater: argument > value
        case .maskedEqual: argument & value == valueTwo
        }
    }
}

package import Syscalls

/// How a machine ended.
package enum MachineEnd: Equatable, Sendable {
    /// The guest reset it: what a kernel does on reboot(2), and after a panic.
    case reset
    /// The guest switched it off.
    case poweredOff
    /// A triple fault.
    case shutdown
    /// The kernel in the guest gave up, in its own words.
    case panic(String)
    /// KVM could not go on; the text says what it found.
    case internalError(String)
    /// A system call of the monitor's own failed.
    case failed(SystemError)
    /// The monitor itself wanted it to end.
    case stopped
}

extension MachineEnd: CustomStringConvertible {
    /// As in "the guest was reset".
    package var description: String {
        switch self {
        case .reset: "the guest was reset"
        case .poweredOff: "the guest switched itself off"
        case .shutdown: "the guest's processor shut down after a triple fault"
        case .panic(let text): "the guest's kernel gave up: \(text)"
        case .internalError(let text): "KVM could not run the guest: \(text)"
        case .failed(let error): "\(error)"
        case .stopped: "the machine was stopped"
        }
    }
}

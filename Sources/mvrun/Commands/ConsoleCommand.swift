import Diagnostics
import Options
import Runtime

/// `mvrun console CONTAINER`: prints what the kernel of a virtual machine has logged.
enum ConsoleCommand {
    static func run(_ invocation: Invocation, _ session: Session) throws(RuntimeError) {
        try printOutput(String(decoding: try session.console(of: invocation.container), as: UTF8.self))
    }

    /// `mvrun dmesg CONTAINER`: what its kernel remembers, which is more than it has printed.
    static func runLog(_ invocation: Invocation, _ session: Session) throws(RuntimeError) {
        try printOutput(try session.kernelLog(of: invocation.container))
    }
}

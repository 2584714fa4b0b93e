import Plans
import Syscalls
import VMM

/// The monitor of one virtual machine.
@main
struct MvrunVMM {
    static func main() {
        let arguments = Array(programArguments.dropFirst())
        switch arguments.first {
        case "--probe" where arguments.count == 1: exitNow(Probe.print())
        case "--boot": exitNow(HandBoot.run(Array(arguments.dropFirst())))
        case MachinePlan.holdOption where arguments.count == 1: exitNow(NamespaceHolder.run())
        case nil: exitNow(MachineMonitor.run())
        default: exitNow(usage("mvrun-vmm is started by mvrun; it does nothing by itself"))
        }
    }

    /// Says what is wrong.
    ///
    /// - Returns: the exit status.
    static func usage(_ text: String) -> Int32 {
        write(text)
        return 64
    }

    /// Writes a line to stderr.
    static func write(_ text: String) {
        let standardError = OwnedDescriptor(owning: 2)
        try? standardError.writeAll(Array((text + "\n").utf8), subject: "stderr")
        _ = standardError.release()
    }
}

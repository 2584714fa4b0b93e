import Jail
import KVM
import Syscalls

/// `mvrun-vmm --probe`: what kind of KVM this host has, a line for each thing known about it.
enum Probe {
    /// Prints it.
    ///
    /// - Returns: the exit status.
    static func print() -> Int32 {
        let kind = HostKVM.probe()
        var lines = ["kvm: \(kind.name)"]
        if let system = try? KVMSystem.open() {
            lines.append("version: \((try? system.version()) ?? 0)")
            lines.append("processors: \(system.check(.maximumVCPUs))")
            lines.append("missing: " + system.missingCapabilities().map { "\($0)" }.joined(separator: " "))
        }
        lines.append("landlock: \(PathFence.version ?? 0)")
        let text = lines.map { $0 + "\n" }.joined()
        // Left open: the process ends.
        let output = OwnedDescriptor(owning: 1)
        let written: Void? = try? output.writeAll(Array(text.utf8), subject: "stdout")
        return written == nil ? 1 : 0
    }
}

import Syscalls

/// What kind of KVM a host has: whether a kernel can boot in it.
package enum HostKVM: Equatable, Sendable {
    /// There is no /dev/kvm.
    case none
    /// There is one, and this process may not open it.
    case noPermission
    /// There is one that cannot be used: another version of the interface, or capabilities that it lacks.
    case unusable(version: Int32, missing: [String])
    /// Virtual machines run, and the kernel of an ordinary guest is emulated instruction by instruction, as KVM does in
    /// software where the processor lends it no virtualization (PVM): it would not reach its init within minutes.
    case pvm
    /// Virtual machines run on the processor's own virtualization.
    case hardware

    /// The word for it, as `mvrun-vmm --probe` prints it.
    package var name: String {
        switch self {
        case .none: "none"
        case .noPermission: "no permission"
        case .unusable: "unusable"
        case .pvm: "pvm"
        case .hardware: "hardware"
        }
    }

    /// Looks at this host.
    package static func probe() -> HostKVM {
        let system: KVMSystem
        do throws(SystemError) {
            system = try KVMSystem.open()
        } catch {
            return error.errno == .accessDenied || error.errno == .notPermitted ? .noPermission : .none
        }
        return probe(
            system, processor: (try? readText("/proc/cpuinfo")) ?? "", pvmIsLoaded: exists("/sys/module/kvm_pvm"))
    }

    /// Judges an open KVM.
    ///
    /// - Parameters:
    ///   - system: the KVM.
    ///   - processor: the content of /proc/cpuinfo.
    ///   - pvmIsLoaded: whether the kernel has the module kvm_pvm.
    package static func probe(_ system: KVMSystem, processor: String, pvmIsLoaded: Bool) -> HostKVM {
        let version = (try? system.version()) ?? 0
        let missing = system.missingCapabilities().map { "\($0)" }
        guard version == KVMSystem.apiVersion, missing.isEmpty else {
            return .unusable(version: version, missing: missing)
        }
        return !hasVirtualization(processor) || pvmIsLoaded ? .pvm : .hardware
    }

    /// Whether the processor's flags name Intel's or AMD's virtualization.
    package static func hasVirtualization(_ processor: String) -> Bool {
        guard let flags = processor.split(separator: "\n").first(where: { $0.hasPrefix("flags") }) else { return false }
        return flags.split(separator: " ").contains { $0 == "svm" || $0 == "vmx" }
    }
}

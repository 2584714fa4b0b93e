package import Diagnostics
import Syscalls

/// What this host's KVM is, as `mvrun-vmm --probe` finds it.
package struct MachineSupport: Sendable, Equatable {
    /// The kinds of KVM.
    package enum Kind: String, Sendable {
        /// The processor's own virtualisation: any kernel boots.
        case hardware
        /// A software KVM that runs only kernels made for it.
        case pvm
        /// None.
        case none
        /// One that this user may not open.
        case forbidden = "no permission"
        /// One that lacks what the monitor needs.
        case unusable
    }

    /// The kind.
    package var kind: Kind
    /// What was found, in words.
    package var detail: String
    /// The version of the kernel's Landlock; 0 for none, nil where nobody has asked.
    package var landlockVersion: Int?

    /// Reads what the probe prints: a line for each thing known, of which `kvm` names the kind.
    init?(probe text: String) {
        var known: [Substring: Substring] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { known[parts[0]] = parts[1].drop { $0 == " " } }
        }
        guard let kind = known["kvm"].flatMap({ Kind(rawValue: String($0)) }) else { return nil }
        self.kind = kind
        landlockVersion = known["landlock"].flatMap { Int($0) }
        detail = known["missing"].map { $0.isEmpty ? "" : "without \($0)" } ?? ""
    }

    /// Describes a host.
    init(_ kind: Kind, _ detail: String = "") {
        self.kind = kind
        self.detail = detail
    }

    /// Why no kernel boots here; nil where one does.
    package var fault: RuntimeError? {
        switch kind {
        case .hardware: nil
        case .none:
            RuntimeError(
                .unsupported, "this host has no KVM (no /dev/kvm)",
                hint: "load kvm_amd or kvm_intel, enable virtualisation in the firmware, or use --isolation container")
        case .forbidden:
            RuntimeError(
                .unsupported, "/dev/kvm: permission denied", hint: "join the group kvm, or use --isolation container")
        case .unusable:
            RuntimeError(
                .unsupported, "the KVM of this host cannot be used: \(detail)", hint: "use --isolation container")
        case .pvm:
            RuntimeError(
                .unsupported, "the KVM of this host is of the PVM kind, which does not boot an ordinary kernel",
                hint: "use --isolation container, or a host whose processor virtualises")
        }
    }
}

extension Session {
    /// Asks the monitor what this host's KVM is.
    package func probeMachine() throws(RuntimeError) -> MachineSupport {
        guard exists("/dev/kvm") else { return MachineSupport(.none) }
        guard isWritable("/dev/kvm") else { return MachineSupport(.forbidden) }
        let run = try outputOfProgram(try monitorPath(), ["--probe"], limit: 1 << 16)
        guard let support = MachineSupport(probe: run.text) else {
            throw RuntimeError(.system, "mvrun-vmm --probe ended with status \(run.status): \(run.text.prefix(200))")
        }
        return support
    }

    /// Why no virtual machine can run here; nil where one can.
    func machineFault() -> RuntimeError? {
        do throws(RuntimeError) {
            return try probeMachine().fault
        } catch {
            return error
        }
    }

    /// Where mvrun-vmm is.
    func monitorPath() throws(RuntimeError) -> String {
        let path = absolutePath(try programPath("mvrun-vmm"))
        guard exists(path) else {
            throw RuntimeError(
                .notFound, "mvrun-vmm: no such file or directory",
                hint: "mvrun-vmm belongs beside mvrun, or in ../libexec/mvrun")
        }
        return path
    }
}

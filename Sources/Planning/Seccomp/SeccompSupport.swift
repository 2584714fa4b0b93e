import CLinux
package import OCI

extension Spec.Seccomp.Flag {
    /// The kernel's bits for the flag.
    ///
    /// - Parameter notifies: whether the filter has a listener.
    func bits(notifies: Bool) -> UInt32 {
        switch self {
        // seccomp(2) cannot return both a listener and the thread that could not be synchronized; with TSYNC_ESRCH it
        // returns ESRCH instead of that thread.
        case .threadSynchronization: notifies ? bit | CLX_SECCOMP_FLAG_TSYNC_ESRCH : bit
        // The kernel refuses it without a listener, where it has no meaning.
        case .waitKillable: notifies ? bit : 0
        case .log, .speculationAllowed: bit
        }
    }

    /// Whether this kernel knows the flag.
    package var isSupported: Bool {
        let companion = self == .waitKillable ? CLX_SECCOMP_FLAG_NEW_LISTENER : 0
        return clx_seccomp_knows_flags(bit | companion) != 0
    }
}

extension Spec.Seccomp.Action {
    /// Whether this kernel knows the action.
    package var isSupported: Bool {
        clx_seccomp_knows_action(value) != 0
    }
}

extension Spec.Seccomp.Architecture {
    /// libseccomp's number for it; 0 where this libseccomp does not know it.
    ///
    /// It is the kernel's AUDIT_ARCH_* value but for x32, which the kernel reports as x86-64.
    var token: UInt32 { Libseccomp.architecture(named: libraryName) }

    /// Whether this libseccomp can compile for it.
    package var isSupported: Bool { token != 0 }

    /// What `struct seccomp_data` calls it, AUDIT_ARCH_*.
    ///
    /// The calls of x32 are told apart by bit 30 of their number.
    var auditValue: UInt32 { self == .x32 ? Self.x86_64.token : token }

    /// The architecture of this program; nil where the spec has no name for it.
    package static var native: Spec.Seccomp.Architecture? {
        let token = Libseccomp.nativeArchitecture
        return allCases.first { $0.token == token }
    }
}

/// What the seccomp of this build, on this kernel, can do: the facts for `features`.
///
/// They come from the tables that read and compile a profile.
package struct SeccompFeatures: Equatable, Sendable {
    /// The actions that the kernel knows.
    package let actions: [String]
    /// The operators.
    package let operators: [String]
    /// The architectures that libseccomp can compile for.
    package let archs: [String]
    /// The flags that a profile may name.
    package let knownFlags: [String]
    /// Those of them that the kernel knows.
    package let supportedFlags: [String]
    /// libseccomp's version, as in "2.5.4".
    package let libseccompVersion: String

    /// libseccomp's version alone, for which the kernel is not asked anything.
    package static var libraryVersion: String { Libseccomp.version }

    /// Asks the tables, libseccomp and the kernel.
    package init() {
        actions = Spec.Seccomp.Action.allCases.filter(\.isSupported).map(\.rawValue).sorted()
        operators = Spec.Seccomp.Operator.names.sorted()
        archs = Spec.Seccomp.Architecture.allCases.filter(\.isSupported).map(\.rawValue).sorted()
        knownFlags = Spec.Seccomp.Flag.names
        supportedFlags = Spec.Seccomp.Flag.allCases.filter(\.isSupported).map(\.rawValue)
        libseccompVersion = Libseccomp.version
    }
}

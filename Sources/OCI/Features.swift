package import JSON

/// What the runtime can do, as `features` prints it; runtime-spec, features.md and features-linux.md.
///
/// Every list comes from the tables that config.json is read with, so it says what is read. What a build or a version
/// of a library decides is given by the caller.
package struct Features: Sendable {
    /// What does not follow from the tables.
    package struct Support: Sendable {
        /// cgroup v1.
        package var cgroupV1 = true
        /// cgroup v2.
        package var cgroupV2 = true
        /// Scopes of systemd.
        package var systemd = true
        /// Scopes of a user's systemd.
        package var systemdUser = true
        /// The rdma controller.
        package var rdma = true
        /// AppArmor profiles.
        package var apparmor = true
        /// SELinux labels.
        package var selinux = true
        /// Intel RDT.
        package var intelRdt = true
        /// `linux.intelRdt.schemata`.
        package var intelRdtSchemata = true
        /// `linux.intelRdt.enableMonitoring`.
        package var intelRdtMonitoring = true
        /// Id-mapped mounts.
        package var idMappedMounts = true
        /// `linux.netDevices`.
        package var netDevices = true
        /// The flags of seccomp(2) that this kernel and libseccomp have.
        package var seccompFlags: [Spec.Seccomp.Flag] = []
        /// The architectures that this libseccomp has.
        package var seccompArchitectures: [Spec.Seccomp.Architecture] = Spec.Seccomp.Architecture.allCases

        /// Everything that mvrun knows.
        package init() {}
    }

    /// What does not follow from the tables.
    package var support: Support
    /// Versions and the like, for `annotations`.
    package var annotations: [Entry<String>]
    /// Annotations of config.json that change what is done on the host; a trailing dot makes a prefix.
    package var potentiallyUnsafeConfigAnnotations: [String]

    /// Describes a build.
    package init(support: Support, annotations: [Entry<String>], potentiallyUnsafeConfigAnnotations: [String]) {
        self.support = support
        self.annotations = annotations
        self.potentiallyUnsafeConfigAnnotations = potentiallyUnsafeConfigAnnotations
    }

    /// The features as JSON.
    package func json(_ style: JSONWriter.Style = .pretty) -> [UInt8] {
        var writer = JSONWriter(style)
        writer.object { writer in
            writer.member("ociVersionMin", Spec.Version.oldest.text)
            writer.member("ociVersionMax", Spec.Version.implemented.text)
            writer.member("hooks", Spec.Hooks.Point.names)
            writer.member("mountOptions", MountOptions.names)
            writer.member("linux") { $0.object(writeLinux) }
            writer.member("annotations", annotations.map { ($0.key, $0.value) })
            writer.member("potentiallyUnsafeConfigAnnotations", potentiallyUnsafeConfigAnnotations)
        }
        return writer.bytes
    }

    private func writeLinux(_ writer: inout JSONWriter) {
        writer.member("namespaces", Spec.Namespace.Kind.names.sorted())
        writer.member("capabilities", Capability.names)
        writeObject("cgroup", &writer) { writer in
            writer.member("v1", support.cgroupV1)
            writer.member("v2", support.cgroupV2)
            writer.member("systemd", support.systemd)
            writer.member("systemdUser", support.systemdUser)
            writer.member("rdma", support.rdma)
        }
        writeObject("seccomp", &writer) { writer in
            writer.member("enabled", true)
            writer.member("actions", Spec.Seccomp.Action.names)
            writer.member("operators", Spec.Seccomp.Operator.names)
            writer.member("archs", support.seccompArchitectures.map(\.rawValue))
            writer.member("knownFlags", Spec.Seccomp.Flag.names)
            writer.member("supportedFlags", support.seccompFlags.map(\.rawValue))
        }
        writeObject("apparmor", &writer) { $0.member("enabled", support.apparmor) }
        writeObject("selinux", &writer) { $0.member("enabled", support.selinux) }
        writeObject("intelRdt", &writer) { writer in
            writer.member("enabled", support.intelRdt)
            writer.member("schemata", support.intelRdtSchemata)
            writer.member("monitoring", support.intelRdtMonitoring)
        }
        writeObject("memoryPolicy", &writer) { writer in
            writer.member("modes", Spec.MemoryPolicy.Mode.names)
            writer.member("flags", Spec.MemoryPolicy.Flag.names)
        }
        writeObject("mountExtensions", &writer) { writer in
            writer.member("idmap") { $0.object { $0.member("enabled", support.idMappedMounts) } }
        }
        writeObject("netDevices", &writer) { $0.member("enabled", support.netDevices) }
    }

    private func writeObject(_ key: String, _ writer: inout JSONWriter, _ members: (inout JSONWriter) -> Void) {
        writer.member(key) { $0.object(members) }
    }
}

package import OCI
import Planning

/// What this mvrun is.
package enum Build {
    /// The version.
    package static let version = "0.1.0"

    /// What `--version` prints: the lines that runc and crun print, which engines show.
    package static var versionText: String {
        """
        mvrun version \(version)
        spec: \(Spec.Version.implemented.text)
        libseccomp: \(SeccompFeatures.libraryVersion)
        +SELINUX +APPARMOR +CAP +SECCOMP +EBPF

        """
    }

    /// What `features` prints.
    package static var features: Features {
        let seccomp = SeccompFeatures()
        var support = Features.Support()
        support.systemd = false
        support.systemdUser = false
        support.seccompFlags = Spec.Seccomp.Flag.allCases.filter { seccomp.supportedFlags.contains($0.rawValue) }
        support.seccompArchitectures = Spec.Seccomp.Architecture.allCases.filter { seccomp.archs.contains($0.rawValue) }
        let annotations = [
            ("dev.mvrun.version", version), ("io.github.seccomp.libseccomp.version", seccomp.libseccompVersion),
            ("org.opencontainers.runc.checkpoint.enabled", "true"),
        ]
        return Features(
            support: support, annotations: annotations.map { Entry(key: $0.0, value: $0.1) },
            potentiallyUnsafeConfigAnnotations: [
                "dev.mvrun.isolation", "dev.mvrun.vm.", "io.katacontainers.config.hypervisor.default_memory",
                "io.katacontainers.config.hypervisor.default_vcpus", "krun.cpus", "krun.ram_mib", "run.oci.handler",
            ])
    }
}

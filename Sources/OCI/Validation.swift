extension Spec {
    /// What is wrong with the configuration, as far as that shows without looking at the host.
    ///
    /// The rules are those of the spec and those that runc and crun keep beyond it. The seccomp section is checked when
    /// it is read.
    package var findings: Findings {
        var findings = Findings()
        if ociVersion.isNewer {
            findings.warning("ociVersion", "\(ociVersion.text) is newer than \(Version.implemented.text)")
        }
        process?.validate(at: "process", &findings)
        if let hostname { validateName(hostname, at: "hostname", &findings) }
        if let domainname { validateName(domainname, at: "domainname", &findings) }
        for (index, mount) in mounts.enumerated() {
            mount.validate(at: "mounts[\(index)]", inUserNamespace: linux.namespace(.user) != nil, &findings)
        }
        hooks.validate(&findings)
        for annotation in annotations where annotation.key.isEmpty {
            findings.error("annotations[\"\"]", "the key is empty")
        }
        linux.validate(&findings)
        vm?.validate(&findings)
        return findings
    }

    private func validateName(_ name: String, at path: String, _ findings: inout Findings) {
        if linux.namespace(.uts) == nil {
            findings.error(
                path, "it cannot be set without a UTS namespace", hint: "add {\"type\": \"uts\"} to linux.namespaces")
        }
        // __NEW_UTS_LEN of linux/utsname.h.
        if name.utf8.count > 64 { findings.error(path, "it is longer than 64 bytes") }
    }
}

extension Spec.Hooks {
    fileprivate func validate(_ findings: inout Findings) {
        for point in Point.allCases {
            for (index, hook) in self[point].enumerated() {
                let path = "hooks.\(point.rawValue)[\(index)]"
                findings.requireAbsolute(hook.path, at: "\(path).path")
                if let timeout = hook.timeout, timeout <= 0 {
                    findings.error("\(path).timeout", "\(timeout) is not greater than zero")
                }
            }
        }
    }
}

extension Spec.VM {
    fileprivate func validate(_ findings: inout Findings) {
        if let path = hypervisor?.path { findings.requireAbsolute(path, at: "vm.hypervisor.path") }
        if let path = kernel?.path { findings.requireAbsolute(path, at: "vm.kernel.path") }
        if let path = kernel?.initrd { findings.requireAbsolute(path, at: "vm.kernel.initrd") }
        if let path = image?.path { findings.requireAbsolute(path, at: "vm.image.path") }
        if hwConfig?.vcpus == 0 { findings.error("vm.hwConfig.vcpus", "a machine needs a CPU") }
        if hwConfig?.memory == 0 { findings.error("vm.hwConfig.memory", "a machine needs memory") }
    }
}

extension Findings {
    /// An error for a path that does not start at the root.
    mutating func requireAbsolute(_ value: String, at path: @autoclosure () -> String) {
        guard !value.hasPrefix("/") else { return }
        error(path(), "\"\(value)\" is not an absolute path")
    }

    /// An error for a list of CPUs or memory nodes that is none.
    mutating func requireList(_ value: String?, at path: @autoclosure () -> String) {
        guard let value, NumberList(value) == nil else { return }
        error(path(), "\"\(value)\" is not a list of numbers and ranges", hint: "write it as in \"0-3,7\"")
    }
}

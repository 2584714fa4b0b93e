import JSON

extension Spec.Resources {
    /// What is wrong with the limits of an `update`, as far as that shows without looking at the host.
    package var findings: Findings {
        var findings = Findings()
        validate(at: "", &findings)
        return findings
    }

    /// Checks what fields mean together.
    ///
    /// - Parameters:
    ///   - path: the path of the object; empty for the file of `update --resources`.
    ///   - findings: where to say so.
    func validate(at path: String, _ findings: inout Findings) {
        let prefix = path.isEmpty ? "" : "\(path)."
        memory?.validate(at: "\(prefix)memory", &findings)
        cpu?.validate(at: "\(prefix)cpu", &findings)
        blockIO?.validate(at: "\(prefix)blockIO", &findings)
        if let limit = pids?.limit, limit < -1 { findings.error("\(prefix)pids.limit", "\(limit) is below -1") }
        for (index, limit) in hugepageLimits.enumerated() where !isPageSize(limit.pageSize) {
            findings.error(
                "\(prefix)hugepageLimits[\(index)].pageSize", "\"\(limit.pageSize)\" is not a page size",
                hint: "write it as in \"2MB\"")
        }
        for entry in rdma where entry.value.hcaHandles == nil && entry.value.hcaObjects == nil {
            findings.error("\(prefix)rdma" + pathComponent(entry.key), "hcaHandles or hcaObjects is required")
        }
        for entry in unified {
            // The key becomes the name of a file in the cgroup's directory.
            let key = entry.key.utf8
            if key.contains(UInt8(ascii: "/")) || !key.dropFirst().contains(UInt8(ascii: ".")) || entry.key == ".." {
                findings.error(
                    "\(prefix)unified" + pathComponent(entry.key), "it is not of the form CONTROLLER.PARAMETER")
            }
        }
    }

    /// `<size><unit-prefix>B` without leading zeros, as the kernel names its control files.
    private func isPageSize(_ text: String) -> Bool {
        let digits = text.prefix { ("0"..."9").contains($0) }
        return !digits.isEmpty && digits.first != "0" && ["KB", "MB", "GB"].contains(text.dropFirst(digits.count))
    }
}

extension Spec.Resources.Memory {
    fileprivate func validate(at path: String, _ findings: inout Findings) {
        let limits = [
            ("limit", limit), ("reservation", reservation), ("swap", swap), ("kernel", kernel),
            ("kernelTCP", kernelTCP),
        ]
        for (name, limit) in limits {
            if let limit, limit < -1 { findings.error("\(path).\(name)", "\(limit) is below -1, which means no limit") }
        }
        if let limit, let swap, limit > 0, swap > 0, swap < limit {
            findings.error(
                "\(path).swap", "\(swap) is below the memory limit, \(limit)",
                hint: "swap is the limit of memory and swap together")
        }
        if let swap, swap > 0, limit == -1 {
            findings.error("\(path).swap", "memory and swap together cannot be limited where memory is not")
        }
        if let swappiness, swappiness > 100 {
            findings.error("\(path).swappiness", "\(swappiness) is not from 0 to 100")
        }
    }
}

extension Spec.Resources.CPU {
    fileprivate func validate(at path: String, _ findings: inout Findings) {
        if let quota, let burst, quota > 0, burst > UInt64(quota) {
            findings.error("\(path).burst", "\(burst) is above the quota, \(quota)")
        }
        if let quota, quota < -1 { findings.error("\(path).quota", "\(quota) is below -1, which means no limit") }
        if let idle, idle != 0, idle != 1 { findings.error("\(path).idle", "\(idle) is not 0 or 1") }
        findings.requireList(cpus, at: "\(path).cpus")
        findings.requireList(mems, at: "\(path).mems")
    }
}

extension Spec.Resources.BlockIO {
    fileprivate func validate(at path: String, _ findings: inout Findings) {
        validate(weight, at: "\(path).weight", &findings)
        validate(leafWeight, at: "\(path).leafWeight", &findings)
        for (index, device) in weightDevice.enumerated() {
            let entry = "\(path).weightDevice[\(index)]"
            if device.weight == nil, device.leafWeight == nil {
                findings.error(entry, "weight or leafWeight is required")
            }
            validate(device.weight, at: "\(entry).weight", &findings)
            validate(device.leafWeight, at: "\(entry).leafWeight", &findings)
        }
    }

    /// The range is that of cgroup v1; 0 leaves the weight as it is.
    private func validate(_ weight: UInt16?, at path: String, _ findings: inout Findings) {
        guard let weight, weight != 0, !(10...1000).contains(weight) else { return }
        findings.error(path, "\(weight) is not from 10 to 1000")
    }
}

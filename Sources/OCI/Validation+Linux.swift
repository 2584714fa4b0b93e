import JSON

extension Spec.Linux {
    /// Checks what fields mean together.
    func validate(_ findings: inout Findings) {
        validateNamespaces(&findings)
        validateMappings(&findings)
        validateTimeOffsets(&findings)
        for entry in sysctl { validateSysctl(entry, &findings) }
        resources?.validate(at: "linux.resources", &findings)
        for (index, device) in devices.enumerated() {
            findings.requireAbsolute(device.path, at: "linux.devices[\(index)].path")
            if device.major < 0 || device.minor < 0 {
                findings.error("linux.devices[\(index)]", "a device number is below 0")
            }
        }
        validatePaths(&findings)
        validateNetDevices(&findings)
        intelRdt?.validate(&findings)
        memoryPolicy?.validate(&findings)
        if let flag = personality?.flags.first {
            findings.error("linux.personality.flags[0]", "\"\(flag)\" is not known; the spec has no flags yet")
        }
    }

    private func validateNamespaces(_ findings: inout Findings) {
        var seen: UInt64 = 0
        for (index, namespace) in namespaces.enumerated() {
            if seen & namespace.type.flag != 0 {
                findings.error("linux.namespaces[\(index)].type", "\"\(namespace.type.rawValue)\" is there twice")
            }
            seen |= namespace.type.flag
            if let path = namespace.path { findings.requireAbsolute(path, at: "linux.namespaces[\(index)].path") }
        }
    }

    private func validateMappings(_ findings: inout Findings) {
        let lists = [("uidMappings", uidMappings), ("gidMappings", gidMappings)]
        for (name, mappings) in lists { Spec.validate(mappings, at: "linux.\(name)", &findings) }
        let given = lists.filter { !$0.1.isEmpty }
        guard let namespace = namespace(.user) else {
            for (name, _) in given {
                findings.error(
                    "linux.\(name)", "mappings need a user namespace",
                    hint: "add {\"type\": \"user\"} to linux.namespaces")
            }
            return
        }
        if namespace.path == nil {
            for (name, mappings) in lists where mappings.isEmpty {
                findings.error("linux.\(name)", "required by a new user namespace, and missing")
            }
        } else {
            for (name, _) in given {
                findings.warning("linux.\(name)", "ignored: the namespace at the given path has its own mappings")
            }
        }
    }

    /// time_namespaces(7): two clocks have offsets, and only before the first process enters the namespace.
    private func validateTimeOffsets(_ findings: inout Findings) {
        guard !timeOffsets.isEmpty else { return }
        if let namespace = namespace(.time) {
            if namespace.path != nil {
                findings.error("linux.timeOffsets", "a time namespace that is joined has its own offsets")
            }
        } else {
            findings.error(
                "linux.timeOffsets", "offsets need a time namespace",
                hint: "add {\"type\": \"time\"} to linux.namespaces")
        }
        for offset in timeOffsets {
            if offset.key != "monotonic", offset.key != "boottime" {
                findings.error(
                    "linux.timeOffsets" + pathComponent(offset.key), "there is \"monotonic\" and \"boottime\"")
            }
            if offset.value.nanosecs >= 1_000_000_000 {
                findings.error("linux.timeOffsets\(pathComponent(offset.key)).nanosecs", "it is a second or more")
            }
        }
    }

    private func validatePaths(_ findings: inout Findings) {
        for (name, paths) in [("maskedPaths", maskedPaths), ("readonlyPaths", readonlyPaths)] where !paths.isEmpty {
            for (index, path) in paths.enumerated() {
                findings.requireAbsolute(path, at: "linux.\(name)[\(index)]")
            }
            if namespace(.mount) == nil {
                findings.error("linux.\(name)", "paths cannot be restricted without a mount namespace")
            }
        }
    }

    private func validateNetDevices(_ findings: inout Findings) {
        guard !netDevices.isEmpty else { return }
        if namespace(.network) == nil {
            findings.error("linux.netDevices", "interfaces cannot be moved without a network namespace")
        }
        for entry in netDevices {
            for name in [entry.key, entry.value.name ?? entry.key] where !isInterfaceName(name) {
                findings.error("linux.netDevices" + pathComponent(entry.key), "\"\(name)\" is not an interface's name")
            }
        }
    }

    /// dev_valid_name of the kernel: 1 to 15 bytes, no slash, colon or space, and not a directory's own name.
    private func isInterfaceName(_ name: String) -> Bool {
        (1...15).contains(name.utf8.count) && name != "." && name != ".."
            && !name.utf8.contains { byte in
                byte == UInt8(ascii: "/") || byte == UInt8(ascii: ":") || byte == UInt8(ascii: " ") || 9...13 ~= byte
            }
    }
}

extension Spec.IntelRdt {
    fileprivate func validate(_ findings: inout Findings) {
        if let closID, closID != "/", closID == "." || closID == ".." || closID.utf8.contains(UInt8(ascii: "/")) {
            findings.error("linux.intelRdt.closID", "\"\(closID)\" is not the name of a directory")
        }
        if let memBwSchema, !memBwSchema.hasPrefix("MB:") {
            findings.error("linux.intelRdt.memBwSchema", "it does not start with \"MB:\"")
        }
        let lines = [("l3CacheSchema", l3CacheSchema), ("memBwSchema", memBwSchema)]
        let all =
            lines.compactMap { name, line in line.map { (name, $0) } }
            + schemata.enumerated().map { ("schemata[\($0.offset)]", $0.element) }
        for (name, line) in all where line.utf8.contains(UInt8(ascii: "\n")) {
            findings.error("linux.intelRdt.\(name)", "it has more than one line")
        }
    }
}

extension Spec.MemoryPolicy {
    /// set_mempolicy(2) says which modes take nodes.
    fileprivate func validate(_ findings: inout Findings) {
        findings.requireList(nodes, at: "linux.memoryPolicy.nodes")
        switch mode {
        case .default, .local:
            if nodes != nil { findings.error("linux.memoryPolicy.nodes", "\(mode.rawValue) takes no nodes") }
        case .bind, .interleave, .preferredMany, .weightedInterleave:
            if nodes == nil { findings.error("linux.memoryPolicy.nodes", "required by \(mode.rawValue), and missing") }
        case .preferred: break
        }
        if flags.contains(.staticNodes), flags.contains(.relativeNodes) {
            findings.error(
                "linux.memoryPolicy.flags", "MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other")
        }
    }
}

import Syscalls

extension Spec.Mount {
    /// Checks what fields mean together.
    ///
    /// - Parameters:
    ///   - path: the path of the entry.
    ///   - inUserNamespace: whether the container has a user namespace of its own.
    ///   - findings: where to say so.
    func validate(at path: String, inUserNamespace: Bool, _ findings: inout Findings) {
        let options = MountOptions(self.options)
        if !destination.isAbsolutePath {
            findings.warning(
                "\(path).destination", "\"\(destination)\" is relative, which is deprecated; it is taken from /")
        }
        if isBind {
            if source == nil { findings.error("\(path).source", "required by a bind mount, and missing") }
            // The kernel would drop them without a word.
            if let option = options.data.first {
                findings.error("\(path).options", "a bind mount cannot have the option \"\(option)\"")
            }
        } else if type == nil, !options.flags.contains(.remount) {
            findings.error("\(path).type", "required unless the mount is a bind mount, and missing")
        }
        if options.copiesUp, type != "tmpfs" {
            findings.error("\(path).options", "tmpcopyup is for a mount of the type tmpfs")
        }
        validateMappings(at: path, options, inUserNamespace: inUserNamespace, &findings)
    }

    private func validateMappings(
        at path: String, _ options: MountOptions, inUserNamespace: Bool, _ findings: inout Findings
    ) {
        let hasMappings = !uidMappings.isEmpty || !gidMappings.isEmpty
        guard hasMappings || options.idMapped != .no else { return }
        if uidMappings.isEmpty != gidMappings.isEmpty {
            let missing = uidMappings.isEmpty ? "uidMappings" : "gidMappings"
            findings.error("\(path).\(missing)", "required beside the other mapping, and missing")
        }
        if !isBind { findings.error("\(path).options", "only a bind mount can be id-mapped") }
        if !hasMappings, !inUserNamespace {
            findings.error(
                "\(path).options",
                "an id-mapped mount needs uidMappings and gidMappings, or a container with a user namespace")
        }
        Spec.validate(uidMappings, at: "\(path).uidMappings", &findings)
        Spec.validate(gidMappings, at: "\(path).gidMappings", &findings)
    }
}

extension Spec {
    /// Checks a list of mappings by the rules of user_namespaces(7).
    ///
    /// - Parameters:
    ///   - mappings: the list.
    ///   - path: its path.
    ///   - findings: where to say so.
    static func validate(_ mappings: [IDMapping], at path: String, _ findings: inout Findings) {
        if mappings.count > 340 { findings.error(path, "the kernel takes 340 entries, there are \(mappings.count)") }
        for (index, mapping) in mappings.enumerated() {
            if mapping.size == 0 { findings.error("\(path)[\(index)].size", "it is 0") }
            // The last id is no id: chown(2) takes it for "leave it".
            for (name, first) in [("containerID", mapping.containerID), ("hostID", mapping.hostID)]
            where UInt64(first) + UInt64(mapping.size) > UInt64(UInt32.max) {
                findings.error("\(path)[\(index)].\(name)", "the range goes beyond the last id")
            }
        }
        validateOverlap(mappings.map { ($0.containerID, $0.size) }, "containerID", at: path, &findings)
        validateOverlap(mappings.map { ($0.hostID, $0.size) }, "hostID", at: path, &findings)
    }

    private static func validateOverlap(
        _ ranges: [(first: UInt32, size: UInt32)], _ name: String, at path: String, _ findings: inout Findings
    ) {
        let sorted = ranges.enumerated().sorted { ($0.element.first, $0.offset) < ($1.element.first, $1.offset) }
        for (left, right) in zip(sorted, sorted.dropFirst())
        where UInt64(left.element.first) + UInt64(left.element.size) > UInt64(right.element.first) {
            findings.error("\(path)[\(right.offset)].\(name)", "the range overlaps that of entry \(left.offset)")
        }
    }
}

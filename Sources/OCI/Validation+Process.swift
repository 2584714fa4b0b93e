extension Spec.Process {
    /// What is wrong with the process of an `exec`, as far as that shows without looking at the host.
    package var findings: Findings {
        var findings = Findings()
        validate(at: "", &findings)
        return findings
    }

    /// Checks what fields mean together.
    ///
    /// - Parameters:
    ///   - path: the path of the object; empty for a process.json.
    ///   - findings: where to say so.
    func validate(at path: String, _ findings: inout Findings) {
        let prefix = path.isEmpty ? "" : "\(path)."
        if args.isEmpty {
            findings.error("\(prefix)args", "at least the program is required")
        } else if args[0].isEmpty {
            findings.error("\(prefix)args[0]", "the program's name is empty")
        }
        findings.requireAbsolute(cwd, at: "\(prefix)cwd")
        for (index, variable) in env.enumerated() where !variable.utf8.contains(UInt8(ascii: "=")) {
            findings.warning("\(prefix)env[\(index)]", "\"\(variable)\" has no \"=\"")
        }
        if let umask = user.umask, umask > 0o777 {
            findings.warning(
                "\(prefix)user.umask", "\(umask) has more than permission bits",
                hint: "JSON numbers are decimal: 18 is 022")
        }
        if let oomScoreAdj, !(-1000...1000).contains(oomScoreAdj) {
            findings.error("\(prefix)oomScoreAdj", "\(oomScoreAdj) is not from -1000 to 1000")
        }
        if let ioPriority, !(0...7).contains(ioPriority.priority) {
            findings.error("\(prefix)ioPriority.priority", "\(ioPriority.priority) is not from 0 to 7")
        }
        findings.requireList(execCPUAffinity?.initial, at: "\(prefix)execCPUAffinity.initial")
        findings.requireList(execCPUAffinity?.final, at: "\(prefix)execCPUAffinity.final")
        validateLimits(at: "\(prefix)rlimits", &findings)
        capabilities?.validate(at: "\(prefix)capabilities", &findings)
        scheduler?.validate(at: "\(prefix)scheduler", &findings)
    }

    private func validateLimits(at path: String, _ findings: inout Findings) {
        var seen: UInt32 = 0
        for (index, limit) in rlimits.enumerated() {
            let bit: UInt32 = 1 << limit.type.number
            if seen & bit != 0 {
                findings.error("\(path)[\(index)].type", "\(limit.type.rawValue) is there twice")
            }
            seen |= bit
            if limit.soft > limit.hard {
                findings.error("\(path)[\(index)].soft", "\(limit.soft) is above the hard limit, \(limit.hard)")
            }
        }
    }
}

extension Spec.Capabilities {
    /// The sets by their names in the spec.
    package var sets: [(name: String, capabilities: [String])] {
        [
            ("bounding", bounding), ("effective", effective), ("inheritable", inheritable), ("permitted", permitted),
            ("ambient", ambient),
        ]
    }

    /// The spec wants a warning, not an error, for a capability that cannot be granted.
    fileprivate func validate(at path: String, _ findings: inout Findings) {
        for (name, capabilities) in sets {
            for (index, capability) in capabilities.enumerated() where Capability(name: capability) == nil {
                findings.warning(
                    "\(path).\(name)[\(index)]", "\"\(capability)\" is not a capability, and is left out",
                    hint: closest(to: capability, among: Capability.names).map { "did you mean \"\($0)\"?" })
            }
        }
        findings.leftOut(effective.filter { !permitted.contains($0) }, "\(path).effective", "permitted")
        findings.leftOut(
            ambient.filter { !permitted.contains($0) || !inheritable.contains($0) }, "\(path).ambient",
            "both permitted and inheritable")
    }
}

extension Findings {
    /// One line for all of them: an engine that has no inheritable capabilities names a dozen ambient ones.
    fileprivate mutating func leftOut(_ capabilities: [String], _ path: String, _ reason: String) {
        guard !capabilities.isEmpty else { return }
        let verb = capabilities.count == 1 ? "is" : "are"
        warning(path, "\(capabilities.joined(separator: ", ")) \(verb) not \(reason), and \(verb) left out")
    }
}

extension Spec.Scheduler {
    /// sched_setattr(2) and sched(7) say which field belongs to which policy.
    fileprivate func validate(at path: String, _ findings: inout Findings) {
        switch policy {
        case .isochronous:
            findings.error("\(path).policy", "Linux does not implement SCHED_ISO")
        case .other, .batch:
            if !(-20...19).contains(nice) { findings.error("\(path).nice", "\(nice) is not from -20 to 19") }
        case .firstInFirstOut, .roundRobin:
            if !(1...99).contains(priority) { findings.error("\(path).priority", "\(priority) is not from 1 to 99") }
        case .deadline:
            // A period of 0 stands for the deadline.
            if runtime == 0 || runtime > deadline || (period != 0 && deadline > period) {
                findings.error("\(path).runtime", "SCHED_DEADLINE needs 0 < runtime <= deadline <= period")
            }
        case .idle: break
        }
        if priority != 0, policy != .firstInFirstOut, policy != .roundRobin {
            findings.error("\(path).priority", "\(policy.rawValue) has no priority")
        }
        for (name, value) in [("runtime", runtime), ("deadline", deadline), ("period", period)]
        where value != 0 && policy != .deadline {
            findings.error("\(path).\(name)", "\(policy.rawValue) has no \(name)")
        }
    }
}

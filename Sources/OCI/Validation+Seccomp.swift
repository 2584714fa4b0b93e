extension Spec.Seccomp {
    /// Checks what fields mean together.
    ///
    /// - Parameters:
    ///   - path: the path of the section.
    ///   - findings: where to say so.
    func validate(at path: String, _ findings: inout Findings) {
        if defaultErrnoRet != nil, !defaultAction.takesErrno {
            findings.error("\(path).defaultErrnoRet", "\(defaultAction.rawValue) takes no error number")
        }
        if listenerMetadata != nil, listenerPath == nil {
            findings.error("\(path).listenerMetadata", "it is there without listenerPath")
        }
        if notifies, listenerPath == nil {
            findings.error("\(path).listenerPath", "required by SCMP_ACT_NOTIFY, and missing")
        }
        // The runtime itself writes to the listener's socket through the filter; a default of "notify" would stop it.
        if defaultAction == .notify {
            findings.error("\(path).defaultAction", "SCMP_ACT_NOTIFY cannot be the default")
        }
        for (index, rule) in syscalls.enumerated() {
            rule.validate(at: "\(path).syscalls[\(index)]", &findings)
        }
    }
}

extension Spec.Seccomp.Rule {
    fileprivate func validate(at path: String, _ findings: inout Findings) {
        if names.isEmpty { findings.error("\(path).names", "at least one system call is required") }
        for (index, name) in names.enumerated() where name.isEmpty {
            findings.error("\(path).names[\(index)]", "the name is empty")
        }
        if errnoRet != nil, !action.takesErrno {
            findings.error("\(path).errnoRet", "\(action.rawValue) takes no error number")
        }
        if action == .notify, names.contains("write") {
            findings.error("\(path).action", "SCMP_ACT_NOTIFY cannot be used for write")
        }
        for (index, argument) in args.enumerated() where argument.index > 5 {
            findings.error("\(path).args[\(index)].index", "\(argument.index) is not from 0 to 5")
        }
    }
}

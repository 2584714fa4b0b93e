import JSON

extension Spec {
    /// A separator for the other one.
    private static func exchanged(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "."): UInt8(ascii: "/")
        case UInt8(ascii: "/"): UInt8(ascii: ".")
        default: byte
        }
    }

    /// The file below /proc/sys that a kernel parameter is; nil for a key that could name anything else.
    ///
    /// sysctl(8): the separator that comes first in the key separates, and the other one stands for it inside a
    /// component, so that `net.ipv4.conf.eno2/100.rp_filter` and `net/ipv4/conf/eno2.100/rp_filter` are one.
    ///
    /// - Parameter key: a key of `linux.sysctl`.
    package static func sysctlFile(_ key: String) -> String? {
        guard let first = key.utf8.first(where: { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "/") }) else {
            return nil
        }
        let file = first == UInt8(ascii: "/") ? key : String(decoding: key.utf8.map(Self.exchanged), as: UTF8.self)
        // By bytes, as the kernel takes it apart: a separator and a combining mark behind it are one character.
        let components = file.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        return components.contains { $0.isEmpty || $0.elementsEqual(".".utf8) || $0.elementsEqual("..".utf8) }
            ? nil : file
    }
}

extension Spec.Linux {
    /// Refuses what is not a namespace's own, as runc does: it would change the host.
    func validateSysctl(_ entry: Entry<String>, _ findings: inout Findings) {
        let path = "linux.sysctl" + pathComponent(entry.key)
        guard let file = Spec.sysctlFile(entry.key) else {
            findings.error(path, "the key is not the name of a kernel parameter")
            return
        }
        if file == "kernel/hostname" {
            findings.error(path, "the host name has a field of its own", hint: "use hostname")
            return
        }
        guard let kind = Self.sysctlOwner(file) else {
            findings.hostError(
                path, "the parameter is not separate for any namespace, so it would change the host",
                hint: "with --isolation vm it is the guest's own")
            return
        }
        if namespace(kind) == nil {
            findings.hostError(
                path, "without a namespace of the type \"\(kind.rawValue)\" it would change the host",
                hint: "add {\"type\": \"\(kind.rawValue)\"} to linux.namespaces")
        }
    }

    /// The kind of namespace that a parameter belongs to; nil for one of the whole system.
    ///
    /// - Parameter file: the parameter's file below /proc/sys.
    package static func sysctlOwner(_ file: String) -> Spec.Namespace.Kind? {
        switch file {
        case "kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/sem", "kernel/shmall", "kernel/shmmax",
            "kernel/shmmni", "kernel/shm_rmid_forced":
            .ipc
        case "kernel/domainname": .uts
        default:
            file.hasPrefix("fs/mqueue/")
                ? .ipc : file.hasPrefix("net/") ? .network : file.hasPrefix("user/") ? .user : nil
        }
    }
}

import Diagnostics
import Glibc
import Syscalls

/// One thing that containers need of a host, and whether it is there.
package struct Examination: Sendable {
    /// How much it matters.
    package enum Verdict: String, Sendable {
        /// It is there.
        case ok
        /// Some containers need it.
        case missing
        /// No container runs without it.
        case failed
    }

    /// What was looked at, as in "cgroups".
    package let subject: String
    /// Whether it is there.
    package let verdict: Verdict
    /// What was found.
    package let finding: String
    /// What to do about it, where something is missing.
    package let remedy: String?

    init(_ subject: String, _ verdict: Verdict, _ finding: String, remedy: String? = nil) {
        self.subject = subject
        self.verdict = verdict
        self.finding = finding
        self.remedy = remedy
    }
}

extension Session {
    /// Looks at what this host can run.
    package func examineHost() -> [Examination] {
        [
            examineKernel(), examineUser(), examineStore(), examineNamespaces(), examineUserNamespaces(),
            examineIDMapping(), examineCgroups(), examineSystemd(), examineSeccomp(), examineSecurityModules(),
            examineResctrl(), examineKVM(), examineLandlock(), examineGuestKernel(), examineGuestNetwork(),
        ]
    }

    /// The kernel's release, as uname(2) says it.
    var kernelRelease: String {
        (try? readText("/proc/sys/kernel/osrelease"))?.split(separator: "\n").first.map(String.init) ?? ""
    }

    private func examineKernel() -> Examination {
        let release = kernelRelease
        let numbers = release.split(whereSeparator: { !$0.isNumber }).prefix(2).compactMap { Int($0) }
        // 5.12 has mount_setattr(2), the newest call that mvrun cannot do without.
        guard numbers.count == 2, (numbers[0], numbers[1]) >= (5, 12) else {
            return Examination("kernel", .failed, "Linux \(release)", remedy: "mvrun needs Linux 5.12 or newer")
        }
        return Examination("kernel", .ok, "Linux \(release)")
    }

    private func examineUser() -> Examination {
        let user = geteuid()
        guard user == 0 else {
            return Examination("user", .ok, "user \(user): containers need a user namespace (mvrun spec --rootless)")
        }
        let effective = processStatusField("CapEff").flatMap { UInt64($0, radix: 16) } ?? 0
        let needed: [(name: String, bit: UInt64)] = [
            ("CAP_SYS_ADMIN", 21), ("CAP_MKNOD", 27), ("CAP_NET_ADMIN", 12), ("CAP_SETPCAP", 8),
        ]
        let absent = needed.filter { effective & 1 << $0.bit == 0 }.map(\.name)
        if !absent.isEmpty {
            return Examination(
                "user", .failed, "root without \(absent.joined(separator: ", "))",
                remedy: "run mvrun with all capabilities, or as an ordinary user with a user namespace")
        }
        if effective & 1 << 24 == 0 {
            return Examination(
                "user", .missing, "root without CAP_SYS_RESOURCE",
                remedy: "limits (process.rlimits) stay below those of this shell: lower them, or pass --clamp-rlimits")
        }
        return Examination("user", .ok, "root")
    }

    private func examineStore() -> Examination {
        do {
            try makeDirectories(store.root, mode: 0o711)
            let probe = store.root + "/\(StateStore.temporaryPrefix)doctor.\(currentProcess())"
            try makeDirectory(probe, mode: 0o700)
            try removeDirectory(probe)
            return Examination("state", .ok, store.root)
        } catch {
            return Examination("state", .failed, "\(error)", remedy: "name a directory of your own with --root")
        }
    }

    private func examineNamespaces() -> Examination {
        let all = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"]
        let absent = all.filter { !exists("/proc/self/ns/\($0)") }
        if absent.isEmpty { return Examination("namespaces", .ok, "all eight kinds") }
        let essential = absent.contains("mnt") || absent.contains("pid")
        return Examination(
            "namespaces", essential ? .failed : .missing,
            "the kernel has no \(absent.joined(separator: ", ")) namespaces",
            remedy: "a kernel with CONFIG_NAMESPACES and CONFIG_\(absent[0].uppercased())_NS")
    }

    private func examineUserNamespaces() -> Examination {
        let most = number(in: "/proc/sys/user/max_user_namespaces")
        if most == 0 {
            return Examination(
                "user namespaces", .missing, "user.max_user_namespaces is 0",
                remedy: "sysctl -w user.max_user_namespaces=15000")
        }
        if geteuid() != 0, number(in: "/proc/sys/kernel/unprivileged_userns_clone") == 0 {
            return Examination(
                "user namespaces", .failed, "only root may make them here",
                remedy: "sysctl -w kernel.unprivileged_userns_clone=1")
        }
        if geteuid() != 0, number(in: "/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1 {
            return Examination(
                "user namespaces", .failed, "AppArmor keeps them from programs without a profile",
                remedy: "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or a profile for mvrun with userns")
        }
        return Examination("user namespaces", .ok, most.map { "up to \($0)" } ?? "available")
    }

    private func examineIDMapping() -> Examination {
        let absent = ["newuidmap", "newgidmap"].filter { pathOfProgram($0) == nil }
        guard absent.isEmpty else {
            return Examination(
                "rootless ids", .missing, "no \(absent.joined(separator: " and ")) in PATH",
                remedy: "install the package uidmap; without it a rootless container has one user")
        }
        let user = geteuid()
        if user != 0, !hasSubordinateIDs(user) {
            return Examination(
                "rootless ids", .missing, "no line for user \(user) in /etc/subuid and /etc/subgid",
                remedy: "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 \(userName(of: user))")
        }
        return Examination("rootless ids", .ok, "newuidmap and newgidmap")
    }

    private func hasSubordinateIDs(_ user: UInt32) -> Bool {
        let names = ["\(user)", userName(of: user)]
        return ["/etc/subuid", "/etc/subgid"].allSatisfy { path in
            ((try? readText(path)) ?? "").split(separator: "\n").contains { line in
                line.split(separator: ":").first.map { names.contains(String($0)) } ?? false
            }
        }
    }
}

/// The number in a file of procfs; nil where there is none.
func number(in path: String) -> Int? {
    guard let line = (try? readText(path))?.split(separator: "\n").first else { return nil }
    return Int(line)
}

/// The value of a field of /proc/self/status.
private func processStatusField(_ name: String) -> String? {
    guard let text = try? readText("/proc/self/status") else { return nil }
    let line = text.split(separator: "\n").first { $0.hasPrefix(name + ":") }
    return line?.split(separator: "\t").last.map(String.init)
}

/// Where a program is that is looked for in PATH; nil where it is not.
func pathOfProgram(_ name: String) -> String? {
    searchPath.split(separator: ":").lazy.map { "\($0)/\(name)" }.first { isExecutable($0) }
}

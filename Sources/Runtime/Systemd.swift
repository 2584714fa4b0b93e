import Cgroups
import Diagnostics
import Glibc
import Plans
import Syscalls

/// A systemd, the machine's or the user's, as mvrun-systemd reaches it.
struct Systemd {
    /// The path of mvrun-systemd.
    let program: String
    /// Whether it is the user's.
    let isUsers: Bool

    /// The cgroup below which it makes its own; empty for the root.
    func controlGroup() throws(RuntimeError) -> String {
        // The machine's has the root; a user's is in a unit of the machine's.
        guard isUsers else { return "" }
        return try during("ask the user's systemd for its cgroup") {
            String(try ask(["cgroup"]).prefix { $0 != "\n" })
        }
    }

    /// Has a scope made around a process, which is in the scope's cgroup when this returns.
    func start(
        _ scope: SystemdScope, process pid: Int32, container id: String, properties: [SystemdProperty]
    ) throws(RuntimeError) {
        let own = [
            SystemdProperty("Description", "s", ["mvrun container \(id)"]),
            SystemdProperty("Slice", "s", [scope.slice]),
            SystemdProperty("PIDs", "au", ["\(pid)"]),
            // What is in the cgroup is ours, and so is what is written into its files.
            SystemdProperty("Delegate", "b", ["1"]),
            // A container is no part of the machine's shutdown: its engine stops it.
            SystemdProperty("DefaultDependencies", "b", ["0"]),
            SystemdProperty("CPUAccounting", "b", ["1"], isOptional: true),
            SystemdProperty("IOAccounting", "b", ["1"], isOptional: true),
            SystemdProperty("MemoryAccounting", "b", ["1"], isOptional: true),
            SystemdProperty("TasksAccounting", "b", ["1"], isOptional: true),
        ]
        let taken = own.filter { property in !properties.contains { $0.name == property.name } }
        try during("ask systemd for \(scope.unit)") {
            _ = try ask(["start", scope.unit], taken + properties)
        }
    }

    /// Tells systemd what a unit's limits are from now on.
    func set(_ properties: [SystemdProperty], of unit: String) throws(RuntimeError) {
        guard !properties.isEmpty else { return }
        try during("tell systemd of the limits of \(unit)") { _ = try ask(["set", unit], properties) }
    }

    /// Ends a unit, should it still be there.
    func stop(_ unit: String) throws(RuntimeError) {
        try during("have systemd end \(unit)") { _ = try ask(["stop", unit]) }
    }

    /// Runs mvrun-systemd.
    ///
    /// - Returns: what it printed.
    /// - Throws: the reason it gave.
    private func ask(_ words: [String], _ properties: [SystemdProperty] = []) throws -> String {
        var lines = ""
        for property in properties {
            guard let line = property.line else {
                throw RuntimeError(.invalidBundle, "\(property.name) has a tab or a line end in its value")
            }
            lines += line + "\n"
        }
        let input = try OwnedDescriptor.memory(Array(lines.utf8), name: "mvrun-properties")
        let pipe = try makePipe()
        let arguments = [program] + (isUsers ? ["--user"] : []) + words
        let pid: Int32
        do {
            pid = try spawnProcess(
                program, arguments: arguments, environment: nil, input: input, output: pipe.writing,
                errors: pipe.writing)
        } catch {
            guard error.errno == .noEntry else { throw error }
            throw RuntimeError(
                .unsupported, "\(program) is missing", errno: .noEntry,
                hint: "install mvrun-systemd, or use mvrun without --systemd-cgroup")
        }
        let text = String(
            decoding: try pipe.keepReading().readAll(limit: 1 << 20, subject: "what mvrun-systemd says"),
            as: UTF8.self)
        let status = try waitForChild(pid)?.end.shellStatus ?? 0
        if status == 0 { return text }
        let reason = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        throw RuntimeError(.system, reason.isEmpty ? "mvrun-systemd ended with status \(status)" : reason)
    }
}

extension Session {
    /// The systemd that makes this session's scopes.
    func systemd() throws(RuntimeError) -> Systemd {
        Systemd(program: try programPath("mvrun-systemd"), isUsers: !isPrivileged)
    }

    /// The scope that a container is to be in; nil where mvrun makes the cgroups itself.
    func systemdScope(_ cgroupsPath: String?, id: String) throws(RuntimeError) -> SystemdScope? {
        guard cgroupManager == .systemd else { return nil }
        let scope = try SystemdScope(cgroupsPath: cgroupsPath, id: id, user: !isPrivileged)
        guard scope.unit.hasSuffix(".scope") else {
            throw RuntimeError(
                .unsupported, "linux.cgroupsPath: \"\(scope.unit)\" is a slice, and a process can only be in a scope",
                hint: "leave \".slice\" out of the last part of slice:prefix:name")
        }
        return scope
    }

    /// Where a scope's cgroup is going to be.
    func cgroupsPath(of scope: SystemdScope, on layout: CgroupLayout) throws(RuntimeError) -> CgroupsPath {
        guard layout.hierarchies.count == 1, layout.unified != nil else {
            throw RuntimeError(
                .unsupported, "--systemd-cgroup: this host has cgroup v1 hierarchies, whose limits systemd resets",
                hint: "leave the option out (podman: --cgroup-manager cgroupfs)")
        }
        return .absolute(try scope.path(below: systemd().controlGroup()))
    }
}

extension ContainerCgroups {
    /// The cgroup of a scope that systemd has made, with the process in it; the plan's settings are written.
    ///
    /// - Parameters:
    ///   - plan: where it is expected, and the settings.
    ///   - pid: the process.
    init(madeBySystemd plan: CgroupPlan, around pid: Int32) throws(RuntimeError) {
        self.init(
            records: plan.memberships.map { membership in
                CgroupRecord(
                    version: membership.version, mountPoint: membership.mountPoint,
                    controllers: membership.controllers, path: membership.path, madeDirectories: 0)
            })
        // What is written into the wrong cgroup would be a limit for somebody else, and none for the container.
        guard try processes().contains(pid) else {
            throw RuntimeError(
                .system, "systemd made the scope elsewhere than at \(records.map(\.directory).joined(separator: ", "))",
                hint: "does systemd see another cgroup root than this process?")
        }
        try apply(plan)
    }
}

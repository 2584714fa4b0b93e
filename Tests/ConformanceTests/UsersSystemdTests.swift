import Foundation
import TestSupport
import Testing

/// The systemd of an ordinary user, in a unit of the machine's; it goes with the value.
private final class UsersSystemd {
    let unit = "mvt-users-\(ProcessInfo.processInfo.processIdentifier).service"
    let folder: String
    /// What a session of the user's has in its environment.
    var environment: [String: String] {
        [
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "XDG_RUNTIME_DIR": folder, "HOME": folder,
            "DBUS_SESSION_BUS_ADDRESS": "unix:path=\(folder)/bus",
        ]
    }
    /// What makes a command the user's.
    static let user = ["setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups", "--inh-caps=-all"]

    init() throws {
        folder = "/run/mvt-users-\(ProcessInfo.processInfo.processIdentifier)"
        try onHost("mkdir -p \(folder); chown 1000:1000 \(folder); chmod 700 \(folder)")
        let variables = environment.map { "--setenv=\($0.key)=\($0.value)" }
        // No more than the bus: what else a user's systemd starts is not wanted.
        let manager = ["/lib/systemd/systemd", "--user", "--unit=dbus.socket"]
        let made = try ChildProcess.run(
            ["systemd-run", "--quiet", "--unit", unit, "--uid", "1000", "--gid", "1000", "--property", "Delegate=yes"]
                + ["--property", "Type=notify"] + variables + manager, timeout: 120)
        guard made.succeeded else { throw TestSupportError("systemd --user: \(made)") }
        guard try eventually(timeout: 120, { try property("Version", of: "") != "" }) else {
            throw TestSupportError("the user's systemd does not answer")
        }
    }

    deinit {
        _ = try? ChildProcess.run(["systemctl", "stop", unit], timeout: 60)
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// What it says of a property of a unit, or of itself.
    func property(_ name: String, of unit: String) throws -> String {
        let words = ["systemctl", "--user", "show", "--property", name, "--value"] + (unit.isEmpty ? [] : [unit])
        return try ChildProcess.run(Self.user + words, environment: environment, timeout: 60).line
    }
}

/// Containers of ordinary users, in scopes of their own systemd.
@Suite(.requires(.root, .mvrun, .unifiedCgroups, .program("systemctl"), .program("setpriv"), .systemd))
struct UsersSystemdTests {
    @Test func aContainerIsInAScopeOfItsUsersSystemd() throws {
        let systemd = try UsersSystemd()
        let bundle = try usersBundle {
            $0.linux.resources = ["pids": ["limit": 33], "memory": ["limit": 67_108_864]]
        }
        bundle.globalOptions = ["--systemd-cgroup"]
        bundle.spec.linux.cgroupsPath = .string("mvt-tests.slice:mvt:\(bundle.identifier)")
        bundle.environment = systemd.environment
        let unit = "mvt-\(bundle.identifier).scope"
        try bundle.withRunning { _ throws in
            #expect(try systemd.property("ActiveState", of: unit) == "active")
            #expect(try systemd.property("Slice", of: unit) == "mvt-tests.slice")
            #expect(try systemd.property("TasksMax", of: unit) == "33")
            let pid = try bundle.state().pid.number ?? 0
            let own = try onHost("cut -d : -f 3 /proc/\(pid)/cgroup").trimmingCharacters(in: .newlines)
            #expect(own.contains("/\(systemd.unit)/") && own.hasSuffix("/\(unit)"), "\(own)")
            #expect(try onHost("cat /sys/fs/cgroup\(own)/pids.max") == "33\n")
            #expect(try onHost("cat /sys/fs/cgroup\(own)/memory.max") == "67108864\n")
            try bundle.succeed("update", "--pids-limit", "44", bundle.identifier)
            #expect(try systemd.property("TasksMax", of: unit) == "44")
            try bundle.succeed("delete", "--force", bundle.identifier)
            #expect(try systemd.property("LoadState", of: unit) == "not-found")
            #expect(!FileManager.default.fileExists(atPath: "/sys/fs/cgroup\(own)"))
        }
    }
}

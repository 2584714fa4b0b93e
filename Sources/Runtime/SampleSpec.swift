package import Images
import JSON

/// The config.json to start from: what `mvrun spec` writes.
package enum SampleSpec {
    /// Whom the container is for.
    package enum Kind: Sendable {
        /// For root.
        case privileged
        /// For an ordinary user, whose ids are root's inside.
        case rootless(userID: UInt32, groupID: UInt32)
    }

    /// The text.
    ///
    /// - Parameters:
    ///   - kind: whom the container is for.
    ///   - isolation: what it asks for. A guest has a network, terminals and devices of its own kernel, whoever started it.
    ///   - program: what an image decides, its root file system to be written to; nil for a shell and a root that is not.
    ///   - terminal: whether the program gets a terminal.
    package static func text(
        _ kind: Kind, isolation: Isolation = .container, program: ImageProgram? = nil, terminal: Bool = true
    ) -> String {
        var writer = JSONWriter(.pretty)
        writer.object { spec in
            spec.member("ociVersion", "1.3.0")
            spec.member("process") { writeProcess(program, terminal, to: &$0) }
            spec.member("root") { root in
                root.object { root in
                    root.member("path", "rootfs")
                    root.member("readonly", program == nil)
                }
            }
            spec.member("hostname", "mvrun")
            spec.member("mounts") { writeMounts(kind, isolation, to: &$0) }
            spec.member("linux") { writeLinux(kind, isolation, to: &$0) }
            var annotations = program?.annotations.map { ($0.key, $0.value) } ?? []
            if isolation == .vm, !annotations.contains(where: { $0.0 == Session.isolationAnnotation }) {
                annotations.append((Session.isolationAnnotation, isolation.rawValue))
            }
            if !annotations.isEmpty { spec.member("annotations", annotations) }
        }
        return writer.text + "\n"
    }

    private static func writeProcess(_ program: ImageProgram?, _ terminal: Bool, to writer: inout JSONWriter) {
        let user = program?.user ?? ImageUser()
        let arguments = program.map(\.arguments) ?? []
        let environment = program?.environment ?? ["PATH=\(ImageProgram.standardPath)"]
        let capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
        writer.object { process in
            process.member("terminal", terminal)
            process.member("user") { writer in
                writer.object { object in
                    object.member("uid", Int(user.userID))
                    object.member("gid", Int(user.groupID))
                    if !user.additionalGroups.isEmpty {
                        object.member("additionalGids") { writer in
                            writer.array { array in for id in user.additionalGroups { array.value(Int(id)) } }
                        }
                    }
                }
            }
            process.member("args", arguments.isEmpty ? ["sh"] : arguments)
            let hasTerm = environment.contains { $0.hasPrefix("TERM=") }
            process.member("env", environment + (terminal && !hasTerm ? ["TERM=xterm"] : []))
            process.member("cwd", program?.workingDirectory ?? "/")
            process.member("capabilities") { sets in
                sets.object { sets in
                    for set in ["bounding", "effective", "permitted"] { sets.member(set, capabilities) }
                }
            }
            process.member("rlimits") { limits in
                limits.array { limits in
                    limits.object { limit in
                        limit.member("type", "RLIMIT_NOFILE")
                        limit.member("hard", 1024)
                        limit.member("soft", 1024)
                    }
                }
            }
            process.member("noNewPrivileges", true)
        }
    }

    /// An entry of `mounts`.
    typealias Mount = (destination: String, type: String, source: String, options: [String])

    private static func writeMounts(_ kind: Kind, _ isolation: Isolation, to writer: inout JSONWriter) {
        let plain = ["nosuid", "noexec", "nodev"]
        var terminals = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]
        var system: Mount = ("/sys", "sysfs", "sysfs", plain + ["ro"])
        switch (kind, isolation) {
        case (.privileged, _), (_, .vm): terminals.append("gid=5")
        // A user namespace that owns no network namespace may not mount sysfs, and has no group 5.
        case (.rootless, .container): system = ("/sys", "none", "/sys", ["rbind"] + plain + ["ro"])
        }
        let mounts: [Mount] = [
            ("/proc", "proc", "proc", []),
            ("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
            ("/dev/pts", "devpts", "devpts", terminals),
            ("/dev/shm", "tmpfs", "shm", plain + ["mode=1777", "size=65536k"]),
            ("/dev/mqueue", "mqueue", "mqueue", plain),
            system,
            ("/sys/fs/cgroup", "cgroup", "cgroup", plain + ["relatime", "ro"]),
        ]
        write(mounts, to: &writer)
    }

    /// Writes the array `mounts`.
    static func write(_ mounts: [Mount], to writer: inout JSONWriter) {
        writer.array { array in
            for mount in mounts {
                array.object { object in
                    object.member("destination", mount.destination)
                    object.member("type", mount.type)
                    object.member("source", mount.source)
                    if !mount.options.isEmpty { object.member("options", mount.options) }
                }
            }
        }
    }

    private static func writeLinux(_ kind: Kind, _ isolation: Isolation, to writer: inout JSONWriter) {
        writer.object { linux in
            var namespaces = ["pid", "network", "ipc", "uts", "mount", "cgroup"]
            switch kind {
            case .privileged: linux.member("resources") { writeDeviceRules(to: &$0) }
            case .rootless(let userID, let groupID):
                writeMapping("uidMappings", userID, to: &linux)
                writeMapping("gidMappings", groupID, to: &linux)
                // The user's network is the host's, which a guest cannot have.
                if isolation == .container { namespaces.removeAll { $0 == "network" } }
                namespaces.append("user")
            }
            linux.member("namespaces") { writer in
                writer.array { array in
                    for kind in namespaces { array.object { $0.member("type", kind) } }
                }
            }
            linux.member(
                "maskedPaths",
                [
                    "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys",
                    "/proc/latency_stats",
                    "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
                    "/sys/devices/virtual/powercap",
                ])
            linux.member(
                "readonlyPaths", ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"])
        }
    }

    private static func writeDeviceRules(to writer: inout JSONWriter) {
        writer.object { resources in
            resources.member("devices") { devices in
                devices.array { devices in
                    devices.object { rule in
                        rule.member("allow", false)
                        rule.member("access", "rwm")
                    }
                }
            }
        }
    }

    private static func writeMapping(_ key: String, _ hostID: UInt32, to writer: inout JSONWriter) {
        writer.member(key) { array in
            array.array { array in
                array.object { mapping in
                    mapping.member("containerID", 0)
                    mapping.member("hostID", Int(hostID))
                    mapping.member("size", 1)
                }
            }
        }
    }
}

/// The config.json that every case starts from: what engines write for an unprivileged container, less seccomp.
package enum BaseSpec {
    /// The capabilities of the base spec, in all sets but the ambient one.
    package static let capabilities = [
        "CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_KILL", "CAP_NET_BIND_SERVICE",
    ]

    /// A spec for one container.
    package static func make(identifier: String) -> JSON {
        [
            "ociVersion": "1.0.2",
            "process": [
                "terminal": false,
                "user": ["uid": 0, "gid": 0],
                "args": ["/bin/true"],
                "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"],
                "cwd": "/",
                "capabilities": [
                    "bounding": JSON(capabilities), "effective": JSON(capabilities), "permitted": JSON(capabilities),
                ],
                "noNewPrivileges": true,
            ],
            "root": ["path": "rootfs", "readonly": false],
            "hostname": "conformance",
            "mounts": mounts,
            "linux": [
                "cgroupsPath": .string("/\(identifier)"),
                "resources": ["devices": [["allow": false, "access": "rwm"]]],
                "namespaces": [
                    ["type": "pid"], ["type": "network"], ["type": "ipc"], ["type": "uts"], ["type": "mount"],
                ],
            ],
        ]
    }

    private static let mounts: JSON = [
        ["destination": "/proc", "type": "proc", "source": "proc"],
        [
            "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
            "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
        ],
        [
            "destination": "/dev/pts", "type": "devpts", "source": "devpts",
            "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
        ],
        [
            "destination": "/dev/shm", "type": "tmpfs", "source": "shm",
            "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
        ],
        [
            "destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue",
            "options": ["nosuid", "noexec", "nodev"],
        ],
        ["destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]],
    ]
}

extension JSON {
    /// Takes a namespace out of a spec.
    package mutating func removeNamespace(_ type: String) {
        self.linux.namespaces.elements.removeAll { $0.type == .string(type) }
    }

    /// Puts a namespace into a spec, instead of one of its type: a new one, or the one at a path.
    package mutating func setNamespace(_ type: String, path: String? = nil) {
        removeNamespace(type)
        var namespace: JSON = ["type": .string(type)]
        if let path { namespace.path = .string(path) }
        self.linux.namespaces.append(namespace)
    }

    /// Gives the program capabilities, in all sets but the inheritable and the ambient one.
    package mutating func grant(_ capabilities: String...) {
        for set in ["bounding", "effective", "permitted"] {
            for name in capabilities { self.process.capabilities[set].append(.string(name)) }
        }
    }

    /// Adds a mount to a spec.
    package mutating func mount(_ destination: String, type: String, source: String, options: [String] = []) {
        self.mounts.append([
            "destination": .string(destination), "type": .string(type), "source": .string(source),
            "options": JSON(options),
        ])
    }
}

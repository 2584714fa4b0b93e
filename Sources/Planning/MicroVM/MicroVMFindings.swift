package import OCI
import Plans

/// What of a configuration a virtual machine cannot honour, and what is honoured in another way than it says.
package struct MicroVMFindings: Sendable {
    /// One thing found.
    package struct Finding: Equatable, Sendable {
        /// The path of the field.
        package let path: String
        /// What is wrong with it: lower case, no full stop.
        package let message: String
        /// What the reader may do about it.
        package let hint: String?
    }

    /// What keeps the machine from being made.
    package private(set) var errors: [Finding] = []
    /// What is ignored, though it is there.
    package private(set) var warnings: [Finding] = []
    /// What is ignored and missed by nobody: every engine says it, so that only `check` speaks of it.
    package private(set) var remarks: [Finding] = []

    /// Looks at a configuration, which was validated.
    package init(of spec: Spec) {
        checkNamespaces(spec.linux)
        checkDevices(spec.linux)
        checkMounts(spec)
        checkResources(spec.linux.resources)
        checkMachine(spec.vm)
        if let label = spec.linux.mountLabel, !label.isEmpty {
            warn("linux.mountLabel", "the guest's file systems have no labels")
        }
    }

    private mutating func refuse(_ path: String, _ message: String, hint: String? = nil) {
        errors.append(Finding(path: path, message: message, hint: hint))
    }

    private mutating func warn(_ path: String, _ message: String, hint: String? = nil) {
        warnings.append(Finding(path: path, message: message, hint: hint))
    }

    private mutating func checkNamespaces(_ linux: Spec.Linux) {
        for (index, namespace) in linux.namespaces.enumerated() {
            guard let path = namespace.path, !path.isEmpty else { continue }
            let field = "linux.namespaces[\(index)].path"
            switch namespace.type {
            case .network: continue
            case .user:
                refuse(field, "a user namespace of somebody else cannot hold a virtual machine", hint: "give mappings")
            default:
                warn(
                    field, "the guest has \(namespace.type.rawValue) namespaces of its own kernel, and makes a new one")
            }
        }
        if linux.namespace(.network) == nil {
            refuse(
                "linux.namespaces",
                "without a network namespace the program is to use the host's network, and a guest cannot",
                hint: "add {\"type\": \"network\"}")
        }
        if linux.intelRdt != nil {
            refuse("linux.intelRdt", "a virtual machine's monitor is put into no resctrl group")
        }
    }

    /// The devices that every kernel makes up by itself: in a guest they are the guest's.
    private static let syntheticDevices: [(major: Int64, minors: Set<Int64>)] = [
        (1, [3, 5, 7, 8, 9, 11]), (5, [0, 1, 2]), (10, [200, 229]),
    ]

    private mutating func checkDevices(_ linux: Spec.Linux) {
        for (index, device) in linux.devices.enumerated() where device.type != .fifo {
            let isSynthetic =
                device.type != .block
                && Self.syntheticDevices.contains { $0.major == device.major && $0.minors.contains(device.minor) }
            if isSynthetic { continue }
            refuse(
                "linux.devices[\(index)]", "\(device.path) is a device of the host, and a guest has none of these",
                hint: "remove it, or run the bundle as a container")
        }
        if !(linux.resources?.devices.isEmpty ?? true) {
            let message = "the guest has no devices of the host that a rule could allow or deny"
            remarks.append(Finding(path: "linux.resources.devices", message: message, hint: nil))
        }
    }

    /// File systems that need nothing of the host.
    private static let ownFileSystems: Set<String> = [
        "proc", "sysfs", "devpts", "tmpfs", "ramfs", "mqueue", "cgroup", "cgroup2", "debugfs", "tracefs", "bpf",
        "securityfs", "hugetlbfs", "binfmt_misc", "configfs", "fusectl",
    ]

    private mutating func checkMounts(_ spec: Spec) {
        for (index, mount) in spec.mounts.enumerated() {
            let options = MountOptions(mount.options)
            if mount.isEngineSharedMemory {
                remarks.append(
                    Finding(
                        path: "mounts[\(index)].source",
                        message: "the shared memory of a guest is its own: a tmpfs takes its place", hint: nil))
            } else if mount.isBind {
                if let shared = options.propagation.first(where: { $0 == .shared || $0 == .rshared }) {
                    warn(
                        "mounts[\(index)].options",
                        "\(shared.rawValue) holds inside the guest; the host does not see what is mounted there")
                }
            } else if let type = mount.type, !options.flags.contains(.remount), !Self.ownFileSystems.contains(type) {
                refuse(
                    "mounts[\(index)].type",
                    "\(type) at \(mount.destination) needs what only the host has, and the guest mounts it itself",
                    hint: "mount it on the host, and bind the directory")
            }
        }
    }

    private mutating func checkResources(_ resources: Spec.Resources?) {
        guard let resources else { return }
        if resources.memory?.disableOOMKiller == true {
            refuse("linux.resources.memory.disableOOMKiller", "the guest's kernel ends what runs out of memory")
        }
        for entry in resources.unified where entry.key.hasPrefix("memory.") || entry.key.hasPrefix("pids.") {
            refuse(
                "linux.resources.unified[\"\(entry.key)\"]", "it would limit the monitor, not the program in the guest",
                hint: "use linux.resources.memory and linux.resources.pids")
        }
    }

    private mutating func checkMachine(_ machine: Spec.VM?) {
        guard let machine else { return }
        if machine.hypervisor?.path != nil { refuse("vm.hypervisor.path", "mvrun is the hypervisor") }
        if !(machine.hypervisor?.parameters.isEmpty ?? true) {
            refuse("vm.hypervisor.parameters", "mvrun is the hypervisor, and takes none")
        }
        if let image = machine.image, image.path != nil, image.format != "raw" {
            refuse(
                "vm.image.format", "\(image.format) is not read; the disk is the bytes of the file",
                hint: "qemu-img convert -O raw makes such a file")
        }
        if machine.kernel?.initrd != nil {
            refuse(
                "vm.kernel.initrd", "the guest starts from the initramfs that mvrun makes for the kernel",
                hint: "put into the root file system what the guest needs")
        }
        guard let hardware = machine.hwConfig else { return }
        if hardware.deviceTree != nil { refuse("vm.hwConfig.deviceTree", "this machine is described by ACPI") }
        if !hardware.dtdevs.isEmpty { refuse("vm.hwConfig.dtdevs", "no device of the host is passed through") }
        if !hardware.iomems.isEmpty { refuse("vm.hwConfig.iomems", "no memory of a device is passed through") }
        if !hardware.irqs.isEmpty { refuse("vm.hwConfig.irqs", "no interrupt of the host is passed through") }
    }
}

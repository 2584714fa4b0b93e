/// The interface a cgroup hierarchy speaks.
package enum CgroupVersion: UInt8, Equatable, Sendable {
    /// One hierarchy for one or a few controllers; cgroups(7), "cgroups version 1".
    case v1 = 1
    /// The unified hierarchy; Documentation/admin-guide/cgroup-v2.rst.
    case v2 = 2
}

/// The cgroups of one container, one in every hierarchy, and what is written into them.
///
/// A container is a member of every hierarchy, whether it has limits there or not: engines take the path of
/// /proc/PID/cgroup to read statistics.
package struct CgroupPlan: Equatable, Sendable {
    /// One for each hierarchy of the host.
    package var memberships: [CgroupMembership]

    /// Makes a plan.
    package init(memberships: [CgroupMembership]) {
        self.memberships = memberships
    }
}

/// One cgroup: where it is, and what is written into its files, in this order.
package struct CgroupMembership: Equatable, Sendable {
    /// The interface of its hierarchy.
    package var version: CgroupVersion
    /// Where the hierarchy is mounted.
    package var mountPoint: String
    /// What the hierarchy is for: in v1 as "cpu", "cpuacct" or "name=systemd", in v2 the controllers it offers.
    package var controllers: [String]
    /// The path below the mount point: absolute, without `.`, `..` and empty components.
    package var path: String
    /// The v2 controllers without which `settings` cannot be written.
    ///
    /// Others that the hierarchy offers are enabled where the kernel lets us, so that their statistics exist.
    package var neededControllers: [String]
    /// What is written before a process enters, in this order.
    package var settings: [CgroupSetting]
    /// v2: the eBPF program that decides on device access.
    package var deviceProgram: DeviceProgram?
    /// Whether the container may do without this cgroup where we are not allowed to make it.
    ///
    /// So without privileges, as long as nobody asks for limits.
    package var isOptional: Bool

    /// Makes a membership; without settings unless they are given.
    package init(
        version: CgroupVersion, mountPoint: String, controllers: [String], path: String,
        neededControllers: [String] = [], settings: [CgroupSetting] = [], deviceProgram: DeviceProgram? = nil,
        isOptional: Bool = false
    ) {
        self.version = version
        self.mountPoint = mountPoint
        self.controllers = controllers
        self.path = path
        self.neededControllers = neededControllers
        self.settings = settings
        self.deviceProgram = deviceProgram
        self.isOptional = isOptional
    }

    /// The directory.
    package var directory: String {
        path == "/" ? mountPoint : mountPoint + path
    }
}

/// A value for a file of a cgroup.
package struct CgroupWrite: Equatable, Sendable {
    /// The file's name in the cgroup's directory.
    package var file: String
    /// The text, written with one write(2).
    package var value: String

    /// Makes a write.
    package init(_ file: String, _ value: String) {
        self.file = file
        self.value = value
    }
}

/// One value to set in a cgroup, and what to make of a refusal.
package struct CgroupSetting: Equatable, Sendable {
    /// What to make of the kernel's refusals.
    package struct Tolerance: OptionSet, Equatable, Sendable {
        /// The flags.
        package let rawValue: UInt8

        /// Wraps flags.
        package init(rawValue: UInt8) {
            self.rawValue = rawValue
        }

        /// The file may be missing: the value is what the kernel does without it.
        package static let missingFile = Tolerance(rawValue: 1)
        /// EINVAL may be due to the old value of a setting that comes later, so it is tried again after all others.
        ///
        /// memory.limit_in_bytes must never exceed memory.memsw.limit_in_bytes, a quota's share of its period never
        /// the parent's, and so on; which order is right depends on what is there.
        package static let tooEarly = Tolerance(rawValue: 2)
    }

    /// The field of config.json that asks for it, for errors: `linux.resources.memory.limit`.
    package var field: String
    /// The file and its value.
    package var write: CgroupWrite
    /// What is written instead where the file does not exist, in order of preference.
    package var alternatives: [CgroupWrite]
    /// What to make of refusals.
    package var tolerance: Tolerance
    /// A file with the current usage, which must not be above the value.
    package var usageFile: String?

    /// Makes a setting.
    package init(
        _ field: String, _ file: String, _ value: String, alternatives: [CgroupWrite] = [],
        tolerance: Tolerance = [], usageFile: String? = nil
    ) {
        self.field = field
        self.write = CgroupWrite(file, value)
        self.alternatives = alternatives
        self.tolerance = tolerance
        self.usageFile = usageFile
    }
}

/// An eBPF program of the type BPF_PROG_TYPE_CGROUP_DEVICE.
package struct DeviceProgram: Equatable, Sendable {
    /// The field of config.json that asks for it, for errors.
    package var field: String
    /// The instructions, 8 bytes each, as bpf(2) takes them.
    package var instructions: [UInt8]

    /// Makes a program.
    package init(field: String, instructions: [UInt8]) {
        self.field = field
        self.instructions = instructions
    }
}

extension CgroupMembership: CustomStringConvertible {
    /// As in "cgroup v1 cpu,cpuacct at /sys/fs/cgroup/cpu,cpuacct/web".
    package var description: String {
        let names = version == .v1 ? " " + controllers.joined(separator: ",") : ""
        return "cgroup v\(version.rawValue)\(names) at \(directory)"
    }
}

extension CgroupSetting: CustomStringConvertible {
    /// As in "memory.max = 67108864 (linux.resources.memory.limit)".
    package var description: String {
        "\(write.file) = \(write.value) (\(field))"
    }
}

extension DeviceProgram: CustomStringConvertible {
    /// As in "eBPF device program of 63 instructions (linux.resources.devices)".
    package var description: String {
        "eBPF device program of \(instructions.count / 8) instructions (\(field))"
    }
}

/// A cgroup that was made for a container: what removal, statistics and later commands need to know of it.
package struct CgroupRecord: Equatable, Sendable {
    /// The interface of its hierarchy.
    package var version: CgroupVersion
    /// Where the hierarchy is mounted.
    package var mountPoint: String
    /// What the hierarchy is for, as in `CgroupMembership`.
    package var controllers: [String]
    /// The path below the mount point.
    package var path: String
    /// How many of the path's last components we made: removal takes these and no others.
    package var madeDirectories: Int

    /// Makes a record.
    package init(
        version: CgroupVersion, mountPoint: String, controllers: [String], path: String, madeDirectories: Int
    ) {
        self.version = version
        self.mountPoint = mountPoint
        self.controllers = controllers
        self.path = path
        self.madeDirectories = madeDirectories
    }

    /// The directory.
    package var directory: String {
        path == "/" ? mountPoint : mountPoint + path
    }
}

extension CgroupRecord: CustomStringConvertible {
    /// As in "cgroup v1 memory at /sys/fs/cgroup/memory/web".
    package var description: String {
        let names = version == .v1 ? " " + controllers.joined(separator: ",") : ""
        return "cgroup v\(version.rawValue)\(names) at \(directory)"
    }
}

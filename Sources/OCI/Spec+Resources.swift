package import Diagnostics

extension Spec {
    /// `linux.resources`, or what `update --resources` is given; runtime-spec, config-linux.md, "Control groups".
    package struct Resources: Sendable, Equatable {
        /// The allowed device list, to be applied in this order.
        package var devices: [DeviceRule] = []
        /// Memory.
        package var memory: Memory?
        /// CPU time, and the CPUs and memory nodes to run on.
        package var cpu: CPU?
        /// The number of tasks.
        package var pids: Pids?
        /// Block devices.
        package var blockIO: BlockIO?
        /// Huge pages, by size.
        package var hugepageLimits: [HugepageLimit] = []
        /// Classes and priorities of network packets.
        package var network: Network?
        /// RDMA devices, by name.
        package var rdma: [Entry<Rdma>] = []
        /// Files of cgroup v2 and what to write into them.
        package var unified: [Entry<String>] = []

        /// Limits nothing.
        package init() {}

        /// Reads `linux.resources`, or the file of `update --resources`.
        package init(_ reader: ObjectReader) throws(RuntimeError) {
            devices = try reader.objects("devices", DeviceRule.init) ?? []
            memory = try reader.object("memory", Memory.init)
            cpu = try reader.object("cpu", CPU.init)
            pids = try reader.object("pids", Pids.init)
            blockIO = try reader.object("blockIO", BlockIO.init)
            hugepageLimits = try reader.objects("hugepageLimits", HugepageLimit.init) ?? []
            network = try reader.object("network", Network.init)
            rdma = try reader.objects(of: "rdma", Rdma.init) ?? []
            unified = try reader.strings(of: "unified") ?? []
        }
    }
}

extension Spec.Resources {
    /// An entry of `devices`.
    package struct DeviceRule: Sendable, Equatable {
        /// Whether the entry allows or denies.
        package var allow: Bool
        /// Which devices.
        package var type: Kind
        /// The major number; nil for all.
        package var major: Int64?
        /// The minor number; nil for all.
        package var minor: Int64?
        /// What is allowed or denied: everything where it is unset.
        package var access: Access

        /// What can be done with a device.
        package struct Access: OptionSet, Sendable, Hashable {
            /// The set as bits; BPF_DEVCG_ACC_* of linux/bpf.h has the same.
            package let rawValue: UInt8

            /// Wraps bits.
            package init(rawValue: UInt8) {
                self.rawValue = rawValue
            }

            /// `m`: make the node.
            package static let mknod = Access(rawValue: 1)
            /// `r`: read.
            package static let read = Access(rawValue: 2)
            /// `w`: write.
            package static let write = Access(rawValue: 4)
            /// `rwm`.
            package static let all: Access = [.mknod, .read, .write]
        }

        /// Makes a rule.
        package init(allow: Bool, type: Kind, major: Int64?, minor: Int64?, access: Access) {
            self.allow = allow
            self.type = type
            self.major = major
            self.minor = minor
            self.access = access
        }

        init(_ reader: ObjectReader) throws(RuntimeError) {
            guard let allow = try reader.boolean("allow") else { throw reader.missing("allow") }
            self.allow = allow
            type = try reader.name("type") ?? .all
            // Engines write -1 for "all", as runc takes it.
            major = try reader.integer("major", as: Int64.self).flatMap { $0 == -1 ? nil : $0 }
            minor = try reader.integer("minor", as: Int64.self).flatMap { $0 == -1 ? nil : $0 }
            access = .all
            guard let letters = try reader.string("access") else { return }
            access = []
            for letter in letters.utf8 {
                switch letter {
                case UInt8(ascii: "r"): access.insert(.read)
                case UInt8(ascii: "w"): access.insert(.write)
                case UInt8(ascii: "m"): access.insert(.mknod)
                default: throw reader.invalid("access", "\"\(letters)\" is not made of r, w and m")
                }
            }
        }
    }

    /// `memory`: bytes, -1 for no limit.
    package struct Memory: Sendable, Equatable {
        /// The most memory.
        package var limit: Int64?
        /// The soft limit.
        package var reservation: Int64?
        /// The most memory and swap together.
        package var swap: Int64?
        /// The most kernel memory; not recommended.
        package var kernel: Int64?
        /// The most memory of TCP buffers; not recommended.
        package var kernelTCP: Int64?
        /// 0 to 100.
        package var swappiness: UInt64?
        /// Whether tasks that run out of memory wait instead of being killed.
        package var disableOOMKiller: Bool?
        /// Whether children are accounted here too.
        package var useHierarchy: Bool?
        /// Whether an update to less than what is in use is refused.
        package var checkBeforeUpdate: Bool?

        /// Limits nothing.
        package init() {}

        init(_ reader: ObjectReader) throws(RuntimeError) {
            limit = try reader.integer("limit")
            reservation = try reader.integer("reservation")
            swap = try reader.integer("swap")
            kernel = try reader.integer("kernel")
            kernelTCP = try reader.integer("kernelTCP")
            swappiness = try reader.integer("swappiness")
            disableOOMKiller = try reader.boolean("disableOOMKiller")
            useHierarchy = try reader.boolean("useHierarchy")
            checkBeforeUpdate = try reader.boolean("checkBeforeUpdate")
        }
    }

    /// `cpu`: times in microseconds.
    package struct CPU: Sendable, Equatable {
        /// The relative share.
        package var shares: UInt64?
        /// CPU time a period; -1 for no limit.
        package var quota: Int64?
        /// Unused time that can be saved up.
        package var burst: UInt64?
        /// The length of a period.
        package var period: UInt64?
        /// Real-time CPU time a period.
        package var realtimeRuntime: Int64?
        /// The length of a real-time period.
        package var realtimePeriod: UInt64?
        /// The CPUs, as in "0-3,7".
        package var cpus: String?
        /// The memory nodes, as in "0-3,7".
        package var mems: String?
        /// 1 for SCHED_IDLE.
        package var idle: Int64?

        /// Limits nothing.
        package init() {}

        init(_ reader: ObjectReader) throws(RuntimeError) {
            shares = try reader.integer("shares")
            quota = try reader.integer("quota")
            burst = try reader.integer("burst")
            period = try reader.integer("period")
            realtimeRuntime = try reader.integer("realtimeRuntime")
            realtimePeriod = try reader.integer("realtimePeriod")
            cpus = try reader.string("cpus")
            mems = try reader.string("mems")
            idle = try reader.integer("idle")
        }
    }

    /// `pids`.
    package struct Pids: Sendable, Equatable {
        /// The most tasks; -1 for no limit.
        package var limit: Int64?

        /// Limits nothing.
        package init() {}

        init(_ reader: ObjectReader) throws(RuntimeError) {
            limit = try reader.integer("limit")
        }
    }

    /// `blockIO`.
    package struct BlockIO: Sendable, Equatable {
        /// The weight on all devices without one of their own.
        package var weight: UInt16?
        /// The weight against the cgroup's children.
        package var leafWeight: UInt16?
        /// Weights of single devices.
        package var weightDevice: [WeightDevice] = []
        /// Bytes a second.
        package var throttleReadBpsDevice: [ThrottleDevice] = []
        /// Bytes a second.
        package var throttleWriteBpsDevice: [ThrottleDevice] = []
        /// Operations a second.
        package var throttleReadIOPSDevice: [ThrottleDevice] = []
        /// Operations a second.
        package var throttleWriteIOPSDevice: [ThrottleDevice] = []

        /// Limits nothing.
        package init() {}

        init(_ reader: ObjectReader) throws(RuntimeError) {
            weight = try reader.integer("weight")
            leafWeight = try reader.integer("leafWeight")
            weightDevice = try reader.objects("weightDevice", WeightDevice.init) ?? []
            throttleReadBpsDevice = try reader.objects("throttleReadBpsDevice", ThrottleDevice.init) ?? []
            throttleWriteBpsDevice = try reader.objects("throttleWriteBpsDevice", ThrottleDevice.init) ?? []
            throttleReadIOPSDevice = try reader.objects("throttleReadIOPSDevice", ThrottleDevice.init) ?? []
            throttleWriteIOPSDevice = try reader.objects("throttleWriteIOPSDevice", ThrottleDevice.init) ?? []
        }
    }

    /// An entry of `blockIO.weightDevice`.
    package struct WeightDevice: Sendable, Equatable {
        /// The device's major number.
        package var major: Int64
        /// The device's minor number.
        package var minor: Int64
        /// The weight.
        package var weight: UInt16?
        /// The weight against the cgroup's children.
        package var leafWeight: UInt16?

        init(_ reader: ObjectReader) throws(RuntimeError) {
            major = try reader.requiredInteger("major")
            minor = try reader.requiredInteger("minor")
            weight = try reader.integer("weight")
            leafWeight = try reader.integer("leafWeight")
        }
    }

    /// An entry of one of the throttling lists of `blockIO`.
    package struct ThrottleDevice: Sendable, Equatable {
        /// The device's major number.
        package var major: Int64
        /// The device's minor number.
        package var minor: Int64
        /// Bytes or operations a second.
        package var rate: UInt64

        init(_ reader: ObjectReader) throws(RuntimeError) {
            major = try reader.requiredInteger("major")
            minor = try reader.requiredInteger("minor")
            rate = try reader.requiredInteger("rate")
        }
    }

    /// An entry of `hugepageLimits`.
    package struct HugepageLimit: Sendable, Equatable {
        /// The size as the control files spell it, as in "2MB".
        package var pageSize: String
        /// The most bytes of such pages.
        package var limit: UInt64

        init(_ reader: ObjectReader) throws(RuntimeError) {
            pageSize = try reader.requiredString("pageSize")
            limit = try reader.requiredInteger("limit")
        }
    }

    /// `network`.
    package struct Network: Sendable, Equatable {
        /// The class that packets are tagged with.
        package var classID: UInt32?
        /// The priority of packets by the interface they leave through.
        package var priorities: [InterfacePriority] = []

        /// Limits nothing.
        package init() {}

        init(_ reader: ObjectReader) throws(RuntimeError) {
            classID = try reader.integer("classID")
            priorities = try reader.objects("priorities", InterfacePriority.init) ?? []
        }
    }

    /// An entry of `network.priorities`.
    package struct InterfacePriority: Sendable, Equatable {
        /// The interface's name on the host.
        package var name: String
        /// The priority.
        package var priority: UInt32

        init(_ reader: ObjectReader) throws(RuntimeError) {
            name = try reader.requiredString("name")
            priority = try reader.requiredInteger("priority")
        }
    }

    /// A value of `rdma`.
    package struct Rdma: Sendable, Equatable {
        /// The most handles.
        package var hcaHandles: UInt32?
        /// The most objects.
        package var hcaObjects: UInt32?

        init(_ reader: ObjectReader) throws(RuntimeError) {
            hcaHandles = try reader.integer("hcaHandles")
            hcaObjects = try reader.integer("hcaObjects")
        }
    }
}

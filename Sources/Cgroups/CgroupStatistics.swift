/// What the kernel has counted for a container: the numbers that `events --stats` prints.
///
/// Names and units are those of runc's output, which follows cgroup v1: times in nanoseconds, swap counted together with
/// memory. A part is nil where no hierarchy has its controller.
package struct CgroupStatistics: Equatable, Sendable {
    /// CPU time.
    package var cpu = CPU()
    /// The v1 cpuset.
    package var cpuSet: CPUSet?
    /// Memory.
    package var memory: Memory?
    /// Tasks.
    package var pids: PIDs?
    /// Block devices.
    package var blockIO = BlockIO()
    /// Huge pages by their size, as "2MB".
    package var hugePages: [(size: String, usage: HugePages)] = []
    /// RDMA devices: the handles and objects in use.
    package var rdma: [RDMA] = []

    /// Counts nothing yet.
    package init() {}

    /// Compares member by member; pairs have no `==` that the compiler could use.
    package static func == (left: CgroupStatistics, right: CgroupStatistics) -> Bool {
        left.cpu == right.cpu && left.cpuSet == right.cpuSet && left.memory == right.memory
            && left.pids == right.pids && left.blockIO == right.blockIO && left.rdma == right.rdma
            && left.hugePages.elementsEqual(right.hugePages) { $0 == $1 }
    }

    /// The share of time in which tasks waited for something; Documentation/accounting/psi.rst.
    package struct Pressure: Equatable, Sendable {
        /// Percentages over the last 10, 60 and 300 seconds, and the sum in microseconds.
        package struct Share: Equatable, Sendable {
            /// Over the last 10 seconds.
            package var average10 = 0.0
            /// Over the last 60 seconds.
            package var average60 = 0.0
            /// Over the last 300 seconds.
            package var average300 = 0.0
            /// In microseconds.
            package var total: UInt64 = 0
        }

        /// At least one task waited.
        package var some = Share()
        /// All tasks waited.
        package var full = Share()
    }

    /// CPU time in nanoseconds.
    package struct CPU: Equatable, Sendable {
        /// All of it.
        package var total: UInt64 = 0
        /// In the kernel.
        package var kernel: UInt64 = 0
        /// In programs.
        package var user: UInt64 = 0
        /// By processor; v1 alone.
        package var perCPU: [UInt64] = []
        /// By processor, in the kernel; v1 alone.
        package var perCPUKernel: [UInt64] = []
        /// By processor, in programs; v1 alone.
        package var perCPUUser: [UInt64] = []
        /// Periods of the quota that have passed.
        package var periods: UInt64 = 0
        /// Periods in which the quota was used up.
        package var throttledPeriods: UInt64 = 0
        /// How long tasks were held back.
        package var throttledTime: UInt64 = 0
        /// Waiting for a processor; v2 alone.
        package var pressure: Pressure?
    }

    /// Values of a v1 cpuset.
    package struct CPUSet: Equatable, Sendable {
        /// The processors.
        package var cpus: [UInt16] = []
        /// The memory nodes.
        package var mems: [UInt16] = []
        /// Its switches and levels, by the names that runc prints.
        package var values: [(name: String, value: Int64)] = []

        /// Compares member by member; pairs have no `==` that the compiler could use.
        package static func == (left: CPUSet, right: CPUSet) -> Bool {
            left.cpus == right.cpus && left.mems == right.mems && left.values.elementsEqual(right.values) { $0 == $1 }
        }
    }

    /// Memory in bytes.
    package struct Memory: Equatable, Sendable {
        /// One kind of memory.
        package struct Usage: Equatable, Sendable {
            /// The limit; the largest number for none.
            package var limit: UInt64 = 0
            /// In use.
            package var usage: UInt64 = 0
            /// The most that was ever in use.
            package var max: UInt64 = 0
            /// How often the limit was met.
            package var failures: UInt64 = 0
        }

        /// The page cache.
        package var cache: UInt64 = 0
        /// All memory.
        package var usage = Usage()
        /// Memory and swap together.
        package var swap = Usage()
        /// The kernel's.
        package var kernel = Usage()
        /// That of TCP buffers.
        package var kernelTCP = Usage()
        /// The lines of memory.stat.
        package var raw: [(name: String, value: UInt64)] = []
        /// Waiting for memory; v2 alone.
        package var pressure: Pressure?

        /// Compares member by member; pairs have no `==` that the compiler could use.
        package static func == (left: Memory, right: Memory) -> Bool {
            left.cache == right.cache && left.usage == right.usage && left.swap == right.swap
                && left.kernel == right.kernel && left.kernelTCP == right.kernelTCP
                && left.pressure == right.pressure && left.raw.elementsEqual(right.raw) { $0 == $1 }
        }
    }

    /// Tasks.
    package struct PIDs: Equatable, Sendable {
        /// How many there are.
        package var current: UInt64 = 0
        /// How many there can be; 0 for no limit.
        package var limit: UInt64 = 0
    }

    /// Block devices.
    package struct BlockIO: Equatable, Sendable {
        /// One number.
        package struct Entry: Equatable, Sendable {
            /// The device's major number.
            package var major: UInt64
            /// The device's minor number.
            package var minor: UInt64
            /// "Read", "Write" and so on; empty where operations are not told apart.
            package var operation: String
            /// The number.
            package var value: UInt64
        }

        /// Bytes.
        package var serviceBytes: [Entry] = []
        /// Operations.
        package var serviced: [Entry] = []
        /// Waiting for devices; v2 alone.
        package var pressure: Pressure?
    }

    /// Huge pages of one size, in bytes.
    package struct HugePages: Equatable, Sendable {
        /// In use.
        package var usage: UInt64 = 0
        /// The most that was ever in use; v1 alone.
        package var max: UInt64 = 0
        /// How often the limit was met.
        package var failures: UInt64 = 0
    }

    /// One RDMA device.
    package struct RDMA: Equatable, Sendable {
        /// Its name.
        package var device: String
        /// Handles in use.
        package var handles: UInt64
        /// Objects in use.
        package var objects: UInt64
    }
}

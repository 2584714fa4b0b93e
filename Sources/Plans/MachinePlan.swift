/// The virtual machine in which a bundle runs, and what its guest does: all that mvrun-vmm gets.
///
/// Files are not named but handed over: `MachineDescriptors` says under which numbers.
package struct MachinePlan: Equatable, Sendable {
    /// The container's id.
    package var id: String
    /// How many virtual CPUs, 1 to 32.
    package var virtualCPUs: UInt32
    /// The guest's memory.
    package var memoryMiB: UInt32
    /// Words behind those that the monitor itself puts on the kernel's command line.
    package var kernelParameters: [String]
    /// The trees of the host that the guest sees; the first is the root file system.
    package var shares: [FileShare]
    /// How long the guest may cache what it has read from a share.
    package var cacheMode: FileCacheMode
    /// Whether the program has a terminal; the monitor's standard streams are its other side.
    package var terminal: Bool
    /// What the guest does.
    package var guest: GuestPlan
    /// The disk that the guest has; nil for none.
    package var disk: MachineDisk?
    /// Whether programs of the host and of the guest can connect to each other, by sockets in `vsockDirectory`.
    package var offersVsock = false
    /// Where those sockets are in the monitor's root.
    package static let vsockDirectory = "/vsock"
    /// The name of the one that programs of the host connect to; behind it and "_" is the port of those that they listen on.
    package static let vsockName = "vsock.sock"
    /// What mvrun-vmm is told to hold the namespaces of a pod and nothing else.
    package static let holdOption = "--hold"
    /// How large the window is into which files of the shares are mapped for the guest, MiB; 0 for none.
    package var fileWindowMiB: UInt32 = 0
    /// Whether the guest does it only once it has been given its network.
    package var awaitsNetwork = false
    /// Whether the monitor says on its stderr which call it was, should its filters end it.
    package var reportsForbiddenCalls = false

    /// Makes a machine.
    package init(
        id: String, virtualCPUs: UInt32, memoryMiB: UInt32, kernelParameters: [String], shares: [FileShare],
        cacheMode: FileCacheMode, terminal: Bool, guest: GuestPlan
    ) {
        self.id = id
        self.virtualCPUs = virtualCPUs
        self.memoryMiB = memoryMiB
        self.kernelParameters = kernelParameters
        self.shares = shares
        self.cacheMode = cacheMode
        self.terminal = terminal
        self.guest = guest
    }
}

/// A disk of a guest: a file of the host, handed over as `MachineDescriptors.disk`.
package struct MachineDisk: Equatable, Sendable {
    /// Whether every change is refused.
    package var readOnly: Bool

    /// Describes a disk.
    package init(readOnly: Bool) {
        self.readOnly = readOnly
    }
}

/// A tree of the host, or a single file, that the guest sees as `/<position>` of the one virtio-fs device.
package struct FileShare: Equatable, Sendable {
    /// Where the monitor finds it: absolute, in the monitor's own root.
    package var path: String
    /// Whether the server refuses every change.
    package var readOnly: Bool
    /// Whether it is a single file rather than a directory.
    package var isFile: Bool

    /// Describes a share.
    package init(path: String, readOnly: Bool, isFile: Bool) {
        self.path = path
        self.readOnly = readOnly
        self.isFile = isFile
    }
}

/// How long a guest may cache what it has read from a share, `dev.mvrun.vm.fs.cache`.
package enum FileCacheMode: UInt8, Sendable {
    /// Not at all: what the host changes is seen at once.
    case never
    /// For a second, and file contents as long as the file is not changed.
    case auto
    /// For ever: the guest is alone on its shares.
    case always
}

/// What the agent in the guest gets: the plan of a container, rebased to the guest's paths.
package struct GuestPlan: Equatable, Sendable {
    /// The sandbox in the guest.
    package var sandbox: SandboxPlan
    /// The most memory that the workload may use, bytes; nil without a limit inside.
    package var memoryLimit: UInt64?
    /// The most processes that the workload may have; nil without a limit inside.
    package var processLimit: Int64?
    /// Whether the guest has trees of the host to mount.
    package var hasShares = true
    /// Whether it has a window to read and write their files in, `MachinePlan.fileWindowMiB`.
    package var hasFileWindow = false
    /// The disk that holds the root file system; nil where a tree of the host is that.
    package var rootDisk: MachineDisk?
    /// Where the guest finds a root file system that is on a disk.
    package static let diskRoot = "/run/disk"

    /// Wraps a plan.
    package init(sandbox: SandboxPlan, memoryLimit: UInt64? = nil, processLimit: Int64? = nil) {
        self.sandbox = sandbox
        self.memoryLimit = memoryLimit
        self.processLimit = processLimit
    }
}

/// The numbers under which mvrun-vmm finds the files it works with; its standard streams are the workload's.
package enum MachineDescriptors {
    /// A file that holds the `MachinePlan` in its wire form.
    package static let plan: Int32 = 3
    /// /dev/kvm.
    package static let kvm: Int32 = 4
    /// The kernel: an ELF vmlinux.
    package static let kernel: Int32 = 5
    /// The initramfs.
    package static let initramfs: Int32 = 6
    /// The listening SOCK_SEQPACKET socket of the state directory, on which mvrun asks for start, exec and the rest.
    package static let control: Int32 = 7
    /// The file that receives the guest kernel's log, bounded by the monitor.
    package static let console: Int32 = 8
    /// A pipe whose other end only mvrun has, until the guest waits for its start.
    package static let creator: Int32 = 9
    /// How many of them there always are.
    package static let count = 7
    /// The file that is the guest's disk, where it has one.
    package static let disk: Int32 = 10
}

import AgentProtocol
import CLinux
import Diagnostics
import Plans
import Sandbox
import Syscalls

/// The first process of a guest, from the kernel's hand to the reboot.
///
/// Whatever happens, the guest does not hang: what fails is said to the host where it listens already, else on the console,
/// and the machine resets.
package enum GuestMain {
    private static let program = "/init"
    private static let newRoot = "/newroot"
    private static let cgroupRoot = "/sys/fs/cgroup"
    private static let shares = "/run/shares"
    private static let sharesTag = "mvrun"
    /// How long a driver may take to make a device of what it finds.
    private static let deviceMilliseconds = 5000

    /// Runs the guest.
    package static func run() -> Never {
        do throws(RuntimeError) {
            try prepareDevices()
            loadModules()
            try enterRoot()
            try mountFileSystems()
            // A kernel that loads no modules asks for none.
            try? writeFile(program, to: LateModules.setting)
            if let words = try? readText("/proc/cmdline"), words.contains("console=hvc") {
                try LateModules.load("virtio_console")
            }
            try serve()
        } catch {
            complain("\(error)")
        }
        Kernel.synchronize()
        try? Mounting.detach(shares)
        // Nobody uses it any more, so its file system is as whole afterwards as by an ordinary unmounting.
        try? Mounting.detach(GuestPlan.diskRoot)
        do {
            try Kernel.reboot()
        } catch {
            complain("\(error)")
        }
        // The end of the first process is a panic, which the host sees as well.
        exitNow(125)
    }

    /// Says something on the console.
    private static func complain(_ text: String) {
        // At the level that a console shows whatever its kernel was told. Nobody is left to be told should that fail.
        try? writeFile("<0>mvrun-init: \(text)\n", to: "/dev/kmsg")
    }

    /// Loads modules in the kernel's place, in a process of its own.
    ///
    /// A kernel's threads, whose child it is, have the root of the first process.
    ///
    /// - Parameter request: what the kernel lacks, as it says it.
    package static func loadModules(for request: String) -> Never {
        do throws(RuntimeError) {
            exitNow(try LateModules.load(request) ? 0 : 1)
        } catch {
            complain("\(error)")
            exitNow(1)
        }
    }

    private static func serve() throws(RuntimeError) {
        let cgroup = try GuestCgroup(below: cgroupRoot)
        let connection = try connect()
        var surroundings = AgentServer.Surroundings(
            openInitProgram: { () throws(RuntimeError) in try InitProgram.open(program) },
            connectStream: { port throws(SystemError) in
                try VirtualSocket.connect(to: port, of: Meeting.hostContextID)
            }, mountShares: mountShares)
        surroundings.redirect = { peer, port throws(SystemError) in
            try OwnedDescriptor.open(cgroupRoot, .directory).redirect(peer, toPort: port)
        }
        surroundings.mountDisk = { disk throws(RuntimeError) in
            try LateModules.load("virtio_blk")
            try mountDisk(disk)
        }
        surroundings.connect = { interfaces throws(RuntimeError) in
            try LateModules.load("virtio_net")
            for interface in interfaces { try GuestNetwork.setUp(interface) }
        }
        surroundings.cgroup = cgroup
        surroundings.synchronize = { Kernel.synchronize() }
        try AgentServer(connection, surroundings: surroundings).run()
    }

    /// The control stream; the device may need a moment after its driver was loaded.
    ///
    /// A monitor that does not answer yet is waited for as long as it waits for us.
    private static func connect() throws(RuntimeError) -> OwnedDescriptor {
        let begin = monotonicMilliseconds()
        while true {
            do {
                return try VirtualSocket.connect(to: Meeting.controlPort, of: Meeting.hostContextID)
            } catch {
                let isLate = error.errno == .timedOut || error.errno == .connectionReset
                let patience = isLate ? Meeting.helloMilliseconds : deviceMilliseconds
                guard monotonicMilliseconds() < begin + patience else {
                    throw RuntimeError(error).during("connect to the host")
                }
                sleep(milliseconds: 5)
            }
        }
    }
}

extension GuestMain {
    /// Mounts /dev, where drivers and the console are, and makes sure that the numbers of the standard streams are taken.
    private static func prepareDevices() throws(RuntimeError) {
        do {
            try makeDirectories("/dev", mode: 0o755)
            try Mounting.mount(
                "devtmpfs", at: "/dev", type: "devtmpfs", flags: UInt64(CLX_MS_NOSUID), data: "mode=0755")
            for stream: Int32 in 0...2 where !isOpen(stream) {
                _ = try OwnedDescriptor.open("/dev/null", .readWrite).release()
            }
        } catch {
            throw RuntimeError(error).during("prepare /dev")
        }
    }

    /// Loads the modules of the initramfs in the order that stands there.
    ///
    /// The kernel may have some of them built in; one that is needed after all is missed soon enough.
    private static func loadModules() {
        let order = (try? readText(LateModules.directory + "/order")) ?? ""
        for name in order.split(separator: "\n") {
            let path = "\(LateModules.directory)/\(name)"
            do {
                try LateModules.insert(path)
            } catch {
                complain("\(error)")
            }
            // What was loaded need not stay in memory twice.
            try? removeFile(path)
        }
    }

    /// Makes a file system in memory the root: the initramfs itself cannot be left by pivot_root(2), and a sandbox wants to.
    private static func enterRoot() throws(RuntimeError) {
        do {
            try makeDirectories(newRoot, mode: 0o755)
            try Mounting.mount("tmpfs", at: newRoot, type: "tmpfs", flags: UInt64(CLX_MS_NOSUID), data: "mode=0755")
            let target = newRoot + program
            _ = try OwnedDescriptor.open(target, [.writeOnly, .create], mode: 0o755)
            // The stage is executed from the initramfs still, so its bytes are in memory once.
            try Mounting.mount(program, at: target, type: nil, flags: UInt64(CLX_MS_BIND))
            if exists(LateModules.list) {
                try makeDirectories(newRoot + LateModules.directory, mode: 0o755)
                try Mounting.mount(
                    LateModules.directory, at: newRoot + LateModules.directory, type: nil, flags: UInt64(CLX_MS_BIND))
            }
            try changeDirectory(newRoot)
            try Mounting.mount(".", at: "/", type: nil, flags: UInt64(CLX_MS_MOVE))
            try changeRoot(".")
            try changeDirectory("/")
        } catch {
            throw RuntimeError(error).during("leave the initramfs")
        }
    }

    private struct FileSystem {
        var type: String
        var path: String
        var flags: UInt64
        var data: String?
    }

    private static func mountFileSystems() throws(RuntimeError) {
        let plain = UInt64(CLX_MS_NOSUID | CLX_MS_NODEV | CLX_MS_NOEXEC)
        let list = [
            FileSystem(type: "devtmpfs", path: "/dev", flags: UInt64(CLX_MS_NOSUID), data: "mode=0755"),
            FileSystem(type: "proc", path: "/proc", flags: plain),
            FileSystem(type: "sysfs", path: "/sys", flags: plain),
            FileSystem(
                type: "devpts", path: "/dev/pts", flags: UInt64(CLX_MS_NOSUID | CLX_MS_NOEXEC),
                data: "mode=0620,ptmxmode=0666"),
            FileSystem(type: "tmpfs", path: "/dev/shm", flags: plain, data: "mode=1777"),
            FileSystem(type: "tmpfs", path: "/run", flags: UInt64(CLX_MS_NOSUID | CLX_MS_NODEV), data: "mode=0755"),
            FileSystem(type: "cgroup2", path: cgroupRoot, flags: plain, data: "nsdelegate"),
        ]
        for system in list {
            do {
                try makeDirectories(system.path, mode: 0o755)
                try Mounting.mount(
                    system.type, at: system.path, type: system.type, flags: system.flags, data: system.data)
            } catch {
                throw RuntimeError(error).during("mount \(system.type) at \(system.path)")
            }
        }
        do {
            try makeDirectories("/tmp", mode: 0o1777)
        } catch {
            throw RuntimeError(error).during("make /tmp")
        }
    }

    private static let disk = "/dev/vda"
    private static let diskFileSystems = ["ext4", "xfs", "btrfs", "erofs", "squashfs"]

    /// Mounts the disk, whichever file system of those that this kernel knows is on it.
    private static func mountDisk(_ plan: MachineDisk) throws(RuntimeError) {
        var failure = SystemError("mount", disk, .noDevice)
        do {
            try makeDirectories(GuestPlan.diskRoot, mode: 0o755)
        } catch {
            throw RuntimeError(error).during("mount the disk")
        }
        let flags = plan.readOnly ? UInt64(CLX_MS_RDONLY) : 0
        for type in diskFileSystems {
            do {
                return try Mounting.mount(disk, at: GuestPlan.diskRoot, type: type, flags: flags)
            } catch {
                // ENODEV is a file system that the kernel does not have, EINVAL one that is not on the disk.
                if failure.errno == .noDevice || error.errno != .noDevice && error.errno != .invalidArgument {
                    failure = error
                }
            }
        }
        let hint =
            failure.errno == .readOnly
            ? "it was not unmounted, and has to be written to be mended: run it once without root.readonly, or fsck"
            : "vm.image.path is to be a file system without partitions that the guest's kernel has built in"
        throw RuntimeError(failure, hint: hint).during("mount the disk")
    }

    /// - Parameter window: whether files can be mapped; a kernel that knows of no such thing (CONFIG_FUSE_DAX) goes without.
    private static func mountShares(_ window: Bool) throws(RuntimeError) {
        do throws(SystemError) {
            try makeDirectories(shares, mode: 0o755)
            if window {
                do throws(SystemError) {
                    return try Mounting.mount(sharesTag, at: shares, type: "virtiofs", flags: 0, data: "dax=always")
                } catch {
                    guard error.errno == .invalidArgument else { throw error }
                }
            }
            try Mounting.mount(sharesTag, at: shares, type: "virtiofs", flags: 0)
        } catch {
            throw RuntimeError(error).during("mount the shares")
        }
    }
}

import AgentProtocol
import Board
import Devices
import Diagnostics
import FUSE
import Jail
import KVM
import Plans
import Syscalls

/// The monitor of one machine from its plan to its exit status: what mvrun-vmm does.
package enum MachineMonitor {
    /// How an error of mvrun itself, or a guest that was lost, shows in the exit status.
    package static let failureStatus: Int32 = 125
    /// The guest's address; any from 3 on, for each machine has a vsock of its own.
    private static let guestContextID: UInt32 = 3
    /// By which the agent mounts the shares.
    private static let sharesTag = "mvrun"
    private static let planLimit = FrameLimit.plan
    private static let tailLines = 8

    private typealias FileThread = (thread: LoopThread, device: FileSystemDevice)

    /// Runs the machine that the files from `MachineDescriptors` on describe.
    ///
    /// - Returns: the status to exit with: the workload's, 128 and the signal that ended it, or `failureStatus`.
    package static func run() -> Int32 {
        var console: ConsoleLog?
        do throws(RuntimeError) {
            switch try run(&console) {
            case .exited(let exit)?:
                if exit.outOfMemory { console?.append(line: MonitorRemark.outOfMemory) }
                return exit.end.shellStatus
            case .failed(let error)?: throw error
            case nil: return failureStatus
            }
        } catch {
            report(error, console)
            return failureStatus
        }
    }

    /// - Returns: nil for a failure that somebody has been told of, who says it.
    private static func run(_ console: inout ConsoleLog?) throws(RuntimeError) -> MachineSession.Outcome? {
        for number in MachineDescriptors.plan..<(MachineDescriptors.plan + Int32(MachineDescriptors.count)) {
            guard isOpen(number) else {
                throw RuntimeError(.usage, "mvrun-vmm is started by mvrun; descriptor \(number) is not open")
            }
        }
        let log = ConsoleLog(OwnedDescriptor(owning: MachineDescriptors.console))
        console = log
        let plan = try machinePlan(in: OwnedDescriptor(owning: MachineDescriptors.plan))
        let system = KVMSystem(OwnedDescriptor(owning: MachineDescriptors.kvm))
        let configuration = MachineConfiguration(
            processors: Int(plan.virtualCPUs), memoryMiB: Int(plan.memoryMiB), kernelParameters: plan.kernelParameters,
            log: .emergencies, fileWindowMiB: Int(plan.fileWindowMiB))
        let machine = try Machine(configuration, on: system, console: log)
        let engine = VsockEngine(guestContextID: guestContextID)
        try machine.add(VsockDevice(engine))
        try machine.add(EntropyDevice())
        if plan.kernelParameters.contains(where: { $0.hasPrefix("console=hvc") }) {
            try machine.add(ConsoleDevice { bytes in for byte in bytes { log.append(byte) } })
        }
        let balloon = BalloonDevice()
        try machine.add(balloon)
        let disk = try plan.disk.map { disk throws(RuntimeError) in try addDisk(disk, to: machine) }
        let files = try addFileSystem(of: plan, to: machine)
        // A network may be made when the guest runs already.
        try machine.reserveSlots(NetworkInterface.limit)
        let session = MachineSession(plan, in: machine)
        session.memory = MemoryControl(balloon, in: machine)
        // Before the first thread: each inherits that no signal is for it.
        let signals = try during("wait for signals") { try SignalQueue() }
        let sockets = try plan.offersVsock ? hybridSocket(engine, machine) : nil
        defer { withExtendedLifetime(sockets) {} }
        let streams = try during("take the standard streams") { try WorkloadFiles.ownStreams() }
        try session.begin(
            engine, control: OwnedDescriptor(owning: MachineDescriptors.control),
            creator: OwnedDescriptor(owning: MachineDescriptors.creator), files: streams, signals: signals)
        try start(machine, of: plan, files: files, disk: disk)
        let outcome = try session.run()
        if case .failed = outcome, session.isFailureTold { return nil }
        return outcome
    }

    /// Starts all threads, each of which shuts itself in, and this one as the last; only then may the guest run.
    private static func start(
        _ machine: Machine, of plan: MachinePlan, files: FileThread?, disk: LoopThread?
    ) throws(RuntimeError) {
        let enclosure = try MonitorJail(plan)
        let jail = enclosure.jail
        do throws(SystemError) {
            if let (thread, device) = files {
                try thread.start {
                    jail.enter(.files, named: "files") { () throws(SystemError) in try device.prepareThread(ofLoop: 0) }
                }
            }
            try disk?.start { jail.enter(.disk, named: "disk") }
        } catch {
            throw RuntimeError(error).during("start the devices' threads")
        }
        try load(machine, in: jail)
        let threads = Int(plan.virtualCPUs) + (files == nil ? 0 : 1) + (disk == nil ? 0 : 1)
        try enclosure.close(around: threads)
        machine.resume()
    }

    /// Loads what the guest boots, and closes the files.
    private static func load(_ machine: Machine, in jail: Jail) throws(RuntimeError) {
        let kernel = OwnedDescriptor(owning: MachineDescriptors.kernel)
        let initramfs = OwnedDescriptor(owning: MachineDescriptors.initramfs)
        try machine.start(kernel: kernel, initramfs: initramfs, in: jail)
    }

    /// Gives the machine the device that all shares are in, where there are any.
    ///
    /// One queue of requests is what kernels before 6.11 use.
    private static func addFileSystem(of plan: MachinePlan, to machine: Machine) throws(RuntimeError) -> FileThread? {
        if plan.shares.isEmpty { return nil }
        let thread = try during("make the file server's thread") { try LoopThread() }
        let device = try fileSystem(of: plan, on: thread.loop, window: machine.fileWindow)
        try machine.add(device)
        return (thread, device)
    }

    /// Gives the machine its disk.
    ///
    /// - Returns: the disk's thread, which is to be started.
    private static func addDisk(_ disk: MachineDisk, to machine: Machine) throws(RuntimeError) -> LoopThread {
        guard isOpen(MachineDescriptors.disk) else {
            throw RuntimeError(.usage, "descriptor \(MachineDescriptors.disk), the disk, is not open")
        }
        let file = OwnedDescriptor(owning: MachineDescriptors.disk)
        let (worker, device): (LoopThread, BlockDevice)
        do throws(SystemError) {
            worker = try LoopThread()
            device = try BlockDevice(file: file, readOnly: disk.readOnly, identity: "root", worker: worker.loop)
        } catch {
            throw RuntimeError(error).during("give the machine its disk")
        }
        try machine.add(device)
        return worker
    }

    private static func hybridSocket(
        _ engine: VsockEngine, _ machine: Machine
    ) throws(RuntimeError) -> HybridSocket {
        try during("listen for programs that want to connect to the guest's") {
            try HybridSocket(
                at: "\(MachinePlan.vsockDirectory)/\(MachinePlan.vsockName)", engine: engine, loop: machine.loop)
        }
    }

    private static func fileSystem(
        of plan: MachinePlan, on loop: EventLoop, window: SharedWindow?
    ) throws(RuntimeError) -> FileSystemDevice {
        let shares = plan.shares.map { ShareConfiguration(path: $0.path, isReadOnly: $0.readOnly) }
        let cache: CacheMode =
            switch plan.cacheMode {
            case .never: .never
            case .auto: .auto
            case .always: .always
            }
        return try during("open the shares") {
            FileSystemDevice(
                tag: sharesTag,
                server: try FileServer(
                    shares: shares, cache: cache, limits: MonitorJail.serverLimits,
                    window: window.map(GuestFileWindow.init)),
                loops: [loop],
                window: window)
        }
    }

    private static func machinePlan(in file: consuming OwnedDescriptor) throws(RuntimeError) -> MachinePlan {
        do {
            let size = Int(clamping: try file.fileSize())
            guard size <= planLimit else { throw RuntimeError(.usage, "it has \(size) bytes") }
            var reader = PlanReader(try file.read(at: 0, count: size))
            return try MachinePlan(from: &reader)
        } catch let error as RuntimeError {
            throw error.during("read the machine's plan")
        } catch {
            throw RuntimeError(.usage, "\(error)").during("read the machine's plan")
        }
    }

    /// Says on stderr what went wrong, and what the guest's kernel said last.
    private static func report(_ error: RuntimeError, _ console: ConsoleLog?) {
        var lines = ["mvrun: \(error)"]
        if let hint = error.hint { lines.append("  hint: \(hint)") }
        if error.kind == .guest, let tail = console?.tail.split(separator: "\n").suffix(tailLines), !tail.isEmpty {
            lines.append("  the guest's console ends with:")
            lines += tail.map { "  | \($0)" }
        }
        let text = lines.map { $0 + "\n" }.joined()
        // Left open: the process ends.
        let output = OwnedDescriptor(owning: 2)
        try? output.writeAll(Array(text.utf8), subject: "stderr")
        _ = output.release()
    }
}

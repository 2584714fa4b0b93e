package import Board
import CLinux
package import Diagnostics
package import Jail
package import KVM
import Synchronization
package import Syscalls
import Virtio

/// How big a machine is, and what its kernel is told.
package struct MachineConfiguration: Equatable, Sendable {
    /// How many processors there can be.
    package static let processorLimit = 32

    /// How many processors, 1 to `processorLimit`.
    package var processors: Int
    /// Memory.
    package var memoryMiB: Int
    /// Words behind those that the monitor puts on the command line.
    package var kernelParameters: [String]
    /// What the kernel writes to its console.
    package var log: CommandLine.Log
    /// How large the window is that files are mapped into; 0 for none.
    package var fileWindowMiB: Int

    /// Describes a machine.
    package init(
        processors: Int = 1, memoryMiB: Int, kernelParameters: [String] = [], log: CommandLine.Log,
        fileWindowMiB: Int = 0
    ) {
        self.processors = processors
        self.memoryMiB = memoryMiB
        self.kernelParameters = kernelParameters
        self.log = log
        self.fileWindowMiB = fileWindowMiB
    }
}

/// A virtual machine: memory, processors, devices, and the loop that the devices live in.
///
/// First devices are added, then it is started, then it runs until it ends. All of that happens on one thread.
package final class Machine {
    /// The guest's memory.
    package let memory: GuestMemory
    /// The loop that `run` is in.
    package let loop: EventLoop
    /// Where files are mapped for the guest; nil for nowhere.
    package let fileWindow: SharedWindow?

    let machine: VirtualMachine
    private let configuration: MachineConfiguration
    private let system: KVMSystem
    private let console: ConsoleLog
    private let gate: VCPUGate
    private let outcome: MachineOutcome
    /// What acknowledgements go to; nobody looks.
    let acknowledged: EventDescriptor
    /// Whether KVM can show memory to the guest that it cannot write.
    let showsRegisters: Bool
    private var ports = Bus()
    var addresses = Bus()
    /// The virtio devices, by their positions.
    var transports: [MMIOTransport] = []
    /// The places behind them that devices may still come into.
    var slots: [DeviceSlot] = []
    private var threads: [VCPUThread] = []

    /// Creates the machine: its memory and interrupt controllers, no device and no processor yet.
    ///
    /// - Parameters:
    ///   - configuration: how big it is.
    ///   - system: the host's KVM.
    ///   - console: where the kernel's log goes.
    package init(
        _ configuration: MachineConfiguration, on system: KVMSystem, console: ConsoleLog
    ) throws(RuntimeError) {
        let limit = MachineConfiguration.processorLimit
        guard (1...limit).contains(configuration.processors) else {
            throw RuntimeError(.unsupported, "a machine has 1 to \(limit) processors, not \(configuration.processors)")
        }
        guard configuration.memoryMiB > 0, configuration.memoryMiB <= 1 << 24 else {
            throw RuntimeError(.unsupported, "a machine cannot have \(configuration.memoryMiB) MiB of memory")
        }
        self.configuration = configuration
        self.system = system
        self.console = console
        do throws(SystemError) {
            let memory = try GuestMemory(sizeBytes: UInt64(configuration.memoryMiB) << 20)
            let machine = try system.createMachine()
            if system.check(.setTSSAddress) > 0, system.check(.setIdentityMapAddress) > 0 {
                try machine.setReservedPages(at: MachineLayout.reservedPages)
            }
            try machine.createInterruptControllers()
            for (slot, region) in memory.regions.enumerated() {
                try machine.setMemory(
                    slot: UInt32(slot), guestAddress: region.address, size: region.size,
                    hostAddress: region.hostAddress)
            }
            fileWindow = try Self.addWindow(configuration.fileWindowMiB, behind: memory, to: machine)
            self.memory = memory
            self.machine = machine
            loop = try EventLoop()
            gate = try VCPUGate()
            acknowledged = try EventDescriptor()
            showsRegisters = system.check(.readOnlyMemory) > 0
        } catch {
            throw RuntimeError(error).during("create the virtual machine")
        }
        outcome = MachineOutcome(loop)
        try connectPorts()
    }

    /// Makes the window, behind all memory and above what devices have below 4 GiB.
    private static func addWindow(
        _ sizeMiB: Int, behind memory: GuestMemory, to machine: VirtualMachine
    ) throws(SystemError) -> SharedWindow? {
        guard sizeMiB > 0 else { return nil }
        let end = memory.regions.map { $0.address + $0.size }.max() ?? 0
        let gibibyte: UInt64 = 1 << 30
        let start = (max(end, GuestMemory.gapEnd) + gibibyte - 1) & ~(gibibyte - 1)
        let window = try SharedWindow(guestAddress: start, sizeBytes: UInt64(sizeMiB) << 20)
        try machine.setMemory(
            slot: UInt32(memory.regions.count), guestAddress: window.guestAddress, size: window.size,
            hostAddress: window.hostAddress)
        return window
    }

    /// Puts on the ports what is left of a PC.
    private func connectPorts() throws(RuntimeError) {
        let (outcome, console) = (outcome, console)
        try during("connect the machine's ports") {
            let interrupt = try InterruptEvent(MachineLayout.serialInterrupt, of: machine)
            let serialPort = SerialPort(interrupt: interrupt) { console.append($0) }
            try ports.register(serialPort, at: UInt64(MachineLayout.serialPort), length: 8)
            try ports.register(
                KeyboardController { outcome.end(.reset) }, at: UInt64(MachineLayout.keyboardController), length: 8)
            try ports.register(
                SleepRegister { outcome.end(.poweredOff) }, at: UInt64(MachineLayout.sleepControl), length: 2)
        }
    }

    /// Loads the kernel and lets the processors run.
    ///
    /// - Parameters:
    ///   - kernel: an ELF vmlinux.
    ///   - initramfs: what it unpacks; an empty file for nothing.
    ///   - jail: what the processors' threads enter; then they wait for `resume`, and nil lets them run at once.
    package func start(
        kernel: borrowing OwnedDescriptor, initramfs: borrowing OwnedDescriptor, in jail: Jail? = nil
    ) throws(RuntimeError) {
        var commandLine = CommandLine(log: configuration.log)
        commandLine.nameDevices(transports.count + slots.count)
        try commandLine.append(configuration.kernelParameters)
        let count = configuration.processors
        let tables = ACPITables(
            at: MachineLayout.acpi, processors: count, devices: transports.count + slots.count, hasSerialPort: true)
        let image = try BootImage(
            kernel: kernel, initramfs: initramfs, commandLine: commandLine,
            firmware: (tables, MPTable(at: MachineLayout.mpTable, processors: count)), into: memory)
        do throws(SystemError) {
            let processors = try createProcessors()
            try image.prepare(processors[0])
            try run(processors, in: jail)
        } catch {
            stopProcessors()
            throw RuntimeError(error).during("start the virtual machine")
        }
    }

    private func createProcessors() throws(SystemError) -> [VirtualCPU] {
        let table = CPUIDTable(
            supported: try system.supportedCPUID(), processors: configuration.processors,
            hasDeadlineTimer: system.check(.tscDeadlineTimer) > 0)
        var processors: [VirtualCPU] = []
        for id in 0..<UInt32(configuration.processors) {
            let processor = try machine.createCPU(id)
            try processor.prepare(table)
            processors.append(processor)
        }
        return processors
    }

    private func run(_ processors: [VirtualCPU], in jail: Jail?) throws(SystemError) {
        try syscall("sigaction", on: "the kick") { clx_kvm_install_kick() }
        let outcome = outcome
        if jail != nil { gate.shut() }
        for processor in processors {
            var entering: (@Sendable () -> Bool)?
            if let jail {
                let name = "vcpu\(processor.id)"
                entering = { jail.enter(.processor, named: name) }
            }
            let thread = VCPUThread(
                processor, ports: ports, addresses: addresses, gate: gate, entering: entering
            ) { outcome.end($0) }
            try thread.start()
            threads.append(thread)
        }
    }

    /// Runs the loop until the machine ends, then stops its processors.
    ///
    /// - Returns: why it ended.
    package func run() throws(RuntimeError) -> MachineEnd {
        do throws(SystemError) {
            try loop.run()
        } catch {
            outcome.end(.failed(error))
        }
        stopProcessors()
        console.flush()
        let end = outcome.end ?? .stopped
        return end == .reset ? panic().map(MachineEnd.panic) ?? end : end
    }

    /// Ends `run`.
    package func stop() {
        outcome.end(.stopped)
    }

    /// What ends `run`, for other threads.
    var stopper: @Sendable () -> Void {
        let outcome = outcome
        return { outcome.end(.stopped) }
    }

    /// Keeps the processors out of the guest until `resume`, and returns when none is inside.
    ///
    /// - Throws: a processor that does not leave within a second; then all go on.
    package func pause() throws(RuntimeError) {
        gate.shut()
        for thread in threads { thread.kick() }
        var milliseconds = 0
        while gate.waiting < threads.count {
            // One that has ended waits for nothing, and the machine ends with it.
            guard outcome.end == nil else { return }
            guard milliseconds < 1000 else {
                gate.open()
                throw RuntimeError(.guest, "a processor does not stop within a second")
            }
            sleep(milliseconds: 1)
            milliseconds += 1
        }
    }

    /// Lets the processors run again.
    package func resume() {
        gate.open()
    }

    /// How often the processors left the guest; exact once the machine has ended.
    package var exits: ExitCounts {
        threads.reduce(ExitCounts()) { $0 + $1.exits }
    }

    /// The end of what the kernel wrote to its console.
    package var consoleTail: String {
        console.tail
    }

    private func stopProcessors() {
        gate.close()
        for thread in threads { thread.kick() }
        for thread in threads { thread.join() }
    }

    /// The line in which a kernel that panicked says so; it resets the machine afterwards.
    private func panic() -> String? {
        let lines = console.tail.split(separator: "\n")
        guard let line = lines.last(where: { $0.contains("Kernel panic") }) else { return nil }
        return String(line.drop { $0 != "K" })
    }
}

/// Why a machine ended: the first reason counts.
final class MachineOutcome: Sendable {
    private let reason = Mutex<MachineEnd?>(nil)
    private let loop: EventLoop

    init(_ loop: EventLoop) {
        self.loop = loop
    }

    /// Ends the machine, from any thread.
    func end(_ end: MachineEnd) {
        reason.withLock { $0 = $0 ?? end }
        loop.stop()
    }

    /// The reason, once there is one.
    var end: MachineEnd? {
        reason.withLock { $0 }
    }
}

package import Board
import CLinux
import Glibc
package import KVM
import Synchronization
package import Syscalls

/// How often a processor left the guest for the monitor.
package struct ExitCounts: Equatable, Sendable {
    /// Accesses to ports.
    package var port = 0
    /// Accesses to the registers of devices.
    package var memory = 0
    /// Everything else.
    package var other = 0

    /// All of them.
    package var total: Int { port + memory + other }

    /// Adds another processor's.
    package static func + (left: ExitCounts, right: ExitCounts) -> ExitCounts {
        ExitCounts(port: left.port + right.port, memory: left.memory + right.memory, other: left.other + right.other)
    }
}

/// The thread that runs one virtual processor.
///
/// A plain thread that ends by returning: pthread_exit(3) unwinds, which costs a static program milliseconds the first time.
package final class VCPUThread: Sendable {
    private let cpu: VirtualCPU
    private let ports: Bus
    private let addresses: Bus
    private let gate: VCPUGate
    private let ended: @Sendable (MachineEnd) -> Void
    private let counts = Mutex(ExitCounts())
    private let thread = Mutex<pthread_t?>(nil)
    private let entering: (@Sendable () -> Bool)?

    /// Describes the thread.
    ///
    /// - Parameters:
    ///   - cpu: what it runs.
    ///   - ports: who answers at ports.
    ///   - addresses: who answers where there is no memory.
    ///   - gate: what stops it and lets it go on.
    ///   - entering: called on the thread before anything of the guest's runs, which never does where this says false.
    ///   - ended: takes why the guest cannot go on; called on this thread.
    package init(
        _ cpu: VirtualCPU, ports: Bus, addresses: Bus, gate: VCPUGate, entering: (@Sendable () -> Bool)? = nil,
        ended: @escaping @Sendable (MachineEnd) -> Void
    ) {
        self.cpu = cpu
        self.ports = ports
        self.addresses = addresses
        self.gate = gate
        self.entering = entering
        self.ended = ended
    }

    /// Starts it.
    package func start() throws(SystemError) {
        var thread = pthread_t()
        // The thread's own hold on this object, which it gives back when it ends.
        let context = unsafe Unmanaged.passRetained(self)
        let code = unsafe pthread_create(
            &thread, nil,
            { context in
                guard let context = unsafe context else { return nil }
                unsafe Unmanaged<VCPUThread>.fromOpaque(context).takeRetainedValue().work()
                return nil
            }, context.toOpaque())
        guard code == 0 else {
            unsafe context.release()
            throw SystemError("pthread_create", "vCPU \(cpu.id)", Errno(rawValue: code))
        }
        let started = thread
        self.thread.withLock { $0 = started }
    }

    /// Gets it out of the guest, to look at its gate.
    package func kick() {
        cpu.requestExit()
        thread.withLock { thread in
            if let thread { _ = pthread_kill(thread, clx_kvm_kick_signal()) }
        }
    }

    /// Waits until it has ended.
    package func join() {
        let thread = self.thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        if let thread { _ = pthread_join(thread, nil) }
    }

    /// How often it left the guest; exact once it has ended.
    package var exits: ExitCounts {
        counts.withLock { $0 }
    }

    private func work() {
        _ = clx_kvm_accept_kick_alone()
        guard entering?() ?? true else { return }
        var counts = ExitCounts()
        do throws(SystemError) {
            while try gate.enter(cpu) {
                let exit = try cpu.run()
                if let end = handle(exit, &counts) {
                    ended(end)
                    break
                }
            }
        } catch {
            ended(.failed(error))
        }
        self.counts.withLock { $0 = counts }
    }

    /// Does what the guest waits for.
    ///
    /// - Returns: why it cannot go on; nil where it can.
    private func handle(_ exit: VCPUExit, _ counts: inout ExitCounts) -> MachineEnd? {
        switch exit {
        case .portWrite(let port, let size, let count):
            counts.port += 1
            for index in 0..<count { ports.write(cpu.portValue(index: index), to: UInt64(port), size: size) }
        case .portRead(let port, let size, let count):
            counts.port += 1
            for index in 0..<count { cpu.answerPort(ports.read(UInt64(port), size: size), index: index) }
        case .memoryWrite(let address, let value, let size):
            counts.memory += 1
            addresses.write(value, to: address, size: size)
        case .memoryRead(let address, let size):
            counts.memory += 1
            cpu.answerMemory(addresses.read(address, size: size))
        case .interrupted: counts.other += 1
        case .shutdown: return .shutdown
        case .systemEvent(1): return .poweredOff
        case .systemEvent(2): return .reset
        case .systemEvent(let kind): return .internalError("system event \(kind)")
        case .halted: return .internalError("a halted processor without an interrupt controller")
        case .failedEntry(let reason):
            return .internalError("entry failed for reason 0x\(String(reason, radix: 16)) at \(place)")
        case .internalError(let suberror): return .internalError("internal error \(suberror) at \(place)")
        case .other(let reason): return .internalError("exit \(reason) at \(place)")
        }
        return nil
    }

    /// Where the processor is, for an error.
    private var place: String {
        guard let registers = try? cpu.registers() else { return "an unknown address" }
        return "0x" + String(registers.rip, radix: 16)
    }
}

import AgentProtocol
import Cgroups
import Diagnostics
import OCI
import Planning

/// A change of a machine's limits: those that the guest keeps itself, and how much of its memory is in the balloon.
///
/// The machine has the memory that it was made with. What a lower limit leaves unused goes into the balloon, and so back to
/// the host, whose own limit follows what the guest has really given up.
struct MachineUpdate {
    private let session: Session
    private let container: Container
    private let limits: GuestLimits
    private let madeMiB: UInt32
    /// The memory outside of the balloon, as the guest says.
    private let presentMiB: UInt32
    /// Whether a limit below what the program uses is refused, `linux.resources.memory.checkBeforeUpdate`.
    private let checksUsage: Bool
    /// The memory that is to be outside of the balloon; nil where the update is not about memory.
    private let targetMiB: UInt32?

    /// - Throws: that a machine would have to grow.
    fileprivate init(
        _ update: Spec.Resources, _ wanted: Spec.Resources, of container: Container, _ session: Session
    ) throws(RuntimeError) {
        let figures = try session.machineFigures(container)
        let memory = update.memory?.limit.flatMap { $0 == 0 ? nil : $0 }
        (self.session, self.container) = (session, container)
        checksUsage = wanted.memory?.checkBeforeUpdate == true
        limits = GuestLimits(memory: memory, processes: update.pids?.limit)
        madeMiB = UInt32(clamping: figures.memory >> 20)
        presentMiB = figures.sizeMiB
        if memory == nil {
            targetMiB = nil
        } else if let limit = wanted.guestMemoryLimit {
            let target = MicroVMIsolation.memoryMiB(forLimit: limit)
            guard target <= madeMiB else {
                throw RuntimeError(
                    .unsupported,
                    "linux.resources.memory.limit: \(limit): the virtual machine has \(madeMiB) MiB, and cannot grow",
                    hint: "make it with more memory: vm.hwConfig.memory")
            }
            targetMiB = target
        } else {
            targetMiB = madeMiB
        }
    }

    private var isShrinking: Bool { targetMiB.map { $0 < presentMiB } ?? false }

    /// Lets the guest give back what it is to lose.
    ///
    /// - Returns: the memory for which the host's limit has to make room.
    func shrink() throws(RuntimeError) -> UInt32 {
        guard isShrinking, let targetMiB else { return max(targetMiB ?? 0, presentMiB) }
        try setLimits()
        let figures = try moveBalloon(to: targetMiB)
        if !figures.hasBalloonDriver {
            session.log.warn("the guest has no driver for its balloon, and keeps its \(madeMiB) MiB")
        } else if figures.sizeMiB > targetMiB {
            session.log.warn("the guest has \(figures.sizeMiB) MiB still, and was to have \(targetMiB)")
        }
        return figures.sizeMiB
    }

    /// Lets the guest have what it is to get, and limits what is not a matter of memory.
    func grow() throws(RuntimeError) {
        if isShrinking { return }
        if let targetMiB, targetMiB != presentMiB { _ = try moveBalloon(to: targetMiB) }
        try setLimits()
    }

    private func moveBalloon(to sizeMiB: UInt32) throws(RuntimeError) -> MachineFigures {
        // 256 pages of 4 KiB are a MiB.
        try session.machineFigures(container, asking: .balloon(targetPages: (madeMiB - sizeMiB) * 256))
    }

    private func requireUsage(atMost limit: UInt64) throws(RuntimeError) {
        let usage = try session.guestStatistics(container).statistics.memory?.usage.usage ?? 0
        guard usage > limit else { return }
        throw RuntimeError(
            .wrongState, "linux.resources.memory.limit: the limit of \(limit) is below the \(usage) bytes in use",
            hint: "checkBeforeUpdate asks for this check; without it the guest's kernel would kill processes")
    }

    private func setLimits() throws(RuntimeError) {
        if limits.memory == nil, limits.processes == nil { return }
        if checksUsage, let limit = limits.memory, limit > 0 { try requireUsage(atMost: UInt64(limit)) }
        _ = try session.ask(container, .update(limits))
    }
}

extension MachineFigures {
    /// What is not in the balloon, in whole MiB that hold it all.
    fileprivate var sizeMiB: UInt32 {
        // A guest may say that there is more in the balloon than it has.
        UInt32(clamping: (memory - min(balloon, memory) + 0xf_ffff) >> 20)
    }
}

extension Session {
    /// What an update changes of a machine.
    ///
    /// - Parameters:
    ///   - update: what changes.
    ///   - wanted: all limits as they are to be.
    ///   - container: the machine's.
    func machineUpdate(
        _ update: Spec.Resources, _ wanted: Spec.Resources, of container: Container
    ) throws(RuntimeError) -> MachineUpdate {
        try MachineUpdate(update, wanted, of: container, self)
    }

    /// What the monitor knows of a machine.
    ///
    /// - Parameters:
    ///   - container: the machine's.
    ///   - request: one that figures answer.
    func machineFigures(
        _ container: Container, asking request: ControlRequest = .figures
    ) throws(RuntimeError) -> MachineFigures {
        guard case .figures(let figures) = try ask(container, request) else { throw otherAnswer }
        return figures
    }

    /// What the guest's kernel has counted for the program and what belongs to it.
    func guestStatistics(
        _ container: Container
    ) throws(RuntimeError) -> (statistics: CgroupStatistics, outOfMemoryKills: UInt64) {
        guard case .statistics(let list) = try ask(container, .statistics) else { throw otherAnswer }
        let files = Dictionary(list.map { ($0.name, $0.text) }, uniquingKeysWith: { first, _ in first })
        let kills = (files["memory.events"] ?? "").split(separator: "\n").first { $0.hasPrefix("oom_kill ") }
        return (CgroupStatistics(files: files), kills.flatMap { UInt64($0.dropFirst(9)) } ?? 0)
    }

    private var otherAnswer: RuntimeError {
        RuntimeError(.guest, "the virtual machine's monitor gave another answer than was asked for")
    }
}

import AgentProtocol
import Diagnostics
import OCI
import Planning

extension Session {
    /// What the host's cgroups of a container get for its limits: those of a machine in place of the program's.
    ///
    /// - Throws: that a machine would have to grow.
    func outside(
        _ wanted: Spec.Resources, of container: Container, in directory: borrowing ContainerDirectory
    ) throws(RuntimeError) -> Spec.Resources {
        guard container.record.isolation == .vm else { return wanted }
        let machineMiB = try MicroVMIsolation.memoryMiB(of: storedSpec(directory.config))
        if let limit = wanted.guestMemoryLimit, MicroVMIsolation.memoryMiB(forLimit: limit) > machineMiB {
            throw RuntimeError(
                .unsupported,
                "linux.resources.memory.limit: \(limit): the virtual machine has \(machineMiB) MiB, and cannot grow",
                hint: "make it with more memory: vm.hwConfig.memory")
        }
        return wanted.forMonitor(memoryMiB: machineMiB)
    }

    /// Changes the limits inside a guest.
    func updateGuest(_ container: Container, _ update: Spec.Resources) throws(RuntimeError) {
        let memory = update.memory?.limit.flatMap { $0 == 0 ? nil : $0 }
        let processes = update.pids?.limit
        if memory == nil, processes == nil { return }
        _ = try ask(container, .update(GuestLimits(memory: memory, processes: processes)))
    }
}

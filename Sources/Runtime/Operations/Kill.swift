import AgentProtocol
import Cgroups
package import Diagnostics
import OCI
import Plans
import Syscalls

extension Session {
    /// Sends a signal to a container.
    ///
    /// - Parameters:
    ///   - id: the container.
    ///   - signal: the number.
    ///   - all: to every process of it, also where the first one has ended.
    package func kill(_ id: String, signal: Int32, all: Bool) throws(RuntimeError) {
        let container = try container(id)
        let record = container.record
        // The workload's, not the monitor's: it would stop, or have to guess who is meant.
        if record.isolation == .vm, signal != 9, container.status == .running {
            return try signalGuest(container, signal, all: all)
        }
        let sharesProcesses = record.namespaces & NamespaceKind.pid.cloneFlag == 0
        // Without a pid namespace of its own, its processes do not end with the first one.
        if all || (signal == 9 && sharesProcesses && !record.cgroups.isEmpty) {
            if !all, container.status == .stopped { throw notRunning() }
            return try container.cgroups.signal(signal)
        }
        guard let process = record.process, process.isAlive else { throw notRunning() }
        try during("send \(SignalNames.name(of: signal)) to process \(process.pid)") {
            guard let target = try process.open() else { throw alreadyFinished() }
            do throws(SystemError) {
                try target.sendSignal(signal)
            } catch {
                throw error.errno == .noProcess ? alreadyFinished() : RuntimeError(error)
            }
            // A frozen process of a v1 hierarchy dies when it is thawed; v2 kills it as it is.
            if signal == 9, container.cgroups.unified == nil || container.cgroups.v1("freezer") != nil,
                container.isPaused
            {
                try container.cgroups.thaw()
            }
        }
        log.info("sent \(SignalNames.name(of: signal)) to \(id)")
    }

    private func signalGuest(_ container: Container, _ signal: Int32, all: Bool) throws(RuntimeError) {
        try during("send \(SignalNames.name(of: signal)) to the guest's \(all ? "processes" : "workload")") {
            _ = try ask(container, .signal(number: signal, all: all))
        }
        log.info("sent \(SignalNames.name(of: signal)) to \(container.record.id)")
    }

    private func alreadyFinished() -> RuntimeError {
        RuntimeError(.wrongState, "process already finished")
    }
}

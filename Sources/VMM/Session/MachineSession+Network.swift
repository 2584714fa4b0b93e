import AgentProtocol
import Devices
import Diagnostics
import Plans
import Syscalls

/// The guest's network interfaces.
extension MachineSession {
    /// Plugs in a card for each interface, and has the agent set it up, now or when there is an agent.
    func connect(
        _ interfaces: [NetworkInterface], _ files: [PassedFile], for connection: ControlConnection
    ) throws(RuntimeError) {
        guard files.count == interfaces.count else {
            throw RuntimeError(.usage, "\(interfaces.count) network interfaces came with \(files.count) tap devices")
        }
        guard earlyInterfaces == nil else { throw RuntimeError(.wrongState, "the network was given already") }
        var plugged: [PluggedInterface] = []
        for (interface, file) in zip(interfaces, files) {
            guard let tap = file.file.take() else { continue }
            let card = NetworkDevice(
                tap: tap, address: interface.hardwareAddress, mtu: UInt16(clamping: interface.mtu))
            plugged.append(PluggedInterface(registers: try machine.plug(card), interface: interface))
        }
        guard agent.state != .booting else {
            earlyInterfaces = (plugged, connection)
            return
        }
        try connect(plugged, for: connection)
    }

    private func connect(_ plugged: [PluggedInterface], for connection: ControlConnection?) throws(RuntimeError) {
        if let request = try agent.connect(plugged) { asking[request] = connection } else { answer(connection, .done) }
    }

    /// The agent is there: it gets the interfaces that came before it.
    func connectEarlyInterfaces() {
        guard let (list, connection) = earlyInterfaces else { return }
        earlyInterfaces = nil
        do throws(RuntimeError) {
            try connect(list, for: connection)
        } catch {
            fail(error)
        }
    }
}

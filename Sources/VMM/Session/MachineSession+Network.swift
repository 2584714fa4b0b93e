import AgentProtocol
import Devices
import Diagnostics
import Plans
import Syscalls

/// The guest's network interfaces.
extension MachineSession {
    /// Plugs in a card for each interface, and has the agent set it up, now or when there is an agent.
    ///
    /// - Parameters:
    ///   - interfaces: the interfaces.
    ///   - resolver: a resolver on a loopback address of the network namespace; nil where there is none.
    ///   - files: a tap for each interface, and behind them the sockets that lead to the resolver.
    ///   - connection: who wants to know how it went.
    func connect(
        _ interfaces: [NetworkInterface], resolver: InternetAddress?, _ files: [PassedFile],
        for connection: ControlConnection
    ) throws(RuntimeError) {
        let sockets = files.dropFirst(interfaces.count)
        guard files.count >= interfaces.count, sockets.isEmpty == (resolver == nil) else {
            throw RuntimeError(.usage, "\(interfaces.count) network interfaces came with \(files.count) files")
        }
        guard earlyInterfaces == nil else { throw RuntimeError(.wrongState, "the network was given already") }
        var plugged: [PluggedInterface] = []
        for (interface, file) in zip(interfaces, files) {
            guard let tap = file.file.take() else { continue }
            let card = NetworkDevice(
                tap: tap, address: interface.hardwareAddress, mtu: UInt16(clamping: interface.mtu))
            plugged.append(PluggedInterface(registers: try machine.plug(card), interface: interface))
        }
        // A guest has one; what came first is what its programs know.
        let isNew = resolver != nil && self.resolver == nil
        if isNew { self.resolver = ResolverRelay(sockets, on: machine.loop) }
        let wanted = isNew ? resolver : nil
        guard agent.state != .booting else {
            earlyInterfaces = (plugged, wanted, connection)
            return
        }
        try connect(plugged, resolver: wanted, for: connection)
    }

    private func connect(
        _ plugged: [PluggedInterface], resolver: InternetAddress?, for connection: ControlConnection?
    ) throws(RuntimeError) {
        if let request = try agent.connect(plugged, resolver: resolver) {
            asking[request] = connection
        } else {
            answer(connection, .done)
        }
    }

    /// The agent is there: it gets the interfaces that came before it.
    func connectEarlyInterfaces() {
        guard let (list, resolver, connection) = earlyInterfaces else { return }
        earlyInterfaces = nil
        do throws(RuntimeError) {
            try connect(list, resolver: resolver, for: connection)
        } catch {
            fail(error)
        }
    }
}

package import Diagnostics
package import Plans
import Syscalls

/// Network devices on their way from the calling thread's network namespace into another one (runtime-spec,
/// config-linux.md, "Network Devices").
///
/// Both namespaces are held open, so that devices can come back from one whose processes have ended. The calling thread
/// enters the other namespace for a moment at the beginning, and never after that.
package final class NetworkDeviceTransfer {
    /// A device that has left, as it was before, and what it is now.
    private struct Departed {
        var name: String
        var before: Link
        var addresses: [InterfaceAddress]
        var now: Link
    }

    private let outside: NetworkNamespace
    private let inside: NetworkNamespace
    private var departed: [Departed] = []

    /// Opens both ends.
    ///
    /// - Parameter path: the file of the other namespace, as in /proc/PID/ns/net.
    package init(into path: String) throws(RuntimeError) {
        let ends: (NetworkNamespace, NetworkNamespace?)
        do {
            let outside = try NetworkNamespace.current()
            ends = (outside, try NetworkNamespace.open(path, from: outside))
        } catch {
            throw RuntimeError(error, hint: privilegeHint(error))
                .during("enter the container's network namespace").during("linux.netDevices")
        }
        guard let inside = ends.1 else {
            throw RuntimeError(
                .invalidBundle,
                "linux.netDevices: the container's network namespace is the one that the devices are in already")
        }
        outside = ends.0
        self.inside = inside
    }

    /// Moves devices.
    ///
    /// Each has its new name then and its permanent addresses of global scope, and is up. What the kernel drops when a
    /// device moves and the runtime-spec does not ask for, such as routes, is gone.
    ///
    /// - Throws: why a device could not be moved; `putBack` is for the caller to call.
    package func move(_ moves: [NetworkDeviceMove]) throws(RuntimeError) {
        for move in moves {
            do {
                try perform(move)
            } catch {
                throw error.during("move \(move.hostName) into the container as \(move.containerName)")
                    .during("linux.netDevices")
            }
        }
    }

    /// Brings back every device that was moved, the last one first, with its old name, its addresses, and up where it was.
    ///
    /// - Returns: why one could not be, for each.
    package func putBack() -> [RuntimeError] {
        var failures: [RuntimeError] = []
        while let device = departed.popLast() {
            do {
                let back = try carry(device.now, from: inside, to: outside)
                try settle(back, named: device.name, formerly: device.name, device.addresses, in: outside)
                if device.before.isUp { try outside.socket.bringUp(back, subject: device.name) }
            } catch {
                failures.append(RuntimeError(error).during("bring the network device \(device.name) back"))
            }
        }
        return failures
    }

    private func perform(_ move: NetworkDeviceMove) throws(RuntimeError) {
        let name = move.containerName
        let device = try find(move)
        do {
            // BEFORE the move, which takes the device down and drops its addresses.
            let addresses = try outside.socket.addresses(of: device, subject: move.hostName)
                .filter(\.movesWithDevice)
            let now = try carry(device, from: outside, to: inside)
            departed.append(Departed(name: move.hostName, before: device, addresses: addresses, now: now))
            try settle(now, named: name, formerly: move.hostName, addresses, in: inside)
            try inside.socket.bringUp(now, subject: name)
        } catch {
            throw explain(error, name)
        }
    }

    /// The device to move, once everything is checked that can be before it is touched.
    private func find(_ move: NetworkDeviceMove) throws(RuntimeError) -> Link {
        do {
            guard let device = try outside.socket.link(named: move.hostName) else {
                throw RuntimeError(.notFound, "network device \(move.hostName) does not exist")
            }
            // A template is no name: the kernel finds one that is free.
            if !move.containerName.contains("%"), try inside.socket.link(named: move.containerName) != nil {
                throw nameTaken(move.containerName)
            }
            return device
        } catch let error as RuntimeError {
            throw error
        } catch let error as SystemError {
            throw RuntimeError(error)
        } catch {
            throw RuntimeError(.system, "\(error)")
        }
    }

    /// Takes a device from one namespace to the other, where it has a name of no meaning at first.
    ///
    /// Under its final name it could not be told from others: a template becomes whatever is free, and a device whose
    /// renaming fails keeps its old name.
    private func carry(
        _ link: Link, from origin: NetworkNamespace, to destination: NetworkNamespace
    ) throws(SystemError) -> Link {
        let passing = "mvrun-" + String(UInt32.random(in: .min ... .max), radix: 16)
        try origin.socket.move(link, to: destination.file, as: passing)
        guard let arrived = try destination.socket.link(named: passing) else {
            throw SystemError("RTM_GETLINK", passing, .noDevice)
        }
        return arrived
    }

    /// Gives a device that has arrived its name and its addresses.
    private func settle(
        _ link: Link, named name: String, formerly formerName: String, _ addresses: [InterfaceAddress],
        in namespace: NetworkNamespace
    ) throws(SystemError) {
        // BEFORE the addresses, whose labels take the name that the device has then.
        try namespace.socket.rename(link, to: name)
        for address in addresses {
            try namespace.socket.add(
                address.relabelled(from: formerName, to: name), to: link, subject: "\(address) of \(name)")
        }
    }
}

private func nameTaken(_ name: String) -> RuntimeError {
    RuntimeError(.alreadyExists, "a network device \(name) already exists there", errno: .exists)
}

private func explain(_ error: SystemError, _ name: String) -> RuntimeError {
    guard error.call == "RTM_SETLINK" else { return RuntimeError(error, hint: privilegeHint(error)) }
    switch error.errno {
    case .exists: return nameTaken(name)
    case .invalidArgument:
        return RuntimeError(
            error,
            hint: "the kernel keeps devices of some kinds, such as lo, in the network namespace they were made in")
    default: return RuntimeError(error, hint: privilegeHint(error))
    }
}

private func privilegeHint(_ error: SystemError) -> String? {
    guard error.errno == .notPermitted || error.errno == .accessDenied else { return nil }
    return "moving a network device takes root's privileges over the network namespace that it leaves"
}

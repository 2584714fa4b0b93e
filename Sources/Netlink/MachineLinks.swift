package import Diagnostics
package import Plans
package import Syscalls

/// How the names of the taps of machines begin; the number of the link behind it follows.
let machineTapPrefix = "mvrun"

/// A link of a network namespace that a virtual machine gets.
package struct MachineLink: Equatable, Sendable {
    /// Its number in the namespace.
    package var index: Int32
    /// What the guest gets of it.
    package var interface: NetworkInterface
    /// Whether somebody else has put filters on it already, which stay.
    package var hasIngress: Bool

    /// Describes a link.
    package init(index: Int32, interface: NetworkInterface, hasIngress: Bool) {
        self.index = index
        self.interface = interface
        self.hasIngress = hasIngress
    }
}

/// The links of the calling thread's network namespace, on their way into a virtual machine.
///
/// A tap device stands for the machine beside each link. A filter on either sends all that comes in at one out at the other, so
/// that the machine is, for everybody on the wire, what the link was.
package struct MachineLinks: ~Copyable {
    private let socket: NetlinkSocket

    /// Looks at the calling thread's network namespace.
    package init() throws(RuntimeError) {
        do {
            socket = try NetlinkSocket()
        } catch {
            throw RuntimeError(error).during("look at the network namespace")
        }
    }

    /// What a machine can have: the Ethernet links that are up.
    package borrowing func find() throws(RuntimeError) -> [MachineLink] {
        do {
            var links: [MachineLink] = []
            for (index, interface) in try socket.ethernetLinks() {
                var found = interface
                let addresses = try socket.addresses(of: Link(index: index, isUp: true), subject: interface.name)
                found.networks = addresses.compactMap { InterfaceNetwork($0) }
                found.routes = try socket.routes(through: index)
                found.neighbours = try socket.permanentNeighbours(of: index)
                links.append(
                    MachineLink(
                        index: index, interface: found,
                        hasIngress: try socket.hasIngress(index, subject: interface.name)))
            }
            return links
        } catch {
            throw RuntimeError(error).during("look at the network namespace")
        }
    }

    /// Ties a link to a tap device.
    ///
    /// - Returns: the tap's file, with which the tap ends.
    /// - Throws: why it cannot be; nothing is left on the link then.
    package borrowing func attach(_ link: MachineLink) throws(RuntimeError) -> OwnedDescriptor {
        do throws(SystemError) {
            let name = machineTapPrefix + "\(link.index)"
            let tap = try OwnedDescriptor.tap(named: name)
            let index = try socket.prepareTap(name, mtu: link.interface.mtu)
            try socket.addIngress(to: index, subject: name)
            try socket.redirect(from: index, to: link.index, subject: name)
            // The tap could be made, so no other machine has the link: what redirects its packets is left of one that has ended.
            if link.hasIngress { try? socket.removeRedirect(from: link.index, subject: link.interface.name) }
            // LAST: from here on the link's packets are the machine's.
            if !link.hasIngress { try socket.addIngress(to: link.index, subject: link.interface.name) }
            do throws(SystemError) {
                try socket.redirect(from: link.index, to: index, subject: link.interface.name)
            } catch {
                detach(link)
                throw error
            }
            return tap
        } catch {
            throw explained(error).during("give \(link.interface.name) to the machine")
        }
    }

    /// Whether a machine has the link at present.
    package borrowing func isAttached(_ link: MachineLink) -> Bool {
        do throws(SystemError) {
            return try socket.link(named: machineTapPrefix + "\(link.index)") != nil
        } catch {
            return false
        }
    }

    /// Takes away from a link what `attach` has put there; what is gone already is no error.
    package borrowing func detach(_ link: MachineLink) {
        let name = link.interface.name
        if link.hasIngress {
            try? socket.removeRedirect(from: link.index, subject: name)
        } else {
            try? socket.removeIngress(from: link.index, subject: name)
        }
    }

    private borrowing func explained(_ error: SystemError) -> RuntimeError {
        switch (error.call, error.errno) {
        case ("TUNSETIFF", .busy):
            return RuntimeError(
                .wrongState, "another virtual machine has it already", errno: .busy,
                hint: "one network namespace serves one virtual machine")
        case ("open", .noEntry), ("open", .noDevice):
            return RuntimeError(error, hint: "tap devices need the kernel's tun module (modprobe tun)")
        case (_, .notPermitted), (_, .accessDenied):
            return RuntimeError(error, hint: "it takes CAP_NET_ADMIN over the network namespace")
        case ("RTM_NEWQDISC", .noEntry), ("RTM_NEWTFILTER", .noEntry), ("RTM_NEWTFILTER", .notSupported):
            return RuntimeError(
                error, hint: "the host's kernel needs sch_ingress, cls_u32 and act_mirred (modprobe)")
        default: return RuntimeError(error)
        }
    }
}

extension MachineLink: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(index)
        writer.write(interface)
        writer.write(hasIngress)
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(
            index: try reader.number(), interface: try NetworkInterface(from: &reader),
            hasIngress: try reader.flag())
    }
}

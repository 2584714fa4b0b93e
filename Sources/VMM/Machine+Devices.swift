import Board
package import Diagnostics
import KVM
import Syscalls
package import Virtio

extension Machine {
    /// Plugs in a virtio device.
    ///
    /// The first one is at `MachineLayout.devices`, the others behind it.
    ///
    /// Its interrupt is raised by an eventfd, and what the driver writes to notify it signals one, so that neither stops a
    /// processor.
    package func add(_ device: any VirtioDevice) throws(RuntimeError) {
        let position = transports.count
        guard position < MachineLayout.deviceLimit else {
            throw RuntimeError(.unsupported, "a machine has at most \(MachineLayout.deviceLimit) devices")
        }
        let address = MachineLayout.address(ofDevice: position)
        let transport = try during("plug in device \(position)") {
            let interrupt = try InterruptEvent(MachineLayout.interrupt(ofDevice: position), of: machine)
            let transport = try MMIOTransport(device: device, memory: memory, interrupt: interrupt, loop: loop)
            try addresses.register(transport, at: address, length: MMIOTransport.windowSize)
            for (queue, event) in transport.notifyDescriptors.enumerated() {
                try machine.connect(
                    event: event.file.number, toWriteAt: address + MMIOTransport.notifyOffset, of: UInt32(queue))
            }
            return transport
        }
        transports.append(transport)
    }
}

import Board
package import Diagnostics
import KVM
import Syscalls
package import Virtio

extension Machine {
    /// Plugs in a virtio device, before the machine starts.
    ///
    /// The first one is at `MachineLayout.devices`, the others behind it.
    package func add(_ device: any VirtioDevice) throws(RuntimeError) {
        let position = try nextPosition()
        let transport = try during("plug in device \(position)") {
            let transport = try makeTransport(device, position: position, page: registerPage(position))
            try addresses.register(
                transport, at: MachineLayout.address(ofDevice: position), length: MMIOTransport.windowSize)
            return transport
        }
        transport.show()
        transports.append(transport)
    }

    /// Leaves places for devices that come when the guest runs, behind those that are there; before the machine starts.
    package func reserveSlots(_ count: Int) throws(RuntimeError) {
        for _ in 0..<count {
            let position = try nextPosition()
            let slot = try during("leave a place for a device") {
                let slot = DeviceSlot(position: position, page: try registerPage(position))
                try addresses.register(
                    slot, at: MachineLayout.address(ofDevice: position), length: MMIOTransport.windowSize)
                return slot
            }
            slots.append(slot)
        }
    }

    /// Plugs a device into a place that was left for one; to be called with the loop's turn.
    ///
    /// The guest finds it where its driver looks there again.
    ///
    /// - Returns: where its registers are.
    package func plug(_ device: any VirtioDevice) throws(RuntimeError) -> UInt64 {
        guard let slot = slots.first(where: \.isFree) else {
            throw RuntimeError(.unsupported, "the machine has no room for another device")
        }
        let transport = try during("plug in device \(slot.position)") {
            try makeTransport(device, position: slot.position, page: slot.page)
        }
        // A driver that looks at this moment finds either nothing, or a device that hears it.
        slot.fill(with: transport)
        transport.show()
        return MachineLayout.address(ofDevice: slot.position)
    }

    private func nextPosition() throws(RuntimeError) -> Int {
        let position = transports.count + slots.count
        guard position < MachineLayout.deviceLimit else {
            throw RuntimeError(.unsupported, "a machine has at most \(MachineLayout.deviceLimit) devices")
        }
        return position
    }

    /// A page of registers that the guest sees as memory, where KVM can show it without letting it be written.
    private func registerPage(_ position: Int) throws(SystemError) -> RegisterPage {
        let page = try RegisterPage()
        if showsRegisters {
            try machine.setMemory(
                slot: MachineLayout.memorySlot(ofDevice: position),
                guestAddress: MachineLayout.address(ofDevice: position), size: UInt64(RegisterPage.size),
                hostAddress: page.hostAddress, readOnly: true)
        }
        return page
    }

    /// Its interrupt is raised by an eventfd, and what the driver writes to notify it signals one, so that neither stops a
    /// processor.
    ///
    /// Nor does the acknowledgement of used buffers, which by itself changes nothing: the bit stays, and a driver that is told of
    /// something else later looks at its queues once more.
    private func makeTransport(
        _ device: any VirtioDevice, position: Int, page: RegisterPage
    ) throws -> MMIOTransport {
        let interrupt = try InterruptEvent(MachineLayout.interrupt(ofDevice: position), of: machine)
        let transport = try MMIOTransport(
            device: device, memory: memory, interrupt: interrupt, loop: loop, page: page)
        try machine.connect(
            event: acknowledged.file.number,
            toWriteAt: MachineLayout.address(ofDevice: position) + MMIOTransport.acknowledgeOffset, of: 1)
        for (queue, event) in transport.notifyDescriptors.enumerated() {
            try machine.connect(
                event: event.file.number,
                toWriteAt: MachineLayout.address(ofDevice: position) + MMIOTransport.notifyOffset, of: UInt32(queue))
        }
        return transport
    }
}

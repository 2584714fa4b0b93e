package import Plans

/// A network interface of a guest, and the device that it is for.
package struct PluggedInterface: Equatable, Sendable {
    /// Where the device's registers are, in the guest's physical addresses.
    package var registers: UInt64
    /// What becomes of it.
    package var interface: NetworkInterface

    /// Describes an interface.
    package init(registers: UInt64, interface: NetworkInterface) {
        self.registers = registers
        self.interface = interface
    }
}

extension PluggedInterface: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        writer.write(registers)
        writer.write(interface)
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        self.init(registers: try reader.number(), interface: try NetworkInterface(from: &reader))
    }
}

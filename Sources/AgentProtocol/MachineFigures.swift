package import Plans

/// What a machine's monitor knows of the machine without asking its guest; all in bytes.
package struct MachineFigures: Equatable, Sendable {
    /// The memory that the machine was made with.
    package var memory: UInt64
    /// How much of it the guest is asked to keep in the balloon.
    package var balloonTarget: UInt64
    /// How much of it the guest says is in the balloon.
    package var balloon: UInt64
    /// Whether the guest has a driver for the balloon.
    package var hasBalloonDriver: Bool
    /// How much memory the host keeps for the monitor, with what it keeps for the guest.
    package var resident: UInt64
    /// What the guest's kernel says it could still hand out without swapping; nil where it does not say.
    package var available: UInt64?

    /// Describes a machine.
    package init(
        memory: UInt64, balloonTarget: UInt64, balloon: UInt64, hasBalloonDriver: Bool, resident: UInt64,
        available: UInt64? = nil
    ) {
        self.memory = memory
        self.balloonTarget = balloonTarget
        self.balloon = balloon
        self.hasBalloonDriver = hasBalloonDriver
        self.resident = resident
        self.available = available
    }
}

extension MachineFigures: PlanCoded {
    package func write(to writer: inout PlanWriter) {
        for number in [memory, balloonTarget, balloon, resident] { writer.write(number) }
        writer.write(hasBalloonDriver)
        writer.write(optional: available) { $0.write($1) }
    }

    package init(from reader: inout PlanReader) throws(PlanFault) {
        let (memory, target): (UInt64, UInt64) = (try reader.number(), try reader.number())
        let (balloon, resident): (UInt64, UInt64) = (try reader.number(), try reader.number())
        self.init(
            memory: memory, balloonTarget: target, balloon: balloon, hasBalloonDriver: try reader.flag(),
            resident: resident,
            available: try reader.optional { reader throws(PlanFault) in try reader.number() })
    }
}

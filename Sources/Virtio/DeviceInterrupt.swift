package import Board
import Synchronization

/// How a device tells the driver that there is something to look at; from any thread.
package final class DeviceInterrupt: Sendable {
    private let line: any InterruptLine
    private let reasons = Atomic<UInt32>(0)
    private let changes = Atomic<UInt32>(0)

    /// Tells a driver by a line.
    package init(_ line: any InterruptLine) {
        self.line = line
    }

    /// There are used buffers.
    package func usedBuffers() {
        reasons.bitwiseOr(1, ordering: .acquiringAndReleasing)
        line.trigger()
    }

    /// The configuration has changed.
    package func configurationChanged() {
        changes.wrappingAdd(1, ordering: .acquiringAndReleasing)
        reasons.bitwiseOr(2, ordering: .acquiringAndReleasing)
        line.trigger()
    }

    /// What the driver has not acknowledged yet.
    var pending: UInt32 { reasons.load(ordering: .acquiring) }
    /// How often the configuration has changed.
    var generation: UInt32 { changes.load(ordering: .acquiring) }

    func acknowledge(_ bits: UInt32) {
        reasons.bitwiseAnd(~bits, ordering: .acquiringAndReleasing)
    }
}

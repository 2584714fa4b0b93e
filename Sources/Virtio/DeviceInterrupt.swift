package import Board

/// How a device tells the driver that there is something to look at; from any thread.
package final class DeviceInterrupt: Sendable {
    /// InterruptStatus and ConfigGeneration, virtio 1.2, 4.2.2.
    private static let (status, generation) = (0x60, 0xfc)

    private let line: any InterruptLine
    private let page: RegisterPage

    /// Tells a driver by a line, and the reasons in the registers.
    package init(_ line: any InterruptLine, _ page: RegisterPage) {
        self.line = line
        self.page = page
    }

    /// There are used buffers.
    package func usedBuffers() {
        page.insert(1, at: Self.status)
        line.trigger()
    }

    /// The configuration, or the status, has changed in the page.
    func configurationChanged() {
        page.increment(at: Self.generation)
        page.insert(2, at: Self.status)
        line.trigger()
    }

    /// The driver has seen reasons.
    func acknowledge(_ bits: UInt32) {
        page.remove(bits, at: Self.status)
    }
}

/// A line on which a device interrupts the guest, by its edge: each trigger is one interrupt, and there is no level to lower.
package protocol InterruptLine: Sendable {
    /// Interrupts; from any thread.
    func trigger()
}

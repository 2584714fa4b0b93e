package import Board

/// What a device works with once a driver is there.
package struct Activation: Sendable {
    /// What both sides agreed on.
    package let features: Features
    /// The guest's memory.
    package let memory: GuestMemory
    /// The queues by their numbers; nil for one that the driver does not use.
    package let queues: [Virtqueue?]
    /// The loop on which the device is called.
    package let loop: EventLoop
    /// To be called, with the loop's turn, when what the driver can read of the configuration has changed.
    package let configurationChanged: @Sendable () -> Void

    /// A queue; nil where the driver does not use it.
    package func queue(_ index: Int) -> Virtqueue? {
        queues.indices.contains(index) ? queues[index] : nil
    }
}

/// Memory of the device's that the guest sees, virtio 1.2, 2.10.
package struct SharedMemoryRegion: Equatable, Sendable {
    /// The number by which the driver asks for it.
    package let id: UInt32
    /// Where the guest sees it.
    package let address: UInt64
    /// Bytes.
    package let length: UInt64

    /// Describes a region.
    package init(id: UInt32, address: UInt64, length: UInt64) {
        self.id = id
        self.address = address
        self.length = length
    }
}

/// A device, whatever bus it is plugged into.
///
/// Every method is called with the turn of the transport's event loop, often on a virtual CPU's thread, so none runs while
/// another one or a handler of that loop does, and none may wait for a virtual CPU. The exception is `queueNotified` of a
/// queue for which `loop(ofQueue:)` names another loop: it has that loop's turn.
package protocol VirtioDevice: AnyObject, Sendable {
    /// What kind it is, virtio 1.2, 5.
    var deviceID: UInt32 { get }
    /// What it offers beyond `Features.transport`.
    var features: Features { get }
    /// How many entries each queue may have.
    var queueSizes: [UInt16] { get }
    /// The memory that it shares.
    var sharedMemoryRegions: [SharedMemoryRegion] { get }

    /// What the driver reads of the configuration: up to `RegisterPage.configurationSize` bytes, behind which are zeroes.
    ///
    /// Of what changes while there is a driver no more than one aligned word does at a time, so that no driver sees a mixture.
    var configuration: [UInt8] { get }
    /// What the driver writes to the configuration; what it may not change stays as it is.
    func writeConfiguration(_ value: UInt64, at offset: Int, size: Int)

    /// The loop to be told on of a queue's buffers; nil for the transport's.
    func loop(ofQueue index: Int) -> EventLoop?
    /// Starts: a driver is there. Each queue is notified once afterwards.
    func activate(_ activation: Activation)
    /// The driver has put buffers into a queue, or may have.
    func queueNotified(_ index: Int)
    /// Stops: once this returns nothing of the guest's memory is touched, on whatever thread.
    func reset()
}

extension VirtioDevice {
    /// None, as most devices.
    package var sharedMemoryRegions: [SharedMemoryRegion] { [] }

    /// The transport's, as for most devices.
    package func loop(ofQueue index: Int) -> EventLoop? { nil }

    /// None, as for several devices.
    package var configuration: [UInt8] { [] }

    /// Nothing of it can be changed, as for most devices.
    package func writeConfiguration(_ value: UInt64, at offset: Int, size: Int) {}
}

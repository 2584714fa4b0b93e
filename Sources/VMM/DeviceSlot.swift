import Board
import Synchronization
import Virtio

/// A place on the bus for a device that may come while the guest runs.
///
/// As long as none has, there is a placeholder: a device with the id 0, which virtio 1.2, 4.2.2 has for this, and which a
/// driver leaves alone.
final class DeviceSlot: BusDevice {
    /// The place's number among the machine's devices.
    let position: Int
    /// What a driver reads here, whatever is plugged in.
    let page: RegisterPage
    private let transport = Mutex<MMIOTransport?>(nil)

    /// Leaves a place.
    init(position: Int, page: RegisterPage) {
        self.position = position
        self.page = page
        page.store(MMIOTransport.magic, at: 0x00)
        page.store(MMIOTransport.version, at: 0x04)
    }

    /// Whether there is no device.
    var isFree: Bool { transport.withLock { $0 == nil } }

    /// Puts a device there, whose registers are in the page.
    func fill(with device: MMIOTransport) {
        transport.withLock { $0 = device }
    }

    func read(at offset: UInt64, size: Int) -> UInt64 {
        page.load(at: Int(clamping: offset), size: size)
    }

    func write(_ value: UInt64, at offset: UInt64, size: Int) {
        transport.withLock { $0 }?.write(value, at: offset, size: size)
    }
}

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
    private let transport = Mutex<MMIOTransport?>(nil)

    /// Leaves a place.
    init(position: Int) {
        self.position = position
    }

    /// Whether there is no device.
    var isFree: Bool { transport.withLock { $0 == nil } }

    /// Puts a device there.
    func fill(with device: MMIOTransport) {
        transport.withLock { $0 = device }
    }

    func read(at offset: UInt64, size: Int) -> UInt64 {
        if let device = transport.withLock({ $0 }) { return device.read(at: offset, size: size) }
        guard size == 4 else { return 0 }
        switch offset {
        case 0x00: return UInt64(MMIOTransport.magic)
        case 0x04: return UInt64(MMIOTransport.version)
        default: return 0
        }
    }

    func write(_ value: UInt64, at offset: UInt64, size: Int) {
        transport.withLock { $0 }?.write(value, at: offset, size: size)
    }
}

/// The device status field, virtio 1.2, 2.1.
package struct DeviceStatus: OptionSet, Sendable {
    /// As the standard numbers them.
    package let rawValue: UInt32

    /// Wraps bits.
    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// ACKNOWLEDGE: the guest has found the device.
    package static let acknowledge = DeviceStatus(rawValue: 1)
    /// DRIVER: it knows how to drive it.
    package static let driver = DeviceStatus(rawValue: 2)
    /// DRIVER_OK: it drives it.
    package static let driverReady = DeviceStatus(rawValue: 4)
    /// FEATURES_OK: both agree on the features.
    package static let featuresAccepted = DeviceStatus(rawValue: 8)
    /// DEVICE_NEEDS_RESET: the device has met something that it cannot go on from.
    package static let needsReset = DeviceStatus(rawValue: 64)
    /// FAILED: the guest has given up on the device.
    package static let failed = DeviceStatus(rawValue: 128)
    /// What a driver may set.
    static let driverBits: DeviceStatus = [.acknowledge, .driver, .driverReady, .featuresAccepted, .failed]
}

/// What a driver has written to the registers of a transport.
struct Registers {
    struct Queue {
        let largest: UInt16
        var layout = QueueLayout(size: 0, descriptors: 0, available: 0, used: 0)
        var ready = false
    }

    var status: DeviceStatus = []
    var accepted: Features = []
    var offeredPage: UInt32 = 0
    var acceptedPage: UInt32 = 0
    var queueIndex: UInt32 = 0
    var sharedMemoryID: UInt32 = 0
    var queues: [Queue]
    var active: [Virtqueue] = []
    /// Counts resets.
    let epoch: UInt64

    init(queueSizes: [UInt16], epoch: UInt64 = 0) {
        queues = queueSizes.map { Queue(largest: $0) }
        self.epoch = epoch
    }

    /// The queue that the queue registers stand for.
    var selected: Queue? {
        queueIndex < queues.count ? queues[Int(queueIndex)] : nil
    }

    /// Takes a write to a register that has no effect of its own.
    mutating func set(_ value: UInt32, at offset: UInt64) {
        switch offset {
        case 0x14: offeredPage = value
        case 0x24: acceptedPage = value
        case 0x20: accept(value)
        case 0x30: queueIndex = value
        case 0xac: sharedMemoryID = value
        case 0x38, 0x80...0xa4: setQueue(value, at: offset)
        default: break
        }
    }

    /// Features are settled by FEATURES_OK.
    ///
    /// One of a page that does not exist was not offered: a bit that no device has
    /// stands for it.
    private mutating func accept(_ value: UInt32) {
        guard !status.contains(.featuresAccepted) else { return }
        switch acceptedPage {
        case 0: accepted = Features(rawValue: accepted.rawValue & ~0xffff_ffff | UInt64(value))
        case 1: accepted = Features(rawValue: accepted.rawValue & 0xffff_ffff | UInt64(value) << 32)
        default: if value != 0 { accepted.insert(.bit(63)) }
        }
    }

    private mutating func setQueue(_ value: UInt32, at offset: UInt64) {
        guard let selected, !selected.ready, !status.contains(.driverReady) else { return }
        var layout = selected.layout
        switch offset {
        // What does not fit is no size at all.
        case 0x38: layout.size = UInt16(exactly: value) ?? 0
        case 0x80: layout.descriptors.setLow(value)
        case 0x84: layout.descriptors.setHigh(value)
        case 0x90: layout.available.setLow(value)
        case 0x94: layout.available.setHigh(value)
        case 0xa0: layout.used.setLow(value)
        case 0xa4: layout.used.setHigh(value)
        default: return
        }
        queues[Int(queueIndex)].layout = layout
    }
}

extension UInt64 {
    fileprivate mutating func setLow(_ value: UInt32) {
        self = self & ~0xffff_ffff | UInt64(value)
    }

    fileprivate mutating func setHigh(_ value: UInt32) {
        self = self & 0xffff_ffff | UInt64(value) << 32
    }
}

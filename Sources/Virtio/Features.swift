/// What a device offers and a driver accepts, virtio 1.2, 6: bits 0 to 23 and 50 up are the device's own.
package struct Features: OptionSet, Hashable, Sendable {
    /// As the standard numbers them.
    package let rawValue: UInt64

    /// Wraps features.
    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// One feature by its bit.
    package static func bit(_ number: Int) -> Features {
        Features(rawValue: 1 << UInt64(number))
    }

    /// VIRTIO_F_INDIRECT_DESC.
    package static let ringIndirectDescriptors = bit(28)
    /// VIRTIO_F_EVENT_IDX.
    package static let ringEventIndex = bit(29)
    /// VIRTIO_F_VERSION_1: not a legacy device.
    package static let version1 = bit(32)
    /// What each device of ours has by its transport.
    package static let transport: Features = [.version1, .ringEventIndex, .ringIndirectDescriptors]
}

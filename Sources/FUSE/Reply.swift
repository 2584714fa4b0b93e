import Syscalls

/// A reply in the making: room for its header, then what is appended.
struct Reply {
    private(set) var bytes: [UInt8]
    /// Bytes read from a file behind `bytes`, already where they belong.
    var appended = 0

    init() {
        bytes = [UInt8](repeating: 0, count: Wire.replyHeaderSize)
        bytes.reserveCapacity(256)
    }

    /// Bytes so far, the header included.
    var count: Int { bytes.count }

    mutating func append<T: FixedWidthInteger>(_ value: T) {
        for shift in stride(from: 0, to: T.bitWidth, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> T(shift)))
        }
    }

    mutating func append(zeroes count: Int) {
        bytes.append(contentsOf: repeatElement(0, count: count))
    }

    mutating func append(contentsOf more: some Collection<UInt8>) {
        bytes.append(contentsOf: more)
    }

    /// Drops everything behind a place.
    mutating func truncate(to count: Int) {
        bytes.removeLast(bytes.count - count)
    }

    mutating func reserve(_ count: Int) {
        bytes.reserveCapacity(count)
    }

    private mutating func put<T: FixedWidthInteger>(_ value: T, at place: Int) {
        for index in 0..<(T.bitWidth / 8) { bytes[place + index] = UInt8(truncatingIfNeeded: value >> T(8 * index)) }
    }

    /// Fills the header in.
    mutating func close(unique: UInt64, error: Errno?) {
        if error != nil {
            truncate(to: Wire.replyHeaderSize)
            appended = 0
        }
        put(UInt32(truncatingIfNeeded: bytes.count + appended), at: 0)
        put(-(error?.rawValue ?? 0), at: 4)
        put(unique, at: 8)
    }

    // MARK: Structures

    mutating func append(_ attributes: FileAttributes, inode: UInt64, flags: UInt32) {
        for value in [inode, attributes.size, attributes.blocks] { append(value) }
        for time in [attributes.access, attributes.modification, attributes.change] { append(time.seconds) }
        for time in [attributes.access, attributes.modification, attributes.change] { append(time.nanoseconds) }
        append(attributes.mode)
        append(attributes.links)
        append(attributes.user)
        append(attributes.group)
        append(Self.deviceNumber(attributes.representedDevice))
        append(attributes.blockSize)
        append(flags)
    }

    /// A device number as the kernel writes it in 32 bits.
    private static func deviceNumber(_ device: (major: UInt32, minor: UInt32)) -> UInt32 {
        device.minor & 0xff | device.major << 8 | (device.minor & ~0xff) << 12
    }

    /// The head of fuse_entry_out.
    mutating func append(node: UInt64, entryTimeout: Timeout, attributeTimeout: Timeout) {
        append(node)
        append(UInt64(0))
        append(entryTimeout.seconds)
        append(attributeTimeout.seconds)
        append(UInt32(0))
        append(UInt32(0))
    }

    mutating func append(_ time: FileAttributes.Time) {
        append(time.seconds)
        append(time.nanoseconds)
        append(Int32(0))
    }
}

/// How long a client may believe what it was told.
struct Timeout: Equatable {
    let seconds: UInt64
}

package import Board

/// A buffer that the driver offers: what it wants the device to read, then what it wants it to write.
///
/// One value is made and filled again for each buffer, so that nothing is allocated on the way.
package struct DescriptorChain: Sendable {
    /// The number under which it is given back.
    package internal(set) var head: UInt16 = 0
    /// What the device reads.
    package internal(set) var readable = SegmentList()
    /// What the device writes.
    package internal(set) var writable = SegmentList()

    /// Makes a chain to be filled.
    package init() {}

    mutating func begin(_ head: UInt16) {
        self.head = head
        readable.removeAll()
        writable.removeAll()
    }
}

/// An entry of a descriptor table, virtio 1.2, 2.7.5: loaded once, for the guest may change it at any time.
struct Descriptor {
    let address: UInt64
    let length: UInt32
    let flags: UInt16
    let next: UInt16

    @inline(__always)
    init(in table: GuestWindow, at offset: Int) {
        address = table.load64(offset)
        let rest = table.load64(offset &+ 8)
        length = UInt32(truncatingIfNeeded: rest)
        flags = UInt16(truncatingIfNeeded: rest >> 32)
        next = UInt16(truncatingIfNeeded: rest >> 48)
    }

    var hasNext: Bool { flags & 1 != 0 }
    var isWritable: Bool { flags & 2 != 0 }
    var isIndirect: Bool { flags & 4 != 0 }
}

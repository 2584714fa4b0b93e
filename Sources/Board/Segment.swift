/// A run of bytes in the guest's memory.
package struct Segment: Equatable, Sendable {
    /// Where it starts, as the guest counts.
    package let address: UInt64
    /// Bytes.
    package let length: UInt32

    /// Names a run of bytes, whether or not there is memory.
    package init(address: UInt64, length: UInt32) {
        self.address = address
        self.length = length
    }
}

/// Runs of bytes in the guest's memory that are one buffer: byte `n` of the buffer is the n-th of all of them.
///
/// A list is made to be filled again and again: emptying it keeps its room.
package struct SegmentList: Sendable {
    /// The runs, none of them empty.
    package private(set) var segments: [Segment] = []
    /// Bytes in all of them.
    package private(set) var byteCount = 0

    /// Makes an empty list.
    package init() {}

    /// Makes a list.
    package init(_ segments: [Segment]) {
        for segment in segments { append(segment) }
    }

    /// Adds a run at the end; an empty one adds nothing.
    package mutating func append(_ segment: Segment) {
        if segment.length == 0 { return }
        segments.append(segment)
        // Never overflows: 2^31 runs of 2^32 bytes would be needed.
        byteCount &+= Int(segment.length)
    }

    /// Takes runs away from the front.
    package mutating func removeFirst(_ count: Int) {
        for segment in segments.prefix(count) { byteCount &-= Int(segment.length) }
        segments.removeFirst(min(count, segments.count))
    }

    /// Adds the runs of another list at the end.
    package mutating func append(contentsOf list: SegmentList) {
        segments.append(contentsOf: list.segments)
        byteCount &+= list.byteCount
    }

    /// Empties the list.
    package mutating func removeAll() {
        if byteCount == 0 { return }
        segments.removeAll(keepingCapacity: true)
        byteCount = 0
    }
}

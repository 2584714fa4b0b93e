/// A device that the guest reaches by addresses or ports.
///
/// Virtual CPUs call it, several at the same time.
package protocol BusDevice: AnyObject, Sendable {
    /// What the guest reads.
    ///
    /// - Parameters:
    ///   - offset: from the start of the device's range; the access lies inside it.
    ///   - size: 1, 2, 4 or 8 bytes.
    func read(at offset: UInt64, size: Int) -> UInt64
    /// What the guest writes.
    ///
    /// - Parameters:
    ///   - value: as many low bytes as `size` says.
    ///   - offset: from the start of the device's range; the access lies inside it.
    ///   - size: 1, 2, 4 or 8 bytes.
    func write(_ value: UInt64, at offset: UInt64, size: Int)
}

/// Why a device cannot have a range of a bus.
package enum BusFault: Error, Equatable, Sendable {
    /// The range is empty or goes beyond the last address.
    case notARange(base: UInt64, length: UInt64)
    /// Another device has some of it.
    case taken(base: UInt64, length: UInt64)
}

/// Which device answers at which address; one for memory, one for ports.
///
/// It is a value: put together first, then given to the virtual CPUs, and changed no more.
package struct Bus: Sendable {
    private struct Range: Sendable {
        let base: UInt64
        let last: UInt64
        let device: any BusDevice
    }

    // In ascending order, none overlapping.
    private var ranges: [Range] = []

    /// Makes a bus with nobody on it.
    package init() {}

    /// Gives a device a range of addresses.
    package mutating func register(_ device: any BusDevice, at base: UInt64, length: UInt64) throws(BusFault) {
        let (last, overflow) = base.addingReportingOverflow(length &- 1)
        guard length > 0, !overflow else { throw .notARange(base: base, length: length) }
        let position = ranges.firstIndex { $0.base > base } ?? ranges.count
        if position > 0, ranges[position - 1].last >= base { throw .taken(base: base, length: length) }
        if position < ranges.count, ranges[position].base <= last { throw .taken(base: base, length: length) }
        ranges.insert(Range(base: base, last: last, device: device), at: position)
    }

    /// What the guest reads: all ones where nobody answers, and for an access that is only partly a device's.
    package func read(_ address: UInt64, size: Int) -> UInt64 {
        let ones = size >= 8 ? UInt64.max : (1 << (UInt64(max(size, 0)) * 8)) - 1
        guard let range = range(of: address, size) else { return ones }
        return range.device.read(at: address &- range.base, size: size) & ones
    }

    /// Hands over what the guest writes; where nobody answers it is lost.
    package func write(_ value: UInt64, to address: UInt64, size: Int) {
        guard let range = range(of: address, size) else { return }
        range.device.write(value, at: address &- range.base, size: size)
    }

    private func range(of address: UInt64, _ size: Int) -> Range? {
        guard size > 0, size <= 8 else { return nil }
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].last < address { low = middle + 1 } else { high = middle }
        }
        guard low < ranges.count, ranges[low].base <= address else { return nil }
        return UInt64(size) &- 1 <= ranges[low].last &- address ? ranges[low] : nil
    }
}

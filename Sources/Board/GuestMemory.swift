import CLinux
import Glibc
package import Syscalls

/// An address that the guest gave, and where there is no memory.
package struct MemoryFault: Error, Equatable, Sendable {
    /// Where the access started.
    package let address: UInt64
    /// How many bytes it was to touch.
    package let count: UInt64
}

/// The memory of a guest: one private mapping, of huge pages where the host has them.
///
/// A guest touches most of what its kernel is in the first second, and each small page of it is a fault: with huge pages the
/// host spends less than half the time on a boot (docs/decisions/0012-guest-memory.md).
///
/// Everything below 0xC000_0000 is memory up to the size asked for; what does not fit there follows at 4 GiB, so that the
/// gigabyte below 4 GiB is free for devices. Virtual CPUs change the memory at any time: whoever checks a value loads it
/// once. No pointer into it leaves this module but for the one that KVM gets.
@safe package final class GuestMemory: Sendable {
    /// A part of the memory whose addresses follow each other in the guest, the mapping and the file.
    package struct Region: Equatable, Sendable {
        /// Where the guest sees it.
        package let address: UInt64
        /// Bytes.
        package let size: UInt64
        /// Where it is mapped here, for KVM_SET_USER_MEMORY_REGION.
        package let hostAddress: UInt
    }

    /// Where memory ends below 4 GiB.
    package static let gapStart: UInt64 = 0xC000_0000
    /// Where it goes on.
    package static let gapEnd: UInt64 = 0x1_0000_0000
    /// The unit of its size.
    package static let pageSize: UInt64 = 4096

    /// Bytes in all.
    package let size: UInt64
    private let lowSize: UInt64
    private let highSize: UInt64
    // SAFETY: a mapping of `size` bytes, made in init and unmapped in deinit; every use goes through `place`.
    private nonisolated(unsafe) let base: UnsafeMutableRawPointer

    /// Makes memory full of zeroes, which costs nothing until it is touched.
    ///
    /// - Parameter sizeBytes: how much, rounded up to whole pages.
    package init(sizeBytes: UInt64) throws(SystemError) {
        guard sizeBytes > 0, sizeBytes <= 1 << 44 else {
            throw SystemError("mmap", "\(sizeBytes) bytes", Errno(rawValue: EINVAL))
        }
        let size = (sizeBytes + Self.pageSize - 1) & ~(Self.pageSize - 1)
        let start = clx_map_guest_memory(size)
        guard let base = unsafe UnsafeMutableRawPointer(bitPattern: start) else {
            throw SystemError("mmap", "\(size) bytes of guest memory", .current)
        }
        self.size = size
        lowSize = min(size, Self.gapStart)
        highSize = size - lowSize
        unsafe self.base = base
    }

    deinit {
        unsafe munmap(base, Int(size))
    }

    /// The parts of the memory, in ascending order.
    package var regions: [Region] {
        let start = UInt(bitPattern: unsafe base)
        let low = Region(address: 0, size: lowSize, hostAddress: start)
        if highSize == 0 { return [low] }
        return [low, Region(address: Self.gapEnd, size: highSize, hostAddress: start + UInt(lowSize))]
    }

    /// Whether there is memory behind each of the addresses; none at all is nowhere.
    package func contains(_ address: UInt64, _ count: UInt64) -> Bool {
        count > 0 && offset(of: address, count) != nil
    }

    /// Where a run of bytes lies in the mapping and the file.
    @inline(__always)
    private func offset(of address: UInt64, _ count: UInt64) -> Int? {
        if address < lowSize {
            return count <= lowSize &- address ? Int(truncatingIfNeeded: address) : nil
        }
        guard address >= Self.gapEnd else { return nil }
        let offset = address &- Self.gapEnd
        guard offset < highSize, count <= highSize &- offset else { return nil }
        return Int(truncatingIfNeeded: lowSize &+ offset)
    }

    /// Where a run of bytes is mapped.
    @inline(__always)
    func place(_ address: UInt64, _ count: UInt64) throws(MemoryFault) -> UnsafeMutableRawPointer {
        guard let offset = offset(of: address, count) else { throw MemoryFault(address: address, count: count) }
        return unsafe base + offset
    }

    /// Gives memory back to the host: the guest finds zeroes there.
    ///
    /// The corresponding system call is `madvise(2)` with MADV_DONTNEED.
    ///
    /// - Parameters:
    ///   - address: a multiple of the page size.
    ///   - count: a multiple of the page size.
    package func discard(_ address: UInt64, _ count: UInt64) throws(SystemError) {
        let subject = "\(count) bytes of guest memory"
        guard let place = unsafe try? place(address, count), (address | count) & (Self.pageSize - 1) == 0 else {
            throw SystemError("madvise", subject, Errno(rawValue: EFAULT))
        }
        // SAFETY: the pages are this memory's own, and stay mapped.
        try syscall("madvise", on: subject) { unsafe clx_discard(place, count) }
    }

    /// How many bytes of it the host keeps for the guest right now.
    package func residentBytes() throws(SystemError) -> UInt64 {
        var pages = [UInt8](repeating: 0, count: Int(size / Self.pageSize))
        // SAFETY: the kernel writes a byte for each page of the mapping.
        try syscall("mincore", on: "guest memory") { unsafe mincore(base, Int(size), &pages) }
        return pages.reduce(0) { $0 + UInt64($1 & 1) } * Self.pageSize
    }
}

import Glibc
package import Syscalls

/// Addresses of a guest's behind which parts of files appear, and nothing otherwise; virtio 1.2, 2.10, "Shared Memory Regions".
///
/// It is not memory of the guest's: no device reads or writes there on the guest's word, since a file that somebody has cut
/// short in the meantime would stop the monitor with SIGBUS. A processor that touches what is not there does not go on.
@safe package final class SharedWindow: Sendable {
    /// The unit of what is mapped, and of its place: what Linux maps at a time (FUSE_DAX_SZ), and a huge page.
    package static let unit: UInt64 = 2 << 20

    /// Where the guest sees it, a multiple of `unit`.
    package let guestAddress: UInt64
    /// Bytes, a multiple of `unit`.
    package let size: UInt64
    /// Where it is mapped here, for KVM_SET_USER_MEMORY_REGION.
    package var hostAddress: UInt { UInt(bitPattern: unsafe base) }

    // SAFETY: `size` bytes of addresses inside of a reservation of `reserved` bytes, made in init and unmapped in deinit;
    // what is mapped over a part of it is checked to lie inside, and never touched by this process.
    private nonisolated(unsafe) let base: UnsafeMutableRawPointer
    private nonisolated(unsafe) let reservation: UnsafeMutableRawPointer
    private let reserved: Int

    /// Reserves the addresses; nothing is behind them.
    ///
    /// - Parameters:
    ///   - guestAddress: where the guest is to see it.
    ///   - sizeBytes: how large; both are rounded up to a multiple of `unit`.
    package init(guestAddress: UInt64, sizeBytes: UInt64) throws(SystemError) {
        guard sizeBytes > 0, sizeBytes <= 1 << 40, guestAddress <= 1 << 46 else {
            throw SystemError("mmap", "a window of \(sizeBytes) bytes", Errno(rawValue: EINVAL))
        }
        self.guestAddress = Self.roundedUp(guestAddress)
        size = Self.roundedUp(sizeBytes)
        reserved = Int(size + Self.unit)
        let start = unsafe mmap(nil, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let start = unsafe start, unsafe start != MAP_FAILED else {
            throw SystemError("mmap", "a window of \(size) bytes", .current)
        }
        unsafe reservation = start
        let excess = UInt(bitPattern: start) & UInt(Self.unit - 1)
        unsafe base = start + (excess == 0 ? 0 : Int(UInt(Self.unit) - excess))
    }

    deinit {
        unsafe munmap(reservation, reserved)
    }

    private static func roundedUp(_ value: UInt64) -> UInt64 {
        (value + unit - 1) & ~(unit - 1)
    }

    /// Whether a part is whole units inside of the window.
    package func contains(_ offset: UInt64, _ count: UInt64) -> Bool {
        (offset | count) & (Self.unit - 1) == 0 && count > 0 && offset < size && count <= size - offset
    }

    /// Maps a part of a file, in place of what was there.
    ///
    /// The corresponding system call is `mmap(2)` with MAP_SHARED and MAP_FIXED.
    ///
    /// - Parameters:
    ///   - file: the file, open for reading, and for writing where it is `writable`.
    ///   - position: where in the file, a multiple of a page.
    ///   - count: bytes, a multiple of `unit`; what is behind the file's end is not there.
    ///   - offset: where in the window, a multiple of `unit`.
    ///   - writable: whether the guest may write there.
    package func map(
        _ file: borrowing OwnedDescriptor, from position: Int64, count: UInt64, at offset: UInt64, writable: Bool
    ) throws(SystemError) {
        guard contains(offset, count), position >= 0 else {
            throw SystemError("mmap", "a window", Errno(rawValue: EINVAL))
        }
        let protection = PROT_READ | (writable ? PROT_WRITE : 0)
        // SAFETY: the part lies inside of this window's own addresses, checked above.
        let mapped = unsafe mmap(
            base + Int(offset), Int(count), protection, MAP_SHARED | MAP_FIXED, file.number, Int(position))
        guard unsafe mapped != MAP_FAILED else { throw SystemError("mmap", "a window", .current) }
    }

    /// Empties a part.
    ///
    /// - Parameters:
    ///   - offset: where in the window, a multiple of `unit`.
    ///   - count: bytes, a multiple of `unit`.
    package func unmap(at offset: UInt64, _ count: UInt64) throws(SystemError) {
        guard contains(offset, count) else { throw SystemError("mmap", "a window", Errno(rawValue: EINVAL)) }
        // SAFETY: as above. Another reservation takes the place, so that nothing else ever comes there.
        let mapped = unsafe mmap(
            base + Int(offset), Int(count), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0)
        guard unsafe mapped != MAP_FAILED else { throw SystemError("mmap", "a window", .current) }
    }
}

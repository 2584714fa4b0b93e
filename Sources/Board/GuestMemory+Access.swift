import CLinux
import Glibc

extension GuestMemory {
    /// Loads a little-endian number.
    package func load<T: FixedWidthInteger>(_ address: UInt64, as type: T.Type) throws(MemoryFault) -> T {
        let place = try unsafe place(address, UInt64(T.bitWidth / 8))
        switch T.bitWidth {
        case 8: return T(truncatingIfNeeded: unsafe clx_load8(place))
        case 16: return T(truncatingIfNeeded: unsafe clx_load16(place))
        case 32: return T(truncatingIfNeeded: unsafe clx_load32(place))
        default: return T(truncatingIfNeeded: unsafe clx_load64(place))
        }
    }

    /// Stores a little-endian number.
    package func store<T: FixedWidthInteger>(_ value: T, at address: UInt64) throws(MemoryFault) {
        let place = try unsafe place(address, UInt64(T.bitWidth / 8))
        switch T.bitWidth {
        case 8: unsafe clx_store8(place, UInt8(truncatingIfNeeded: value))
        case 16: unsafe clx_store16(place, UInt16(truncatingIfNeeded: value))
        case 32: unsafe clx_store32(place, UInt32(truncatingIfNeeded: value))
        default: unsafe clx_store64(place, UInt64(truncatingIfNeeded: value))
        }
    }

    /// Copies bytes out.
    package func read(_ address: UInt64, _ count: Int) throws(MemoryFault) -> [UInt8] {
        guard count > 0 else { return [] }
        let place = try unsafe place(address, UInt64(count))
        return unsafe Array(UnsafeRawBufferPointer(start: place, count: count))
    }

    /// Copies bytes in.
    package func write(_ bytes: [UInt8], at address: UInt64) throws(MemoryFault) {
        guard !bytes.isEmpty else { return }
        let place = try unsafe place(address, UInt64(bytes.count))
        // SAFETY: `place` has room for all of them.
        unsafe bytes.withUnsafeBytes { buffer in
            unsafe place.copyMemory(from: buffer.baseAddress ?? UnsafeRawPointer(place), byteCount: buffer.count)
        }
    }

    /// Fills with zeroes.
    package func zero(at address: UInt64, count: UInt64) throws(MemoryFault) {
        guard count > 0 else { return }
        let place = try unsafe place(address, count)
        unsafe memset(place, 0, Int(count))
    }

    /// A part of the memory, checked once, for what is accessed all the time.
    ///
    /// - Parameters:
    ///   - address: where it starts, a multiple of four at least where it is accessed with acquire or release.
    ///   - count: bytes.
    package func window(at address: UInt64, count: Int) throws(MemoryFault) -> GuestWindow {
        guard count > 0 else { throw MemoryFault(address: address, count: 0) }
        let place = try unsafe place(address, UInt64(count))
        return unsafe GuestWindow(of: self, at: place, count: count)
    }
}

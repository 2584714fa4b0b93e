import CLinux

/// A part of the guest's memory whose addresses were checked when it was made: the rings of a queue.
///
/// An offset that does not lie inside is a mistake of the caller's, never the guest's, and stops the program: callers take
/// what the guest gives modulo the size of the ring first.
@safe package struct GuestWindow: @unchecked Sendable {
    private let memory: GuestMemory
    // SAFETY: `count` bytes of `memory`'s mapping, which `memory` keeps.
    private let start: UnsafeMutableRawPointer
    /// Bytes.
    package let count: Int

    init(of memory: GuestMemory, at start: UnsafeMutableRawPointer, count: Int) {
        self.memory = memory
        unsafe self.start = start
        self.count = count
    }

    @inline(__always)
    private func place(_ offset: Int, _ size: Int) -> UnsafeMutableRawPointer {
        precondition(offset >= 0 && offset <= count &- size, "an access lies inside its window")
        return unsafe start + offset
    }

    /// Loads 16 bits.
    package func load16(_ offset: Int) -> UInt16 {
        unsafe clx_load16(place(offset, 2))
    }

    /// Loads 32 bits.
    package func load32(_ offset: Int) -> UInt32 {
        unsafe clx_load32(place(offset, 4))
    }

    /// Loads 64 bits.
    package func load64(_ offset: Int) -> UInt64 {
        unsafe clx_load64(place(offset, 8))
    }

    /// Stores 16 bits.
    package func store16(_ value: UInt16, at offset: Int) {
        unsafe clx_store16(place(offset, 2), value)
    }

    /// Stores 32 bits.
    package func store32(_ value: UInt32, at offset: Int) {
        unsafe clx_store32(place(offset, 4), value)
    }

    /// Loads 16 bits; what follows in the program sees what the guest stored before them.
    package func loadAcquire16(_ offset: Int) -> UInt16 {
        unsafe clx_load_acquire16(place(offset, 2))
    }

    /// Stores 16 bits; whoever sees them sees what was stored before.
    package func storeRelease16(_ value: UInt16, at offset: Int) {
        unsafe clx_store_release16(place(offset, 2), value)
    }
}

/// Orders stores before it with loads after it, as two sides that each store and then look at the other need it.
package func fullBarrier() {
    clx_full_barrier()
}

import CLinux
import Glibc
package import Syscalls

/// All that a driver can read of a transport, in a page of memory: its registers and, behind them, the configuration.
///
/// Where KVM shows the page to the guest, as memory that it cannot write, a read is a load like any other and stops no
/// processor: with virtio-mmio every interrupt begins with one. A write there is an exit as without the page.
@safe package final class RegisterPage: Sendable {
    /// Bytes: those of the transport's window, virtio 1.2, 4.2.2.
    package static let size = 0x1000
    /// Where the configuration begins, and how many bytes of it there can be; no device has more.
    package static let (configuration, configurationSize) = (0x100, 0x100)

    /// Where it is mapped here, for KVM_SET_USER_MEMORY_REGION.
    package var hostAddress: UInt { UInt(bitPattern: unsafe base) }

    // SAFETY: a mapping of `size` bytes, made in init and unmapped in deinit, which a machine whose memory it is outlives;
    // every access is checked to lie inside, and whole for the processors that look meanwhile.
    private nonisolated(unsafe) let base: UnsafeMutableRawPointer

    /// Makes a page of zeroes.
    package init() throws(SystemError) {
        let start = unsafe mmap(nil, Self.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let start = unsafe start, unsafe start != MAP_FAILED else {
            throw SystemError("mmap", "a page of registers", .current)
        }
        unsafe base = start
    }

    deinit {
        unsafe munmap(base, Self.size)
    }

    /// What a driver reads: a little-endian number; zeroes stand for what is beyond the end.
    package func load(at offset: Int, size: Int) -> UInt64 {
        if size == 4, isRegister(offset) { return UInt64(unsafe clx_load_acquire32(base + offset)) }
        var value: UInt64 = 0
        for index in 0..<max(0, min(size, 8)) where offset >= 0 && offset < Self.size - index {
            value |= UInt64(unsafe clx_load8(base + offset + index)) << UInt64(8 * index)
        }
        return value
    }

    /// Changes a register.
    package func store(_ value: UInt32, at offset: Int) {
        check(offset)
        unsafe clx_store_release32(base + offset, value)
    }

    /// Sets bits of a register, whoever else changes it at the same time.
    func insert(_ bits: UInt32, at offset: Int) {
        check(offset)
        unsafe clx_or32(base + offset, bits)
    }

    /// Clears bits of a register, whoever else changes it at the same time.
    func remove(_ bits: UInt32, at offset: Int) {
        check(offset)
        unsafe clx_and32(base + offset, ~bits)
    }

    /// Adds one to a register.
    func increment(at offset: Int) {
        check(offset)
        unsafe clx_add32(base + offset, 1)
    }

    /// Shows a configuration, a word at a time: what has not changed stays as it is.
    func store(configuration bytes: [UInt8]) {
        precondition(bytes.count <= Self.configurationSize, "a configuration fits into its place")
        for start in stride(from: 0, to: Self.configurationSize, by: 4) {
            let word = bytes.dropFirst(start).prefix(4).reversed().reduce(0 as UInt32) { $0 << 8 | UInt32($1) }
            store(word, at: Self.configuration + start)
        }
    }

    private func check(_ offset: Int) {
        precondition(isRegister(offset), "a register is an aligned word of the page")
    }

    private func isRegister(_ offset: Int) -> Bool {
        offset >= 0 && offset <= Self.size - 4 && offset & 3 == 0
    }
}

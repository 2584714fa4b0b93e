import CLinux
import Glibc
package import Syscalls

// Between buffers in the guest's memory and files or bytes of ours. The addresses of a list are checked here, whoever made
// it: where there is no memory a transfer to or from a file is an EFAULT, and a copy ends.
extension GuestMemory {
    /// How many runs readv(2) and its relatives take, IOV_MAX.
    private static let vectorLimit = 1024

    /// Reads from a file into a part of a buffer, once.
    ///
    /// The corresponding system calls are `readv(2)` and `preadv(2)`.
    ///
    /// - Parameters:
    ///   - file: an open file.
    ///   - fileOffset: where in the file; nil for its own position, and for what has none.
    ///   - list: the buffer.
    ///   - offset: where in the buffer the first byte goes.
    ///   - limit: the most bytes to read.
    /// - Returns: how many bytes were read, which may be fewer than there is room for; 0 at the end of the file.
    package func receive(
        from file: borrowing OwnedDescriptor, fileOffset: Int64? = nil, into list: borrowing SegmentList,
        at offset: Int = 0, limit: Int = .max
    ) throws(SystemError) -> Int {
        let number = file.number
        return try unsafe transfer("readv", number, list, offset, limit) { vectors, count in
            unsafe clx_read_vectors(number, vectors, count, fileOffset ?? -1)
        }
    }

    /// Writes a part of a buffer to a file, once.
    ///
    /// The corresponding system calls are `writev(2)` and `pwritev(2)`.
    ///
    /// - Parameters:
    ///   - file: an open file.
    ///   - fileOffset: where in the file; nil for its own position, and for what has none.
    ///   - list: the buffer.
    ///   - offset: where in the buffer the first byte is.
    ///   - limit: the most bytes to write.
    /// - Returns: how many bytes were written, which may be fewer than there are.
    package func send(
        to file: borrowing OwnedDescriptor, fileOffset: Int64? = nil, from list: borrowing SegmentList,
        at offset: Int = 0, limit: Int = .max
    ) throws(SystemError) -> Int {
        let number = file.number
        return try unsafe transfer("writev", number, list, offset, limit) { vectors, count in
            unsafe clx_write_vectors(number, vectors, count, fileOffset ?? -1)
        }
    }

    private func transfer(
        _ call: StaticString, _ number: Int32, _ list: borrowing SegmentList, _ offset: Int, _ limit: Int,
        _ body: (UnsafePointer<iovec>, Int32) -> Int
    ) throws(SystemError) -> Int {
        let capacity = min(list.segments.count, Self.vectorLimit)
        if capacity == 0 { return 0 }
        var failure: SystemError?
        // SAFETY: the vectors that are used were filled by `fill`, from places checked there.
        let count = unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: capacity) { vectors -> Int in
            do throws(SystemError) {
                guard let used = unsafe fill(vectors, with: list, offset, limit), let start = vectors.baseAddress else {
                    throw SystemError("\(call)", "guest memory", Errno(rawValue: EFAULT))
                }
                if used == 0 { return 0 }
                return try syscall(call, on: "\(number)") { unsafe body(start, Int32(used)) }
            } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
        return count
    }

    /// Where the runs of a part of a buffer are mapped.
    ///
    /// - Returns: how many vectors it took; nil where a run is not in memory.
    private func fill(
        _ vectors: UnsafeMutableBufferPointer<iovec>, with list: borrowing SegmentList, _ offset: Int, _ limit: Int
    ) -> Int? {
        var (skip, left, used) = (max(offset, 0), limit, 0)
        for segment in list.segments {
            if left <= 0 || used == vectors.count { break }
            let length = Int(segment.length)
            if skip >= length {
                skip &-= length
                continue
            }
            let count = min(length &- skip, left)
            guard let place = unsafe place(segment, skip, count) else { return nil }
            unsafe vectors.initializeElement(at: used, to: iovec(iov_base: place, iov_len: count))
            (skip, left, used) = (0, left &- count, used &+ 1)
        }
        return used
    }

    @inline(__always)
    private func place(_ segment: Segment, _ skip: Int, _ count: Int) -> UnsafeMutableRawPointer? {
        let (address, overflow) = segment.address.addingReportingOverflow(UInt64(skip))
        return overflow ? nil : try? unsafe place(address, UInt64(count))
    }

    /// Calls a body with each place of a part of a buffer, until the part or the buffer ends or there is no memory.
    ///
    /// - Returns: how many bytes the places have in all.
    private func forEachPlace(
        of list: borrowing SegmentList, at offset: Int, limit: Int,
        _ body: (_ place: UnsafeMutableRawPointer, _ count: Int, _ done: Int) -> Void
    ) -> Int {
        var (skip, done) = (max(offset, 0), 0)
        for segment in list.segments {
            if done >= limit { break }
            let length = Int(segment.length)
            if skip >= length {
                skip &-= length
                continue
            }
            let count = min(length &- skip, limit &- done)
            guard let place = unsafe place(segment, skip, count) else { break }
            unsafe body(place, count, done)
            (skip, done) = (0, done &+ count)
        }
        return done
    }

    /// Copies a part of a buffer out, as much as there is room for.
    ///
    /// - Returns: how many bytes there were.
    package func copy(
        from list: borrowing SegmentList, at offset: Int = 0, into bytes: inout [UInt8]
    ) -> Int {
        // SAFETY: `done + count` never exceeds the limit, which is the array's own count.
        unsafe bytes.withUnsafeMutableBytes { buffer in
            unsafe forEachPlace(of: list, at: offset, limit: buffer.count) { place, count, done in
                if let start = buffer.baseAddress { unsafe memcpy(start + done, place, count) }
            }
        }
    }

    /// Copies a part of a buffer out.
    ///
    /// - Returns: `count` bytes, or fewer where the buffer ends.
    package func copy(from list: borrowing SegmentList, at offset: Int = 0, count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: max(0, min(count, list.byteCount &- max(offset, 0))))
        let copied = copy(from: list, at: offset, into: &bytes)
        if copied < bytes.count { bytes.removeLast(bytes.count - copied) }
        return bytes
    }

    /// Copies bytes into a part of a buffer, as many as there is room for.
    ///
    /// - Returns: how many bytes there was room for.
    @discardableResult
    package func copy(_ bytes: Span<UInt8>, to list: borrowing SegmentList, at offset: Int = 0) -> Int {
        // SAFETY: `done + count` never exceeds the limit, which is the span's own count.
        unsafe bytes.withUnsafeBytes { buffer in
            unsafe forEachPlace(of: list, at: offset, limit: buffer.count) { place, count, done in
                if let start = buffer.baseAddress { unsafe memcpy(place, start + done, count) }
            }
        }
    }

    /// Copies bytes into a part of a buffer, as many as there is room for.
    ///
    /// - Returns: how many bytes there was room for.
    @discardableResult
    package func copy(_ bytes: [UInt8], to list: borrowing SegmentList, at offset: Int = 0) -> Int {
        copy(bytes.span, to: list, at: offset)
    }

    /// Fills a part of a buffer with zeroes.
    ///
    /// - Returns: how many bytes there was room for.
    @discardableResult
    package func zero(_ list: borrowing SegmentList, at offset: Int = 0, count: Int) -> Int {
        unsafe forEachPlace(of: list, at: offset, limit: count) { place, count, _ in unsafe memset(place, 0, count) }
    }

    /// Fills a part of a buffer with random bytes.
    ///
    /// The corresponding system call is `getrandom(2)`.
    ///
    /// - Returns: how many bytes were filled.
    package func randomize(_ list: borrowing SegmentList, at offset: Int = 0, count: Int) -> Int {
        var filled = 0
        _ = unsafe forEachPlace(of: list, at: offset, limit: count) { place, count, done in
            // A short answer is what a signal leaves; the bytes behind it are not counted.
            if done == filled { filled &+= max(0, unsafe clx_getrandom(place, UInt(count))) }
        }
        return filled
    }

    /// Loads a little-endian number, wherever the runs of the buffer part it.
    ///
    /// - Returns: nil where the buffer is too short.
    package func load<T: FixedWidthInteger>(
        _ type: T.Type, from list: borrowing SegmentList, at offset: Int
    ) -> T? {
        var value = T.zero
        let size = T.bitWidth / 8
        let copied = unsafe withUnsafeMutableBytes(of: &value) { buffer in
            unsafe forEachPlace(of: list, at: offset, limit: size) { place, count, done in
                if let start = buffer.baseAddress { unsafe memcpy(start + done, place, count) }
            }
        }
        return copied == size ? T(littleEndian: value) : nil
    }

    /// Stores a little-endian number, wherever the runs of the buffer part it.
    ///
    /// - Returns: false where the buffer is too short.
    @discardableResult
    package func store<T: FixedWidthInteger>(_ value: T, to list: borrowing SegmentList, at offset: Int) -> Bool {
        var value = value.littleEndian
        let size = T.bitWidth / 8
        return unsafe withUnsafeMutableBytes(of: &value) { buffer in
            unsafe forEachPlace(of: list, at: offset, limit: size) { place, count, done in
                if let start = buffer.baseAddress { unsafe memcpy(place, start + done, count) }
            }
        } == size
    }
}

import CCompression
import Diagnostics

/// gzip, by zlib.
@safe struct ZlibDecoder: StreamDecoder, ~Copyable {
    // zlib keeps the stream's address and compares it, so it must not move.
    private let stream: UnsafeMutablePointer<z_stream>

    init() throws(RuntimeError) {
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        // 15 bits of window, and 16 more to say that it is gzip and nothing else.
        let result = unsafe inflateInit2_(stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        unsafe self.stream = stream
        guard result == Z_OK else { throw RuntimeError(.system, "zlib does not start (\(result))") }
    }

    deinit {
        // SAFETY: both happen once; inflateEnd takes a stream that was never started.
        unsafe inflateEnd(stream)
        unsafe stream.deallocate()
    }

    mutating func step(_ input: Span<UInt8>, into output: inout MutableSpan<UInt8>) throws(RuntimeError) -> DecodingStep
    {
        let stream = unsafe stream
        let (available, room) = (UInt32(clamping: input.count), UInt32(clamping: output.count))
        // SAFETY: zlib stays within the two lengths, and both buffers live to the end of the closures.
        let result = unsafe input.withUnsafeBufferPointer { source in
            unsafe output.withUnsafeMutableBufferPointer { target in
                unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: source.baseAddress)
                unsafe stream.pointee.avail_in = available
                unsafe stream.pointee.next_out = target.baseAddress
                unsafe stream.pointee.avail_out = room
                return unsafe inflate(stream, Z_NO_FLUSH)
            }
        }
        guard result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR else {
            throw RuntimeError(.invalidBundle, "the gzip data is damaged (zlib says \(result))")
        }
        return unsafe DecodingStep(
            consumed: Int(available - stream.pointee.avail_in), produced: Int(room - stream.pointee.avail_out),
            ended: result == Z_STREAM_END)
    }
}

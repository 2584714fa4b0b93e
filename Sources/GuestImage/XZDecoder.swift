import CCompression
import Diagnostics

/// xz with the filters that kernels are made with, by liblzma.
@safe struct XZDecoder: StreamDecoder, ~Copyable {
    private let stream: UnsafeMutablePointer<lzma_stream>

    /// Kernels take a dictionary of up to 128 MiB.
    private static let memoryLimit: UInt64 = 256 << 20

    init() throws(RuntimeError) {
        let stream = UnsafeMutablePointer<lzma_stream>.allocate(capacity: 1)
        unsafe stream.initialize(to: lzma_stream())
        let result = unsafe lzma_stream_decoder(stream, Self.memoryLimit, 0)
        unsafe self.stream = stream
        guard result == LZMA_OK else { throw RuntimeError(.system, "liblzma does not start (\(result.rawValue))") }
    }

    deinit {
        // SAFETY: both happen once; lzma_end takes a stream that was never started.
        unsafe lzma_end(stream)
        unsafe stream.deallocate()
    }

    mutating func step(_ input: Span<UInt8>, into output: inout MutableSpan<UInt8>) throws(RuntimeError) -> DecodingStep
    {
        let stream = unsafe stream
        let (available, room) = (input.count, output.count)
        // SAFETY: liblzma stays within the two lengths, and both buffers live to the end of the closures.
        let result = unsafe input.withUnsafeBufferPointer { source in
            unsafe output.withUnsafeMutableBufferPointer { target in
                unsafe stream.pointee.next_in = source.baseAddress
                unsafe stream.pointee.avail_in = available
                unsafe stream.pointee.next_out = target.baseAddress
                unsafe stream.pointee.avail_out = room
                return unsafe lzma_code(stream, LZMA_RUN)
            }
        }
        guard result == LZMA_OK || result == LZMA_STREAM_END || result == LZMA_BUF_ERROR else {
            throw RuntimeError(.invalidBundle, "the xz data is damaged (liblzma says \(result.rawValue))")
        }
        return unsafe DecodingStep(
            consumed: available - stream.pointee.avail_in, produced: room - stream.pointee.avail_out,
            ended: result == LZMA_STREAM_END)
    }
}

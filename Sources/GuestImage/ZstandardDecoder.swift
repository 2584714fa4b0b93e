import CCompression
import Diagnostics

/// Zstandard, by libzstd.
@safe struct ZstandardDecoder: StreamDecoder, ~Copyable {
    private let context: OpaquePointer

    init() throws(RuntimeError) {
        guard let context = unsafe ZSTD_createDStream() else {
            throw RuntimeError(.system, "libzstd does not start")
        }
        unsafe self.context = context
        // What kernels are made with: `zstd -22 --ultra` has a window of 128 MiB. Nothing larger is taken.
        unsafe ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, 27)
    }

    deinit {
        unsafe ZSTD_freeDStream(context)
    }

    mutating func step(_ input: Span<UInt8>, into output: inout MutableSpan<UInt8>) throws(RuntimeError) -> DecodingStep
    {
        let context = unsafe context
        var (consumed, produced) = (0, 0)
        // SAFETY: libzstd stays within the two lengths, and both buffers live to the end of the closures.
        let result = unsafe input.withUnsafeBufferPointer { source in
            unsafe output.withUnsafeMutableBufferPointer { target in
                var from = unsafe ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
                var to = unsafe ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
                let result = unsafe ZSTD_decompressStream(context, &to, &from)
                unsafe (consumed, produced) = (from.pos, to.pos)
                return result
            }
        }
        if ZSTD_isError(result) != 0 {
            throw RuntimeError(
                .invalidBundle, "the zstd data is damaged (\(unsafe String(cString: ZSTD_getErrorName(result))))")
        }
        return DecodingStep(consumed: consumed, produced: produced, ended: result == 0)
    }
}

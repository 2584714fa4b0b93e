import Diagnostics

/// What one step of a decoder did.
struct DecodingStep {
    /// How many bytes of the input it took.
    let consumed: Int
    /// How many bytes of output it made.
    let produced: Int
    /// Whether the compressed stream is at its end.
    let ended: Bool
}

/// One compressed stream on its way through a C library.
protocol StreamDecoder: ~Copyable {
    /// Starts a stream.
    init() throws(RuntimeError)

    /// Takes some input and fills some of the output.
    mutating func step(_ input: Span<UInt8>, into output: inout MutableSpan<UInt8>) throws(RuntimeError) -> DecodingStep
}

extension StreamDecoder where Self: ~Copyable {
    private mutating func step(
        _ input: ArraySlice<UInt8>, into buffer: inout [UInt8]
    ) throws(RuntimeError) -> DecodingStep {
        var output = buffer.mutableSpan
        return try step(input.span, into: &output)
    }

    /// Decodes a whole stream.
    ///
    /// - Parameters:
    ///   - input: the stream; what follows its end is ignored.
    ///   - limit: the most bytes it may decode to.
    ///   - sink: gets the bytes in order.
    static func decode(
        _ input: ArraySlice<UInt8>, limit: Int, into sink: (ArraySlice<UInt8>) throws(RuntimeError) -> Void
    ) throws(RuntimeError) {
        var decoder = try Self()
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var rest = input
        var total = 0
        while true {
            let step = try decoder.step(rest, into: &buffer)
            rest = rest.dropFirst(step.consumed)
            total += step.produced
            if total > limit { throw RuntimeError(.invalidBundle, "it decompresses to more than \(limit) bytes") }
            if step.produced > 0 { try sink(buffer[..<step.produced]) }
            if step.ended { return }
            if step.consumed == 0 && step.produced == 0 {
                throw RuntimeError(.invalidBundle, "the compressed data is cut off")
            }
        }
    }
}

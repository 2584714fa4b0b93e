import Plans

/// What the guest sends first on each stream of its stream port: whose stream it is.
///
/// Anybody in the guest can connect to that port, so the host takes each stream of each process once, and only one that
/// it waits for.
package struct StreamHeader: Equatable, Hashable, Sendable {
    /// A standard stream.
    package enum Stream: UInt8, Sendable {
        /// Standard input; with a terminal, everything.
        case input
        /// Standard output.
        case output
        /// Standard error.
        case errors
    }

    /// How many bytes it has: "mvio", the process (4 bytes), the stream (1 byte).
    package static let size = 9
    private static let magic: [UInt8] = Array("mvio".utf8)

    /// The process.
    package var process: UInt32
    /// Which of its streams.
    package var stream: Stream

    /// Names a stream.
    package init(process: UInt32, stream: Stream) {
        self.process = process
        self.stream = stream
    }

    /// Reads a header; nil for `size` bytes that are none.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Self.size, bytes.starts(with: Self.magic) else { return nil }
        var reader = PlanReader(Array(bytes.dropFirst(Self.magic.count)))
        guard let process = try? reader.number(UInt32.self), let stream = try? reader.enumeration(Stream.self) else {
            return nil
        }
        self.init(process: process, stream: stream)
    }

    /// The header in its wire form.
    package var bytes: [UInt8] {
        var writer = PlanWriter()
        for byte in Self.magic { writer.write(byte) }
        writer.write(process)
        writer.write(stream.rawValue)
        return writer.bytes
    }
}

import Syscalls

/// An open file that two relays use, as the main side of a terminal is; it is closed when the last lets go of it.
final class SharedFile {
    let file: OwnedDescriptor

    init(_ file: consuming OwnedDescriptor) {
        self.file = file
    }
}

/// Carries bytes in one direction, between a stream of the host and a standard stream of a program.
///
/// Nothing is kept longer than the sink takes to read it: the source is read again when the buffer is empty. The end of the
/// source becomes the end of the sink, behind the last byte; a sink that nobody reads any more closes the source, so that
/// who writes there knows.
final class StreamRelay {
    /// How the end of the source is told to the sink.
    enum Ending {
        /// By closing it: a pipe.
        case close
        /// By shutdown(2): a socket that may be read still.
        case shutDown
        /// By the terminal's end of file.
        case terminal
    }

    private static let size = 64 << 10

    private var source: SharedFile?
    private var sink: SharedFile?
    private let ending: Ending
    private var buffer = [UInt8](repeating: 0, count: size)
    private var pending: ArraySlice<UInt8> = []
    private var endsLine = true

    /// The relay's places in a set.
    struct Places {
        fileprivate var source: Int?
        fileprivate var sink: Int?
    }

    /// Takes two files that do not wait.
    init(from source: SharedFile, to sink: SharedFile, ending: Ending) {
        self.source = source
        self.sink = sink
        self.ending = ending
    }

    /// Whether nothing more will be carried.
    var isOver: Bool { source == nil && pending.isEmpty }

    /// Whether all that was written to the source so far was carried.
    ///
    /// Of a source that others than the program keep open, more may come later.
    var isSettled: Bool {
        guard pending.isEmpty else { return false }
        guard let source else { return true }
        var set = PollSet()
        set.add(source.file, .readable)
        return (try? set.wait(timeoutMilliseconds: 0)) == false
    }

    /// Adds what is waited for to a set.
    func register(in set: inout PollSet) -> Places {
        var places = Places()
        if !pending.isEmpty, let sink {
            places.sink = set.add(sink.file, .writable)
        } else if let source {
            places.source = set.add(source.file, .readable)
        }
        return places
    }

    /// Carries on what a wait found ready.
    func carry(_ set: PollSet, _ places: Places) {
        if let place = places.source, set.isReady(place) { read() }
        if let place = places.sink, set.isReady(place) { write() }
    }

    private func read() {
        guard let source else { return }
        do {
            let count = try source.file.read(into: &buffer, subject: "a stream")
            if count == 0 {
                endSource()
                return
            }
            endsLine = buffer[count - 1] == UInt8(ascii: "\n")
            pending = buffer[..<count]
            write()
        } catch {
            // EIO is the end of a terminal, pty(7); after any other error no more comes either.
            if error.errno != .wouldBlock { endSource() }
        }
    }

    private func write() {
        guard let sink else { return }
        do {
            let count = try sink.file.write(some: pending, subject: "a stream")
            // A copy of the buffer is made where the slice outlives the next read; that is why it is emptied at once.
            pending = count == pending.count ? [] : pending.dropFirst(count)
        } catch {
            if error.errno == .wouldBlock { return }
            pending = []
            source = nil
            self.sink = nil
            return
        }
        if source == nil && pending.isEmpty { endSink() }
    }

    private func endSource() {
        source = nil
        if ending == .terminal {
            // A line that is begun takes one end of file to be sent, and another to be the last.
            pending = endsLine ? [4] : [4, 4]
            write()
        } else if pending.isEmpty {
            endSink()
        }
    }

    private func endSink() {
        if ending == .shutDown, let sink { try? sink.file.endWriting() }
        sink = nil
    }
}

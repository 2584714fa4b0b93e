import AgentProtocol
import Diagnostics
import Syscalls

/// The control stream: frames of the host in, messages of the agent out.
final class ControlStream {
    /// How many bytes may wait for a host that does not read.
    private static let outgoingLimit = 4 << 20
    private static let flushMilliseconds = 10_000

    private let connection: OwnedDescriptor
    private var decoder = FrameDecoder<HostMessage>()
    private var outgoing = SendQueue()
    private var buffer = [UInt8](repeating: 0, count: 64 << 10)
    /// Whether the host is gone, or has sent what cannot be understood.
    private(set) var isBroken = false

    /// The stream's places in a set.
    struct Places {
        fileprivate var input: Int
        fileprivate var room: Int?
    }

    init(_ connection: consuming OwnedDescriptor) throws(SystemError) {
        try connection.setNonBlocking(true)
        self.connection = connection
    }

    /// Sends a message, which waits here if it must.
    func send(_ message: AgentMessage, answering request: UInt32 = 0) {
        outgoing.append(Frame(request: request, message.fitting).bytes)
        write()
        if outgoing.count > Self.outgoingLimit { isBroken = true }
    }

    /// Adds what is waited for to a set.
    func register(in set: inout PollSet) -> Places {
        Places(
            input: set.add(connection, .readable), room: outgoing.isEmpty ? nil : set.add(connection, .writable))
    }

    /// Takes what a wait found.
    ///
    /// - Returns: the frames that are whole.
    func receive(_ set: PollSet, _ places: Places) -> [Frame<HostMessage>] {
        if let place = places.room, set.isReady(place) { write() }
        if set.isReady(places.input) { read() }
        var frames: [Frame<HostMessage>] = []
        do throws(FrameFault) {
            while let frame = try decoder.next() { frames.append(frame) }
        } catch {
            send(.failed(RuntimeError(.guest, "\(error)").during("read what the host sent")))
            isBroken = true
        }
        return frames
    }

    private func read() {
        do {
            let count = try connection.read(into: &buffer, subject: "the control stream")
            if count == 0 { isBroken = true }
            decoder.append(buffer[..<count])
        } catch {
            if error.errno != .wouldBlock { isBroken = true }
        }
    }

    private func write() {
        do {
            try outgoing.flush(to: connection, subject: "the control stream")
        } catch {
            isBroken = true
        }
    }

    /// Waits until the host has taken everything, but not for ever.
    func flush() {
        let deadline = monotonicMilliseconds() + Self.flushMilliseconds
        while !outgoing.isEmpty, monotonicMilliseconds() < deadline {
            var set = PollSet()
            set.add(connection, .writable)
            _ = try? set.wait(timeoutMilliseconds: 100)
            write()
        }
    }
}

extension AgentMessage {
    /// The message, cut where it is longer than the other side takes.
    fileprivate var fitting: AgentMessage {
        switch self {
        case .failed(let error):
            let size = error.description.utf8.count + (error.hint?.utf8.count ?? 0)
            guard size > FrameLimit.part / 2 else { return self }
            var copy = RuntimeError(error.kind, String(error.description.prefix(4096)), errno: error.errno)
            copy.hint = error.hint.map { String($0.prefix(4096)) }
            return .failed(copy)
        case .warning(let text): return text.utf8.count > FrameLimit.part ? .warning(String(text.prefix(4096))) : self
        default: return self
        }
    }
}
